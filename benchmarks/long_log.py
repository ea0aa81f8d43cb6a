"""A long telemetry log: ten years of 32 sensors, 934,400 rows, and what a user does with it.

A plan of one sensor, an explorer, `status` of one sensor and of all. Each runs in a process of its own, which says the
processor's time and its peak memory (VmHWM, so Linux only), both with the imports, and beside them what the imports
take alone. The plain way in the same run is `csv.DictReader` over the whole file. Prints a line for each.
"""

import argparse
import contextlib
import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

FIRST, DAYS = date(2015, 1, 1), 3_650
SENSOR = "REACH-101"
STAGES = ("PROCESS_PENDING", "PROCESSED", "UPLOAD_PENDING", "UPLOADED")


def make_log(path):
    """Eight rows for each day of each sensor: a failure, a success, and what a later pipeline wrote."""
    from reach_nb.telemetry import COLUMNS

    events = ("DOWNLOAD_PENDING", "FAILED", "DOWNLOAD_PENDING", "DOWNLOADED", *STAGES)
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        out.writeheader()
        for day in (FIRST + timedelta(days=n) for n in range(DAYS)):
            for sensor in (f"REACH-{n}" for n in range(101, 133)):
                row = {
                    "chunk_date_utc": day,
                    "sensor_id": sensor,
                    "descriptor": "QUICKLOOK",
                    "output_format": "csv",
                    "started_at_utc": f"{day + timedelta(days=4)}T00:00:00.000000+00:00",
                    "finished_at_utc": f"{day + timedelta(days=4)}T00:01:00.000000+00:00",
                }
                measured = {
                    "records_downloaded": 17_000,
                    "expected_records": 17_280,
                    "availability_pct": 98.38,
                    "download_seconds": 3.21,
                    "csv_size_mb": 12.3,
                    "csv_path": f"/data/reach/{sensor}_{day}.csv",
                }
                error = {"error_type": "ServerError", "error_message": "503 after 5 tries"}
                for n, status in enumerate(events):
                    more = error if status == "FAILED" else measured if n > 2 else {}
                    out.writerow({**row, **more, "run_id": f"run-{n}", "status": status})


def plain(folder):
    with open(folder / "download_telemetry.csv", newline="", encoding="utf-8") as file:
        for _ in csv.DictReader(file):
            pass


def plan(folder):
    from reach_nb import DownloadRunConfig
    from reach_nb.planning import plan_run

    if folder:
        last = FIRST + timedelta(days=DAYS - 1)
        found = plan_run(DownloadRunConfig(FIRST, last, folder, sensor_id=SENSOR))
        assert len(found) == DAYS


def explorer(folder):
    from reach_nb.panel.explorer import AvailabilityExplorer

    if folder:
        assert len(AvailabilityExplorer(folder).strip.days) == DAYS


def status(*options):
    def run(folder):
        from reach_nb.cli import main

        if folder:
            with contextlib.redirect_stdout(io.StringIO()):
                main(["status", "--output-dir", str(folder), *options])

    return run


TASKS = {
    "csv.DictReader": plain,
    "plan of one sensor": plan,
    "explorer": explorer,
    "status of one sensor": status("--sensor", SENSOR),
    "status of all": status(),
}


def measure(name, folder):
    """The body of a child process; without a folder, the imports alone."""
    from peak import peak_mb

    began = time.perf_counter()
    TASKS[name](Path(folder) if folder else None)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_mb": round(peak_mb()),
    }


def child(name, folder):
    command = [sys.executable, __file__, "--measure", name, str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(said.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return print(json.dumps(measure(*args.measure)))
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        make_log(Path(folder) / "download_telemetry.csv")
        for name in TASKS:
            alone = {} if name == "csv.DictReader" else {"imports": child(name, "")}
            results[name] = found = child(name, folder) | alone
            imports = alone.get("imports", {"cpu_seconds": 0.0, "peak_mb": 0})
            ratio = found["cpu_seconds"] / results["csv.DictReader"]["cpu_seconds"]
            print(
                f"{name:22} {found['cpu_seconds']:6.2f} s of CPU, {found['peak_mb']:4} MB "
                f"(imports {imports['cpu_seconds']:.2f} s, {imports['peak_mb']} MB); "
                f"{ratio:.2f} of csv.DictReader",
                flush=True,
            )
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
