"""The service under which everything is measured: `SimulatedUDL` at full density, its answers rendered beforehand.

It runs in a process of its own, prints its address as one line of JSON, and ends when its standard input is closed.
"""

import argparse
import json
import sys
from datetime import date, timedelta

from reach_nb.simulator import SimulatedUDL, warm

DAY = date(2025, 1, 31)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gzip", action="store_true", help="compress for clients that accept it")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--days", type=int, default=1, help="days of ALL to render beforehand")
    parser.add_argument("--availability", type=float, default=1.0, help="share of the nominal records there are")
    args = parser.parse_args()
    settings = {"availability": args.availability, "outage_rate": 0.0, "late": 0.0, "cache_mb": 1400 * max(args.days, 1)}
    with SimulatedUDL(0, gzip=args.gzip, latency_seconds=args.latency, now="2026-01-01T00:00:00Z", **settings) as udl:
        size = sum(warm(udl, DAY + timedelta(days=n)) for n in range(args.days))
        print(json.dumps({"base_url": udl.base_url, "auth_token": udl.auth_token, "bytes": size}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
