"""Measure everything, print it beside the goals, and keep it in `results/`: see README.md.

python benchmarks/run.py                      everything (three quarters of an hour)
python benchmarks/run.py throughput startup   some sections; the others' results stay
python benchmarks/run.py --smoke              a few seconds: only that it runs, and that what is downloaded is right
"""

import argparse
import csv
import json
import logging
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "results.json"
MOTOR = [
    ("plain", "csv"),
    ("reach_nb", "csv"),
    ("plain", "json"),
    ("reach_nb", "json"),
    ("curl", "json"),
    ("reach_nb", "parquet"),
]
GOAL = {"csv": 4.0, "json": 15.0, "parquet": 5.0}  # times the reference
DIFFERENT_GOAL = {"csv": 5.0, "json": 18.0}  # the same, where no reading is like another
LIMITED = {"initial_rate": 5.0, "min_rate": 5.0, "max_rate": 25.0}


@contextmanager
def running_service(*flags):
    """A service in a process of its own; gives its address, and a way to change its settings."""
    process = subprocess.Popen(
        [sys.executable, HERE / "service.py", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def change(**settings):
        print(json.dumps(settings), file=process.stdin, flush=True)
        process.stdout.readline()

    try:
        yield json.loads(process.stdout.readline()), change
    finally:
        process.stdin.close()
        process.wait(30)


def download(service, client, output_format, chunks, workers=4, keep=None, **settings):
    """One download by a process of its own; what it took, as a dict. `keep(path)` sees the file before it goes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            HERE / "clients.py",
            client,
            output_format,
            folder,
            str(chunks),
            str(workers),
            json.dumps(settings),
        ]
        done = subprocess.run(command, input=json.dumps(service), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        took = json.loads(done.stdout.splitlines()[-1])
        path = Path(took.pop("path"))
        took["bytes"] = (
            sum(p.stat().st_size for p in path.iterdir()) if path.is_dir() else path.stat().st_size
        )
        if keep:
            keep(path)
    return took


def median(samples, key="seconds"):
    return statistics.median(s[key] for s in samples)


def throughput(service, change, rounds, chunks, motor=MOTOR):
    """Every client in turn, round after round, every second one backwards: a noisy minute, and what a client leaves behind, hit all."""
    samples = {}
    for number in range(rounds):
        for client, output_format in motor[:: -1 if number % 2 else 1]:
            took = download(service, client, output_format, chunks)
            took["records"] = took["records"] or chunks * 3_840
            samples.setdefault(f"{client} {output_format}", []).append(took)
            print(
                f"  round {number + 1}: {client} {output_format} {took['seconds']:.2f} s",
                flush=True,
            )
    return {
        "chunks": chunks,
        "rounds": rounds,
        "clients": {
            name: {
                "seconds": median(s),
                "records_per_s": median([{"r": x["records"] / x["seconds"]} for x in s], "r"),
                "cpu_us_per_record": median(
                    [{"c": 1e6 * x["cpu_seconds"] / x["records"]} for x in s], "c"
                ),
                "peak_mb": max(x["peak_mb"] for x in s),
                "bytes": s[0]["bytes"],
                "all_seconds": [x["seconds"] for x in s],
            }
            for name, s in samples.items()
        },
    }


def different(service, change, rounds, chunks):
    """The same, from a service whose readings all differ: nothing that was converted comes again."""
    with running_service("--different") as (own, change):
        return throughput(own, change, rounds, chunks, [m for m in MOTOR if m[0] != "curl"])


def shapes(service, change, rounds):
    """Converting alone, by the shape of the answers: see shapes.py."""
    from shapes import measure

    return measure(rounds=rounds)


def memory(service, change, output_format, days):
    """Peak memory of a backfill of one day and of several, and of counting the records of an artifact."""
    found = {}

    def count(path):
        found["count"] = count_memory(path)

    for number, times in ((1, 3), (days, 1)):
        took = [
            download(
                service,
                "reach_nb",
                output_format,
                288 * number,
                keep=count if number == 1 else None,
            )
            for _ in range(times)
        ]
        peak = max(t["peak_mb"] for t in took)
        found[str(number)] = {"peak_mb": peak, "seconds_per_day": median(took) / number}
        print(f"  {output_format}, {number} days: {peak:.0f} MB", flush=True)
    return found


def count_memory(path):
    """By how much counting the records of an artifact raises the peak, in MB, and how long it takes."""
    code = (
        "import sys, time; from peak import peak_mb; from reach_nb.archive.formats import count_records; from reach_nb.archive.flat_rows import row_schema; row_schema()\n"
        "b, t = peak_mb(), time.perf_counter(); n = count_records(sys.argv[1]); print(peak_mb() - b, time.perf_counter() - t, n)"
    )
    more, seconds, records = subprocess.run(
        [sys.executable, "-c", code, path.resolve()],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return {"more_mb": float(more), "seconds": float(seconds), "records": int(records)}


def growth(service, change, days, rows):
    """Time per day over a range of days, and with a telemetry file of some and of many rows."""
    from clients import UNLIMITED

    from reach_nb import (
        DownloadRunConfig,
        HistoricalTelemetry,
        SimulatedUDL,
        TelemetryRow,
        run_download,
    )
    from reach_nb.telemetry import COLUMNS

    logging.getLogger("reach_nb").setLevel(
        logging.ERROR
    )  # its hint about requests in flight is true, and not wanted
    found = {"days": {}, "rows": {}}
    first = date(2025, 1, 1)
    with (
        SimulatedUDL(
            1, availability=0.1, outage_rate=0.0, late=0.0, now="2026-01-01T00:00:00Z"
        ) as udl,
        tempfile.TemporaryDirectory() as folder,
    ):

        def run(name, count):
            config = DownloadRunConfig(
                first,
                first + timedelta(days=count - 1),
                Path(folder) / name,
                sensor_id="REACH-135",
                auth_token=udl.auth_token,
                base_url=udl.base_url,
                **UNLIMITED,
            )
            stamps = []
            run_download(
                config,
                progress=False,
                on_event=lambda e: (
                    stamps.append(time.perf_counter()) if hasattr(e, "number") else None
                ),
            )
            return [b - a for a, b in zip(stamps[::2], stamps[1::2], strict=True)]

        run("warm", days)
        spent = {1: [], days: []}
        for n in range(9):  # in turn, so that a slow minute hits both
            for count, samples in spent.items():
                samples.append(statistics.median(run(f"{count} days {n}", count)[-3:]))
        found["days"] = {count: statistics.median(samples) for count, samples in spent.items()}
        for count in (10, rows):
            path = Path(folder) / f"{count} rows" / "download_telemetry.csv"
            path.parent.mkdir()
            row = TelemetryRow(
                chunk_date_utc="2020-01-01",
                status="DOWNLOADED",
                sensor_id="REACH-135",
                descriptor="QUICKLOOK",
                output_format="csv",
                run_id="0" * 36,
                csv_path="/archive/" + "x" * 80,
                started_at_utc="2025-01-01T00:00:00.000000+00:00",
            )
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(
                    [
                        str(first - timedelta(days=1 + n % 3_650))
                        if c == "chunk_date_utc"
                        else getattr(row, c)
                        for c in COLUMNS
                    ]
                    for n in range(count)
                )
            telemetry = HistoricalTelemetry(path)
            began = time.perf_counter()
            telemetry.load_state(sensor_id="REACH-135")
            loaded = time.perf_counter() - began
            telemetry.append_row(row)
            spent = []
            for _ in range(25):
                began = time.perf_counter()
                telemetry.append_row(row)
                spent.append(time.perf_counter() - began)
            found["rows"][count] = {
                "load_state_s": loaded,
                "append_ms": 1e3 * statistics.median(spent),
                "seconds_per_day": statistics.median(run(f"{count} rows", 5)),
            }
    return found


def planning(service, change, repeats):
    """Ten years of days planned, from nothing and from a state in which all are done."""
    from reach_nb import DownloadRunConfig, TelemetryRow, plan_backfill

    config = DownloadRunConfig(date(2015, 1, 1), date(2024, 12, 31), Path("nowhere"))
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    row = TelemetryRow(status="SKIPPED_NO_DATA", started_at_utc="2025-06-01T00:00:00.000000+00:00")
    states = {
        "nothing": {},
        "all": {date(2015, 1, 1) + timedelta(days=n): row for n in range(3_653)},
    }
    found = {}
    for name, state in states.items():
        spent = []
        for _ in range(repeats):
            began = time.perf_counter()
            plan = plan_backfill(config, state, now)
            spent.append(time.perf_counter() - began)
        found[name] = {"days": len(plan), "seconds": statistics.median(spent)}
    return found


def pace(service, change, rounds, chunks):
    """A day at the default limits, without latency, and with 1 s and 32 in flight."""
    from limits import least_seconds

    found, samples = (
        {"limiter_alone_s": least_seconds(chunks, **LIMITED)},
        {name: [] for name in GOAL},
    )
    for _ in range(rounds):
        for name in GOAL:
            samples[name].append(download(service, "reach_nb", name, chunks, **LIMITED))
    for name, some in samples.items():
        found[name] = {"seconds": median(some), "all_seconds": [s["seconds"] for s in some]}
        print(f"  {name}: {found[name]['seconds']:.2f} s", flush=True)
    change(latency_seconds=1.0)
    try:
        for workers in (32, 4):
            samples = [
                download(service, "reach_nb", "csv", chunks, workers, **LIMITED)
                for _ in range(3 if workers == 32 else 1)
            ]
            found[f"1 s, {workers} in flight"] = {
                "seconds": median(samples),
                "peak_mb": max(s["peak_mb"] for s in samples),
            }
    finally:
        change(latency_seconds=0.0)
    return found


def flight(service, change, numbers, chunks):
    """Records/s against requests in flight, from a service that takes 0.25 s for an answer."""
    change(latency_seconds=0.25)
    try:
        found = {}
        for workers in numbers:
            samples = [download(service, "reach_nb", "csv", chunks, workers) for _ in range(3)]
            found[workers] = median([{"r": s["records"] / s["seconds"]} for s in samples], "r")
            print(f"  {workers} in flight: {found[workers]:,.0f} records/s", flush=True)
    finally:
        change(latency_seconds=0.0)
    return {"latency_s": 0.25, "chunks": chunks, "records_per_s": found}


def limiter(service, change, chunks):
    """Goodput and refusals in virtual time, and one backfill in real time as a check."""
    import limits

    found = {}
    for tells in (False, True):
        said = ", tells" * tells
        for rate in (3, 10, 40):
            found[f"{rate}/s{said}"] = limits.against_bucket(
                rate, tells=tells, chunks=chunks, max_rate=50.0 if rate == 40 else 25.0
            )
        for quota in (60, 180, 600):
            found[f"{quota}/min{said}"] = limits.against_quota(quota, tells=tells, chunks=chunks)
        found[f"2400/min{said}"] = limits.against_quota(
            2_400, tells=tells, chunks=5 * chunks, max_rate=50.0
        )
    found = {
        k: {"goodput": o.goodput, "refused": o.refused, "failed": o.counts["failed"]}
        for k, o in found.items()
    }
    return {"virtual": found, "real 10/s": real_limit()}


def real_limit():
    """A day of ALL in small records from a service that allows 10 requests/s after a burst of 10, on the real clock."""
    from reach_nb import SimulatedUDL, download_UDL_reach_window

    with (
        SimulatedUDL(
            1,
            availability=0.02,
            outage_rate=0.0,
            late=0.0,
            rate_limit=10.0,
            now="2026-01-01T00:00:00Z",
        ) as udl,
        tempfile.TemporaryDirectory() as folder,
    ):
        began = time.perf_counter()
        download_UDL_reach_window(
            auth_token=udl.auth_token,
            base_url=udl.base_url,
            sensor_id="ALL",
            descriptor="QUICKLOOK",
            output_format="csv",
            start_time="2025-01-31",
            end_time="2025-02-01",
            output_dir=folder,
        )
        seconds, answers = time.perf_counter() - began, [r.status for r in udl.requests]
    return {
        "goodput": answers.count(200) / (10 + 10 * seconds),
        "refused": answers.count(429) / len(answers),
        "failed": 0,
        "seconds": seconds,
    }


def startup(service, change, repeats):
    """Seconds for a bare Python, for `import reach_nb`, for a dry run of a year; and to a run's first request."""
    commands = {
        "python": ["-c", "pass"],
        "import": ["-c", "import reach_nb"],
        "dry run": [
            "-m",
            "reach_nb",
            "download",
            "--dry-run",
            "--start-date",
            "2024-01-01",
            "--end-date",
            "2024-12-31",
            "--output-dir",
            "nowhere",
        ],
    }
    spent = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            spent[name].append(time.perf_counter() - began)
        for output_format in ("csv", "parquet"):
            command = [sys.executable, HERE / "first_request.py", output_format]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            spent.setdefault(f"first request, {output_format}", []).append(float(done.stdout))
    return {name: statistics.median(s) for name, s in spent.items()}


SECTIONS = {
    "throughput": (throughput, {"rounds": 5, "chunks": 288}),
    "different": (different, {"rounds": 5, "chunks": 288}),
    "shapes": (shapes, {"rounds": 5}),
    **{f"memory-{name}": (memory, {"output_format": name, "days": 10}) for name in GOAL},
    "growth": (growth, {"days": 30, "rows": 100_000}),
    "planning": (planning, {"repeats": 7}),
    "pace": (pace, {"rounds": 5, "chunks": 288}),
    "flight": (flight, {"numbers": (1, 2, 4, 8, 16, 32), "chunks": 72}),
    "limiter": (limiter, {"chunks": 2_880}),
    "startup": (startup, {"repeats": 9}),
}


def machine():
    """What it was measured on, without names."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        model = next(
            (
                line.partition(":")[2].strip()
                for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")
            ),
            "",
        )
    packages = ("requests", "urllib3", "msgspec", "pyarrow", "numpy")
    began = time.thread_time()
    sum(n * n for n in range(1_000_000))
    return {
        "cores": os.cpu_count(),
        "processor": model or platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "million_squares_s": time.thread_time() - began,
        "load_average": os.getloadavg()[0],
    }


def rows(results):
    """The goal table: `(what, measured, goal, met)` of all that has been measured."""
    if t := results.get("throughput"):
        clients, per = t["clients"], lambda name: t["clients"][name]["records_per_s"]
        curl = clients["curl json"]["seconds"]
        yield "service's own ceiling (curl)", f"{per('curl json'):,.0f} records/s", "", None
        for name in ("csv", "json", "parquet"):
            ratio = per(f"reach_nb {name}") / per("plain json" if name == "json" else "plain csv")
            yield (
                f"{name}, times the reference",
                f"{ratio:.1f}",
                f"≥ {GOAL[name]:g}",
                ratio >= GOAL[name],
            )
        cpu = clients["reach_nb csv"]["cpu_us_per_record"]
        yield (
            "csv, CPU per record",
            f"{cpu:.1f} µs (reference {clients['plain csv']['cpu_us_per_record']:.1f})",
            "≤ 8 µs",
            cpu <= 8,
        )
        ratio = clients["reach_nb json"]["seconds"] / curl
        yield "json, time of curl --parallel", f"{ratio:.1f} ×", "≤ 2.5 ×", ratio <= 2.5
    yield from different_rows(results)
    for name, most in (("csv", 120), ("json", 120), ("parquet", 250)):
        if m := results.get(f"memory-{name}"):
            one, many = m["1"], m["10"]
            peaks = f"{one['peak_mb']:.0f} and {many['peak_mb']:.0f} MB"
            yield (
                f"{name}, peak memory, 1 and 10 days",
                peaks,
                f"≤ {most} MB",
                max(one["peak_mb"], many["peak_mb"]) <= most,
            )
            ratio = many["seconds_per_day"] / one["seconds_per_day"]
            yield (
                f"{name}, time per day of ALL, 10 days against 1",
                f"{ratio:.2f} ×",
                "constant",
                ratio < 1.2,
            )
            counted = m["count"]
            yield (
                f"{name}, counting the records of a day",
                f"{counted['more_mb']:.0f} MB, {counted['seconds']:.1f} s",
                "never loads it",
                counted["more_mb"] < 50,
            )
    yield from more_rows(results)


def different_rows(results):
    """The rows of what comes where no reading is like another."""
    if t := results.get("different"):
        clients = t["clients"]
        for name, goal in DIFFERENT_GOAL.items():
            ratio = clients[f"plain {name}"]["seconds"] / clients[f"reach_nb {name}"]["seconds"]
            yield (
                f"{name}, every reading another, times the reference",
                f"{ratio:.1f}",
                f"≥ {goal:g}",
                ratio >= goal,
            )
        cpu = clients["reach_nb csv"]["cpu_us_per_record"]
        yield "csv, every reading another, CPU per record", f"{cpu:.1f} µs", "≤ 8 µs", cpu <= 8


def more_rows(results):
    """The rest of the table."""
    if g := results.get("growth"):
        (one, many), (few, lots) = g["days"].values(), g["rows"].values()
        yield "time per day, 30 days against 1", f"{many / one:.2f} ×", "constant", many / one < 1.2
        ratio = lots["seconds_per_day"] / few["seconds_per_day"]
        yield (
            "time per day, 100,000 telemetry rows against 10",
            f"{ratio:.2f} ×",
            "constant",
            ratio < 1.2,
        )
        yield (
            "append to 100,000 rows against 10",
            f"{lots['append_ms']:.2f} and {few['append_ms']:.2f} ms",
            "the same",
            lots["append_ms"] < 1.5 * few["append_ms"],
        )
        yield (
            "load_state of 100,000 rows",
            f"{lots['load_state_s']:.2f} s",
            "≤ 1 s",
            lots["load_state_s"] <= 1,
        )
    if p := results.get("planning"):
        slowest = max(v["seconds"] for v in p.values())
        yield "ten years of days planned", f"{slowest:.2f} s", "≤ 0.5 s", slowest <= 0.5
    if p := results.get("pace"):
        alone = p["limiter_alone_s"]
        for name in ("csv", "json", "parquet"):
            ratio = p[name]["seconds"] / alone
            yield (
                f"{name}, a day at 5 → 25/s, against {alone:.1f} s",
                f"{p[name]['seconds']:.1f} s, {ratio:.3f} ×",
                "≤ 1.05 ×",
                ratio <= 1.05,
            )
        ratio = p["1 s, 32 in flight"]["seconds"] / alone
        yield "the same, 1 s of latency, 32 in flight", f"{ratio:.2f} ×", "≤ 1.5 ×", ratio <= 1.5
    if limits := results.get("limiter"):
        for name, o in [*limits["virtual"].items(), ("10/s, real clock", limits["real 10/s"])]:
            least = 0.8 if name.startswith(("40/s", "2400/min")) else 0.95
            met = o["goodput"] >= least and o["refused"] <= 0.05 and not o["failed"]
            served, refused = 100 * o["goodput"], 100 * o["refused"]
            yield (
                f"limiter, allowed {name.replace(', tells', ', with Retry-After')}",
                f"{served:.0f} % of it used, {refused:.1f} % refused, {o['failed']} failed",
                f"≥ {100 * least:.0f} %, ≤ 5 %, 0",
                met,
            )
    if s := results.get("startup"):
        yield (
            "import reach_nb, beyond Python's own start",
            f"{round(s['import'] - s['python'], 2) + 0.0:.2f} s",
            "≤ 0.3 s",
            s["import"] - s["python"] <= 0.3,
        )
        yield "dry run of a year", f"{s['dry run']:.2f} s", "≤ 1.5 s", s["dry run"] <= 1.5
        for name, first in s.items():
            if name.startswith("first request"):
                what = f"from `import reach_nb` to the {name}"
                yield what, f"{first:.2f} s", "≤ 0.35 s", first <= 0.35


def smoke():
    """Six chunks by each client, held against each other; and the quick sections."""
    from pyarrow import parquet

    texts = {}

    def keeper(name, output_format):
        def keep(path):
            if name == "curl":
                texts[name, output_format] = [
                    r for p in sorted(path.iterdir()) for r in json.loads(p.read_bytes())
                ]
            elif output_format == "parquet":
                texts[name, output_format] = (
                    parquet.read_table(path).select(["id", "lat", "obValue"]).to_pylist()
                )
            else:
                texts[name, output_format] = (
                    path.read_bytes() if output_format == "csv" else json.loads(path.read_bytes())
                )

        return keep

    with running_service("--availability", "0.02") as (service, change):
        for client, output_format in MOTOR:
            download(service, client, output_format, 6, keep=keeper(client, output_format))
        change(latency_seconds=0.01)
    records = texts["curl", "json"]
    flat = [
        {"id": r["id"], "lat": r["lat"], "obValue": r["seoList"][0]["obValue"]} for r in records
    ]
    assert records and texts["plain", "csv"] == texts["reach_nb", "csv"]
    assert (
        records == texts["plain", "json"] == texts["reach_nb", "json"]
        and flat == texts["reach_nb", "parquet"]
    )
    import limits
    from shapes import GOALS, measure

    assert set(measure(number=1, rounds=1, availability=0.02)) == set(GOALS)
    results = {"planning": planning(None, None, 1), "startup": startup(None, None, 1)}
    assert limits.against_bucket(10, chunks=100).counts["served"] == 100
    assert len(list(rows(results))) == 5
    print(f"{len(records)} records: all clients agree")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", help=", ".join(SECTIONS))
    parser.add_argument("--smoke", action="store_true", help="a few seconds, nothing is kept")
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        help="where the figures are kept (default: %(default)s)",
    )
    args = parser.parse_args()
    if args.smoke:
        return smoke()
    if unknown := set(args.sections) - set(SECTIONS):
        parser.error(f"unknown section: {', '.join(unknown)}")
    if not shutil.which("curl"):
        parser.error("curl is not installed")
    results = json.loads(args.results.read_text(encoding="utf-8")) if args.results.exists() else {}
    with running_service("--days", "10") as (service, change):
        for name in args.sections or SECTIONS:
            work, options = SECTIONS[name]
            print(f"{name} …", flush=True)
            results[name] = work(service, change, **options)
            results["machine"] = machine()
            results = json.loads(json.dumps(results))
            args.results.parent.mkdir(exist_ok=True)
            args.results.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for what, value, goal, met in rows(results):
        print(f"{what:52} {value:44} {goal:16} {'' if met is None else 'met' if met else 'MISSED'}")
    if found := results.get("shapes"):
        from shapes import shape_table

        print(shape_table(found).to_string())


if __name__ == "__main__":
    main()
