"""How fast a finished archive is looked at: telemetry of 100,000 rows, days of ALL in each format, conversion.

The artifacts are made by the downloader itself, from the embedded service at full density (1,105,920 records a day),
or taken from `--folder` if an earlier call left them there. Every measurement runs in a process of its own, which says
at its end how much memory it needed at most (VmHWM, so Linux only). Prints a line per measurement and writes them all
as JSON to `--output`.
"""

import argparse
import csv
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

FIRST, DAYS = date(2025, 1, 29), 3
LAST = FIRST + timedelta(days=DAYS - 1)
TELEMETRY_ROWS = 100_000
PLOT_COLUMNS = ["ob_time", "sensor_id", "dosimeter", "flavor", "dose_rate", "quality", "lat", "lon"]


def make_artifacts(folder):
    """Days of ALL: three in Parquet, one in CSV and JSON."""
    from reach_nb import DownloadRunConfig, SimulatedUDL, run_download

    with SimulatedUDL(
        0, now="2026-01-01T00:00:00Z", availability=1.0, outage_rate=0.0, late=0.0
    ) as udl:
        for output_format, last in (("parquet", LAST), ("csv", FIRST), ("json", FIRST)):
            summary = run_download(
                DownloadRunConfig(
                    FIRST,
                    last,
                    folder,
                    output_format=output_format,
                    auth_token=udl.auth_token,
                    base_url=udl.base_url,
                    initial_rate=200.0,
                    max_rate=1000.0,
                    telemetry_path=folder / f"{output_format}_telemetry.csv",
                ),
                progress=False,
            )
            if summary.days_failed:
                raise SystemExit(f"{summary.days_failed} days of {output_format} failed")


def make_telemetry(path):
    """100,000 rows: a pending and a final one per attempt, seven attempts at each of some 7,000 days."""
    from reach_nb.telemetry import COLUMNS

    rng, start = random.Random(0), datetime(2026, 1, 1, tzinfo=timezone.utc)
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS, restval="")
        out.writeheader()
        for n in range(TELEMETRY_ROWS // 2):
            day = date(2006, 1, 1) + timedelta(days=n % (TELEMETRY_ROWS // 14))
            row = {
                "run_id": f"run-{n * 14 // TELEMETRY_ROWS}",
                "chunk_date_utc": day,
                "sensor_id": "ALL",
                "descriptor": "QUICKLOOK",
                "output_format": "csv",
                "expected_records": 1_105_920,
                "started_at_utc": f"{start + timedelta(seconds=20 * n):%Y-%m-%dT%H:%M:%S.%f+00:00}",
            }
            out.writerow({**row, "status": "DOWNLOAD_PENDING"})
            records = rng.randrange(900_000, 1_105_920)
            done = {
                "status": "DOWNLOADED",
                "records_downloaded": records,
                "availability_pct": f"{records / 11_059.2:.4f}",
                "download_seconds": "12.345",
                "csv_size_mb": "561.1234",
                "csv_path": f"/data/REACH-ALL_{day:%Y%m%d}.csv",
            }
            bad = {
                "status": "FAILED",
                "error_type": "ServiceError",
                "error_message": "HTTP 503 in 5 tries, chunk 06:00 to 06:05",
            }
            out.writerow({**row, **(done if rng.random() < 0.9 else bad)})


def artifact(folder, output_format):
    from reach_nb.dataset import Dataset

    return Dataset(output_format=output_format).artifact_path(folder, FIRST)


def read_day(output_format, columns=None):
    def run(folder):
        from reach_nb import read_artifact

        return len(read_artifact(artifact(folder, output_format), columns=columns))

    return run


def stream(days):
    def run(folder):
        from reach_nb import iter_archive

        frames = iter_archive(
            folder, FIRST, FIRST + timedelta(days=days - 1), output_format="parquet"
        )
        return sum(map(len, frames))

    return run


def look(what):
    """A picture's or a table's work over the day that was read from Parquet."""

    def run(folder):
        import reach_nb

        frame = reach_nb.read_artifact(artifact(folder, "parquet"), columns=PLOT_COLUMNS)
        start = clocks()
        what(reach_nb, frame)
        return len(frame), *since(start)

    return run


def availability(folder):
    from reach_nb import availability_frame

    availability_frame(folder / "telemetry.csv")
    return TELEMETRY_ROWS


def calendar(folder):
    from reach_nb import availability_frame, plot_calendar

    frame = availability_frame(folder / "telemetry.csv")
    start = clocks()
    plot_calendar(frame).figure.canvas.draw()
    return len(frame), *since(start)


def convert(output_format):
    def run(folder):
        from reach_nb import convert_archive

        with tempfile.TemporaryDirectory(dir=folder) as target:
            done = convert_archive(folder, target, source_format=output_format)
            if output_format == "parquet":
                done = done[:DAYS]
            if {result.status for result in done} != {"converted"}:
                raise SystemExit(f"not all converted: {[str(result) for result in done]}")
            return sum(result.records for result in done)

    return run


MEASUREMENTS = {
    "availability_frame, 100,000 rows of telemetry": availability,
    "plot_calendar of its 7,142 days": calendar,
    "read_artifact, parquet": read_day("parquet"),
    "read_artifact, parquet, 8 columns": read_day("parquet", PLOT_COLUMNS),
    "read_artifact, csv": read_day("csv"),
    "read_artifact, json": read_day("json"),
    "iter_archive, parquet, 1 day": stream(1),
    "iter_archive, parquet, 3 days": stream(3),
    "gaps of a day": look(lambda reach_nb, frame: reach_nb.gaps(frame)),
    "sensor_days of a day": look(lambda reach_nb, frame: reach_nb.sensor_days(frame)),
    "daily_dose of a day": look(lambda reach_nb, frame: reach_nb.daily_dose(frame)),
    "plot_dose_map of a day": look(
        lambda reach_nb, frame: reach_nb.plot_dose_map(frame, flavor="X").figure.canvas.draw()
    ),
    "to_timeseries of a day": look(lambda reach_nb, frame: reach_nb.to_timeseries(frame)),
    "convert_archive, 1 day of csv": convert("csv"),
    "convert_archive, 1 day of json": convert("json"),
    "convert_archive, 3 days of parquet": convert("parquet"),
}


def clocks():
    return time.perf_counter(), time.process_time()


def since(start):
    """Seconds of the wall's clock and of the processor's."""
    return tuple(now - then for now, then in zip(clocks(), start, strict=True))


def peak_mb():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def measure(name, folder):
    """The body of a child process: one measurement, said as a line of JSON."""
    import reach_nb

    assert reach_nb.read_artifact and reach_nb.availability_frame  # their imports are not measured
    start = clocks()
    done = MEASUREMENTS[name](folder)
    wall, cpu = since(start)
    rows, wall, cpu = done if isinstance(done, tuple) else (done, wall, cpu)
    print(
        json.dumps(
            {
                "what": name,
                "rows": rows,
                "seconds": round(wall, 2),
                "cpu_seconds": round(cpu, 2),
                "peak_mb": round(peak_mb()),
            }
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="where the artifacts are, or go; a temporary one unless told"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="of each measurement; the median is kept (default: %(default)s)",
    )
    parser.add_argument("--only", default="", help="measure what holds this text in its name")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "reading.json"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return measure(args.measure, args.folder)
    with tempfile.TemporaryDirectory() as scratch:
        results = run_all(args.folder or Path(scratch), args)
    versions = {n: __import__(n).__version__ for n in ("numpy", "pandas", "pyarrow", "msgspec")}
    machine = {"processors": os.cpu_count(), "python": platform.python_version(), **versions}
    if args.only and args.output.exists():  # the others keep their figures
        new = {result["what"]: result for result in results}
        old = json.loads(args.output.read_text())["results"]
        results = [new.pop(result["what"], result) for result in old] + list(new.values())
    said = {"machine": machine, "rounds": args.rounds, "results": results}
    args.output.write_text(json.dumps(said, indent=1) + "\n")


def run_all(folder, args):
    folder.mkdir(parents=True, exist_ok=True)
    if not artifact(folder, "json").exists():
        make_artifacts(folder)
    if not (folder / "telemetry.csv").exists():
        make_telemetry(folder / "telemetry.csv")
    results = []
    for name in MEASUREMENTS:
        if args.only in name:
            command = [sys.executable, __file__, "--folder", str(folder), "--measure", name]
            said = [
                json.loads(
                    subprocess.run(command, check=True, capture_output=True, text=True).stdout
                )
                for _ in range(args.rounds)
            ]
            results.append(sorted(said, key=lambda one: one["seconds"])[len(said) // 2])
            print(
                "{what:50} {rows:>9,} rows {seconds:7.2f} s ({cpu_seconds:6.2f} s of CPU) {peak_mb:6} MB".format(
                    **results[-1]
                ),
                flush=True,
            )
    return results


if __name__ == "__main__":
    main()
