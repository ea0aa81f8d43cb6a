"""A year of ALL in Parquet: what each analysis takes, and whether ten years take ten times as long.

The year is hard links: a few simulated days (`engines.py` or `reading.py` leave some) under the names of 365. Their
times are moved to the day of the file's name when they are read, which costs a millisecond or two a day; besides,
nothing is special. Each analysis runs in a process of its own, with no executor, and says its peak memory (VmHWM, so
Linux only). A bar that is drawn nowhere notes when each day was done: the quarters of the year show the growth. Then
some days on one process and on two. Prints a line per analysis and writes all to `--output`.
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from peak import peak_mb

from reach_nb.archive.finding import Share
from reach_nb.archive.reading import Archive, scan_archive
from reach_nb.dataset import Dataset

FIRST = date(2025, 1, 1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class LinkedDays(Archive):
    """Days whose times are moved to the day of their file's name."""

    def read(self, **how):
        import pandas as pd

        frame = super().read(**how)
        [day] = self.files
        if len(frame):
            frame["ob_time"] += pd.Timedelta(day - frame["ob_time"].iloc[0].date())
        return frame


def link_days(sources, folder, days):
    """A folder of so many days, linked to a few in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(days):
        path = Dataset(output_format="parquet").artifact_path(folder, FIRST + n * DAY)
        if not path.exists():
            os.link(sources[n % len(sources)], path)


def linked(folder, days):
    found = scan_archive(folder, FIRST, FIRST + (days - 1) * DAY, output_format="parquet")
    as_they_are = replace(found.selection, window=None)  # their times are moved later
    whole = {day: tuple(Share(share.path) for share in some) for day, some in found.files.items()}
    days = LinkedDays(*(getattr(found, field.name) for field in fields(found)))
    return replace(days, files=whole, selection=as_they_are)


def names():
    """Of every analysis of the package: it takes an executor, and gives a table."""
    import reach_nb

    for name in reach_nb.__all__:
        function = getattr(reach_nb, name)
        makes_no_table = name == "each_day" or name.startswith(("plot_", "describe_"))
        if inspect.isfunction(function) and not makes_no_table:
            if "executor" in inspect.signature(function).parameters:
                yield name


def analysis_of(name):
    """An analysis, of one flavor if it is of one; nothing else is imported, for memory is measured."""
    import reach_nb

    function = getattr(reach_nb, name)
    of_one = "flavor" in inspect.signature(function).parameters
    return partial(function, flavor="X") if of_one else function


def measure(name, folder, days, processes):
    """The body of a child process: one analysis, said as a line of JSON."""
    analysis, archive, done = analysis_of(name), linked(folder, days), []
    begin, cpu = time.perf_counter(), time.process_time()

    def note(parts, total, unit):
        for part in parts:
            yield part
            done.append(time.perf_counter() - begin)

    if processes:
        with ProcessPoolExecutor(processes) as executor:
            list(executor.map(time.sleep, [0.1] * processes))  # they are there, and have imported
            analysis(linked(folder, processes), executor=executor)
            begin = time.perf_counter()
            analysis(archive, executor=executor, progress=note)
    else:
        analysis(archive, progress=note)
    seconds = time.perf_counter() - begin
    quarters = [round(done[days * n // 4 - 1], 1) for n in (1, 2, 3, 4)] if days >= 4 else []
    return {
        "days": days,
        "processes": processes,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "quarters": quarters,
        "peak_mb": round(peak_mb()),
    }


def child(name, days, processes, args):
    command = [sys.executable, __file__, "--folder", str(args.folder), "--days", str(days)]
    said = subprocess.run(
        [*command, "--measure", name, str(processes)], check=True, capture_output=True, text=True
    )
    return json.loads(said.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="a folder of days of ALL in Parquet")
    parser.add_argument("--folder", type=Path, required=True, help="where the links go")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--some", type=int, default=48, help="days on one process, and on two")
    parser.add_argument("--only", default="", help="analyses that hold this text in their name")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        name, processes = args.measure
        return print(json.dumps(measure(name, args.folder, args.days, int(processes))))
    if args.source:
        link_days(sorted(args.source.glob("REACH-ALL_*.parquet")), args.folder, args.days)
    results = {}
    for name in (name for name in names() if args.only in name):
        whole = child(name, args.days, 0, args)
        one, two = (child(name, args.some, processes, args) for processes in (1, 2))
        results[name] = {"year": whole, "one process": one, "two processes": two}
        print(
            f"{name:16} {whole['days']} days: {whole['seconds']:6.0f} s "
            f"({whole['cpu_seconds']:.0f} s of CPU), {whole['peak_mb']} MB, quarters done after "
            f"{', '.join(f'{s:.0f}' for s in whole['quarters'])} s; "
            f"two processes {one['seconds'] / two['seconds']:.2f} times as fast as one",
            flush=True,
        )
        if args.output:  # as far as it came
            args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
