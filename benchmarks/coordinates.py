"""How fast `add_coordinates` is: python benchmarks/coordinates.py [--rows 30000000]

A month of all sensors as it lies in an archive: each place is that of two readings, one row after the other.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd

from reach_nb import add_coordinates


def month(rows: int) -> pd.DataFrame:
    rng, places = np.random.default_rng(0), rows // 2
    seconds = np.sort(rng.integers(0, 31 * 17_280, places)) * 5
    frame = {
        "ob_time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(seconds, "s"),
        "lat": rng.uniform(-86.4, 86.4, places),
        "lon": rng.uniform(-180, 180, places),
        "alt_km": rng.uniform(765, 795, places),
    }
    return pd.DataFrame(frame).loc[np.repeat(np.arange(places), 2)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000_000, metavar="N")
    rows = parser.parse_args().rows
    began = time.process_time()
    add_coordinates(month(10))
    print(f"the first call of a year: {time.process_time() - began:.1f} s of a processor")
    frame = month(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    add_coordinates(frame)
    spent = time.process_time() - began
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(
        f"{rows:,} rows: {spent:.1f} s, {1e6 * spent / rows:.2f} µs each, {more:.1f} GB more memory"
    )
