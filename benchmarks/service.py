"""The service under which everything is measured: `SimulatedUDL` at full density, its answers rendered beforehand.

It runs in a process of its own, prints its address as one line of JSON, and ends when its standard input is closed.
A line of JSON on standard input changes settings: `{"latency_seconds": 1.0}`. It is answered by `{}`.
"""

import argparse
import json
import random
import sys
from datetime import date, timedelta

from reach_nb.dataset import Dataset
from reach_nb.service.protocol import query
from reach_nb.simulated.library import answer_query, warm_library
from reach_nb.simulated.query import parse_query
from reach_nb.simulated.service import SimulatedUDL
from reach_nb.windows import chunk_windows, day_window

DAY = date(2025, 1, 31)


def lend(udl, days):
    """Let the days after the first have its records at their own times; ten days of ALL take 9 GB of memory."""

    def asked(day):
        return [
            parse_query(query(Dataset(), chunk)) for chunk in chunk_windows(day_window(day), 300)
        ]

    for day in (DAY + timedelta(days=n) for n in range(1, days)):
        for own, lent in zip(asked(day), asked(DAY), strict=True):
            body = udl.library.cache.get(lent, bytes)
            # its time of creation, too, is of the next day: only what is asked for is moved
            body = body.replace(f'"obTime":"{DAY}T'.encode(), f'"obTime":"{day}T'.encode())
            udl.library.cache.get(own, lambda body=body: body)


def make_different(udl):
    """Let each reading of the day be another number."""
    library, chance = udl.library, random.Random(0)
    for chunk in chunk_windows(day_window(DAY), 300):
        asked = parse_query(query(Dataset(), chunk))
        records = json.loads(answer_query(library.sky, asked, library.now_ms()))
        for record in records:
            for entry in record["seoList"]:
                entry["obValue"] = chance.uniform(1e-8, 1e-5)
        body = json.dumps(records, separators=(",", ":")).encode()
        library.cache.get(asked, lambda body=body: body)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gzip", action="store_true", help="compress for clients that accept it")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument(
        "--days", type=int, default=1, help="days of ALL; those after the first have its records"
    )
    parser.add_argument("--different", action="store_true", help="each reading is another number")
    parser.add_argument(
        "--availability", type=float, default=1.0, help="share of the nominal records there are"
    )
    args = parser.parse_args()
    settings = {
        "availability": args.availability,
        "outage_rate": 0.0,
        "late": 0.0,
        "cache_mb": 1400 * max(args.days, 1),
    }
    with SimulatedUDL(
        0, gzip=args.gzip, latency_seconds=args.latency, now="2026-01-01T00:00:00Z", **settings
    ) as udl:
        if args.different:
            make_different(udl)
        size = warm_library(udl.library, DAY)
        lend(udl, args.days)
        print(
            json.dumps({"base_url": udl.base_url, "auth_token": udl.auth_token, "bytes": size}),
            flush=True,
        )
        for line in sys.stdin:
            vars(udl.settings).update(json.loads(line))
            print("{}", flush=True)


if __name__ == "__main__":
    main()
