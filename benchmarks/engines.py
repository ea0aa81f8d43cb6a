"""Reading and analysing Parquet days of ALL: reach_nb, DuckDB and Polars in turns, and their answers held equal.

DuckDB runs twice: `duckdb` asks the files as they are, `view` asks the view that `reach_nb.duckdb_view` makes of them.

The days are made from one day in Parquet, simulated and downloaded unless `--source` names one: its times are shifted, and of each
copy a twentieth of the readings is taken away, seeded, so that there are gaps. Each measurement runs in a process of
its own; its time begins after the imports, and its memory is the peak of the process (VmHWM, so Linux only). The
queries of `duckdb` and Polars are what one would write who knows these files: they look for no duplicates, impute no
sensor and take every unit for granted; reach_nb and the view do all three. Results are pandas frames
throughout.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2025, 1, 29)
ENGINES = ("reach_nb", "duckdb", "view", "polars")
E2 = 0.0066943799901413165  # of WGS 84


def make_days(source, folder, days):
    """Copies of one day under other dates, with a twentieth of the readings missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from reach_nb.dataset import Dataset

    folder.mkdir(parents=True, exist_ok=True)
    for n in range(days):
        path = Dataset(output_format="parquet").artifact_path(folder, FIRST + timedelta(days=n))
        if path.exists():
            continue
        with pq.ParquetFile(source) as file:
            keep = np.random.default_rng(n).random(file.metadata.num_rows) >= 0.05
            table = file.read().filter(pa.array(keep))
            shift = pa.scalar(timedelta(days=n), pa.duration("us"))
            for name in ("genTime", "obTime", "createdAt"):
                place = table.schema.get_field_index(name)
                table = table.set_column(place, name, pc.add(table[name], shift))
            texts = [f.name for f in table.schema if pa.types.is_string(f.type) and f.name != "id"]
            more = {
                "compression": "zstd",
                "use_dictionary": [*texts, "satNo", "obTime", "createdAt"],
            }
            pq.write_table(table, path.with_suffix(".new"), row_group_size=32_768, **more)
            path.with_suffix(".new").rename(path)


# What a frame answers, in a few numbers: the same from every engine.


def say_rows(frame):
    sums = {n: float(frame[n].sum()) for n in ("dose_rate", "lat", "ecef_x_km") if n in frame}
    return {"rows": len(frame), **sums, "sensors": int(frame["sensor_id"].nunique())}


def say_share(shares):
    return {
        "cells": int(shares.count()),
        "mean": float(shares.mean()),
        "least": float(shares.min()),
    }


def say_gaps(seconds):
    return {"gaps": len(seconds), "seconds": float(seconds.sum()), "longest": float(seconds.max())}


def say_doses(doses):
    return {"rows": len(doses), "rad": float(doses.sum()), "most": float(doses.max())}


def say_map(means):
    means = means.dropna()
    return {"cells": len(means), "mean": float(means.mean()), "most": float(means.max())}


def reach_tasks(folder, days):
    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    import reach_nb as r

    # each name imports its module when it is first asked for: now, not while the clock runs
    _ = (r.scan_archive, r.sensor_days, r.gaps, r.daily_dose, r.dose_map)

    def archive(**more):
        last = FIRST + timedelta(days=days - 1)
        return r.scan_archive(folder, FIRST, last, output_format="parquet", **more)

    def gaps():
        found = r.gaps(archive(), cadences=3)
        first, last = map(pd.Timestamp, found.attrs["window"])
        return say_gaps(found["seconds"][(found["start"] > first) & (found["stop"] < last)])

    few = ["ob_time", "sensor_id", "dose_rate"]
    return {
        "all columns": lambda: say_rows(archive().read()),
        "3 columns": lambda: say_rows(archive(columns=few).read()),
        "one sensor, all columns": lambda: say_rows(archive(sensors="REACH-135").read()),
        "one flavor, 5 columns": lambda: say_rows(
            archive(flavors="X", columns=[*few, "lat", "lon"]).read()
        ),
        "sensor_days": lambda: say_share(r.sensor_days(archive()).stack()),
        "gaps": gaps,
        "daily_dose": lambda: say_doses(r.daily_dose(archive(), exclude_flags="none")["dose_rad"]),
        "dose map, 4 degrees": lambda: say_map(
            r.dose_map(archive(), flavor="X", exclude_flags="none")["dose_rate"]
        ),
    }


def duckdb_session():
    import duckdb
    import pandas  # noqa: F401  # the frames are its own

    db = duckdb.connect()
    db.execute(f"set threads={os.cpu_count()}; set timezone='UTC'")
    return db


def duckdb_tasks(folder, days):
    db = duckdb_session()
    source = f"read_parquet({[str(p) for p in sorted(folder.glob('*.parquet'))[:days]]})"
    rate = "case when obValue > -9.9e30 then obValue end"
    few = f"obTime as ob_time, idSensor as sensor_id, {rate} as dose_rate"
    every = f"""{few}, cast(obDescription[5] as tinyint) as dosimeter, obDescription[15] as flavor,
        particleType as particle_type, obQuality as quality, lat, lon, alt as alt_km,
        createdAt as created_at, false as sensor_imputed,
        6378.137 / sqrt(1 - {E2} * sin(radians(lat)) ** 2) as n,
        (n + alt) * cos(radians(lat)) * cos(radians(lon)) as ecef_x_km,
        (n + alt) * cos(radians(lat)) * sin(radians(lon)) as ecef_y_km,
        (n * (1 - {E2}) + alt) * sin(radians(lat)) as ecef_z_km"""
    in_order = "order by ob_time, sensor_id, obDescription"
    flavor_x = "obDescription like '%Flavor X%'"

    def frame(query):
        return db.sql(query).df()

    def gaps():
        found = frame(
            f"""select epoch(nxt - obTime) - 5 as seconds from (
                select obTime, lead(obTime) over (partition by idSensor, obDescription order by obTime)
                as nxt from {source}) where nxt - obTime > interval 15 seconds"""
        )
        return say_gaps(found["seconds"])

    return {
        "all columns": lambda: say_rows(frame(f"select {every} from {source} {in_order}")),
        "3 columns": lambda: say_rows(frame(f"select {few} from {source} {in_order}")),
        "one sensor, all columns": lambda: say_rows(
            frame(f"select {every} from {source} where idSensor = 'REACH-135' {in_order}")
        ),
        "one flavor, 5 columns": lambda: say_rows(
            frame(f"select {few}, lat, lon from {source} where {flavor_x} {in_order}")
        ),
        "sensor_days": lambda: say_share(
            frame(
                f"""select 100 * count(distinct (obTime, obDescription)) / 34560 as share
                from {source} group by idSensor, date_trunc('day', obTime)"""
            )["share"]
        ),
        "gaps": gaps,
        "daily_dose": lambda: say_doses(
            frame(
                f"""select 5 * sum({rate}) as rad, 17280 - count({rate}) as missing from {source}
                group by date_trunc('day', obTime), idSensor, obDescription"""
            )["rad"]
        ),
        "dose map, 4 degrees": lambda: say_map(
            frame(
                f"""select avg({rate}) as mean from {source} where {flavor_x}
                group by floor((lat + 90) / 4), floor((lon + 180) / 4)"""
            )["mean"]
        ),
    }


def view_tasks(folder, days):
    import reach_nb as r

    db = duckdb_session()
    db.execute(r.duckdb_view(sorted(folder.glob("*.parquet"))[:days]))
    few = "ob_time, sensor_id, dose_rate"
    in_order = "order by ob_time, sensor_id, dosimeter"

    def frame(query):
        return db.sql(query).df()

    def gaps():
        found = frame(
            """select epoch(nxt - ob_time) - 5 as seconds from (
            select ob_time, lead(ob_time) over (
                partition by sensor_id, dosimeter, flavor order by ob_time) as nxt
            from readings) where nxt - ob_time > interval 15 seconds"""
        )
        return say_gaps(found["seconds"])

    return {
        "all columns": lambda: say_rows(
            frame(f"select * exclude (flags) from readings {in_order}")
        ),
        "3 columns": lambda: say_rows(frame(f"select {few} from readings {in_order}")),
        "one sensor, all columns": lambda: say_rows(
            frame(
                f"select * exclude (flags) from readings where sensor_id = 'REACH-135' {in_order}"
            )
        ),
        "one flavor, 5 columns": lambda: say_rows(
            frame(f"select {few}, lat, lon from readings where flavor = 'X' {in_order}")
        ),
        "sensor_days": lambda: say_share(
            frame(
                """select 100 * count(*) / 34560 as share from readings
                group by sensor_id, date_trunc('day', ob_time)"""
            )["share"]
        ),
        "gaps": gaps,
        "daily_dose": lambda: say_doses(
            frame(
                """select 5 * sum(dose_rate) as rad, 17280 - count(dose_rate) as missing
                from readings group by date_trunc('day', ob_time), sensor_id, dosimeter, flavor"""
            )["rad"]
        ),
        "dose map, 4 degrees": lambda: say_map(
            frame(
                """select avg(dose_rate) as mean from readings where flavor = 'X'
                group by floor((lat + 90) / 4), floor((lon + 180) / 4)"""
            )["mean"]
        ),
    }


def polars_tasks(folder, days):
    import polars as pl

    scan = pl.scan_parquet(sorted(folder.glob("*.parquet"))[:days])
    rate = pl.when(pl.col("obValue") > -9.9e30).then(pl.col("obValue"))
    few = {"ob_time": pl.col("obTime"), "sensor_id": pl.col("idSensor"), "dose_rate": rate}
    lat, lon, alt = pl.col("lat").radians(), pl.col("lon").radians(), pl.col("alt")
    n = 6378.137 / (1 - E2 * lat.sin() ** 2).sqrt()
    every = few | {
        "dosimeter": pl.col("obDescription").str.slice(4, 1).cast(pl.Int8),
        "flavor": pl.col("obDescription").str.slice(14, 1),
        "particle_type": pl.col("particleType"),
        "quality": pl.col("obQuality"),
        "lat": pl.col("lat"),
        "lon": pl.col("lon"),
        "alt_km": alt,
        "created_at": pl.col("createdAt"),
        "sensor_imputed": pl.lit(False),
        "ecef_x_km": (n + alt) * lat.cos() * lon.cos(),
        "ecef_y_km": (n + alt) * lat.cos() * lon.sin(),
        "ecef_z_km": (n * (1 - E2) + alt) * lat.sin(),
    }
    flavor_x = scan.filter(pl.col("obDescription").str.contains("Flavor X", literal=True))
    by = ["ob_time", "sensor_id"]

    def frame(lazy):
        return lazy.collect(engine="streaming").to_pandas()

    def gaps():
        pair = ["idSensor", "obDescription"]
        apart = pl.col("obTime").sort().diff().dt.total_milliseconds() / 1000
        found = scan.group_by(pair).agg(apart.alias("apart")).explode("apart")
        return say_gaps(frame(found.filter(pl.col("apart") > 15))["apart"] - 5)

    cell = [((pl.col("lat") + 90) / 4).floor(), ((pl.col("lon") + 180) / 4).floor()]
    day = pl.col("obTime").dt.date().alias("day")
    samples = pl.struct("obTime", "obDescription").n_unique() * 100 / 34560
    return {
        "all columns": lambda: say_rows(frame(scan.select(**every).sort([*by, "dosimeter"]))),
        "3 columns": lambda: say_rows(frame(scan.select(**few).sort(by))),
        "one sensor, all columns": lambda: say_rows(
            frame(
                scan.filter(pl.col("idSensor") == "REACH-135")
                .select(**every)
                .sort([*by, "dosimeter"])
            )
        ),
        "one flavor, 5 columns": lambda: say_rows(
            frame(flavor_x.select(**few, lat=pl.col("lat"), lon=pl.col("lon")).sort(by))
        ),
        "sensor_days": lambda: say_share(
            frame(scan.group_by("idSensor", day).agg(samples.alias("share")))["share"]
        ),
        "gaps": gaps,
        "daily_dose": lambda: say_doses(
            frame(
                scan.group_by(day, "idSensor", "obDescription").agg(
                    (5 * rate.sum()).alias("rad"), (17280 - rate.count()).alias("missing")
                )
            )["rad"]
        ),
        "dose map, 4 degrees": lambda: say_map(
            frame(flavor_x.group_by(*cell).agg(rate.mean().alias("mean")))["mean"]
        ),
    }


TASKS = {
    "reach_nb": reach_tasks,
    "duckdb": duckdb_tasks,
    "view": view_tasks,
    "polars": polars_tasks,
}
NAMES = (
    "all columns",
    "3 columns",
    "one sensor, all columns",
    "one flavor, 5 columns",
    "sensor_days",
    "gaps",
    "daily_dose",
    "dose map, 4 degrees",
)


def measure(engine, task, folder, days):
    """The body of a child process: one measurement, said as a line of JSON."""
    run = TASKS[engine](folder, days)[task]
    wall, cpu = time.perf_counter(), time.process_time()
    answer = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**20
    return {"seconds": wall, "cpu_seconds": cpu, "peak_gb": peak, "answer": answer}


def check_equal(task, answers):
    """Every engine's numbers agree to a millionth of a millionth or so."""
    first, *others = answers.items()
    for engine, answer in others:
        for name, value in answer.items():
            expected = first[1][name]
            if abs(value - expected) > 1e-9 * max(abs(expected), 1e-30) + 1e-5 * (
                name == "ecef_x_km"
            ):
                raise SystemExit(f"{task}: {name} is {expected} of {first[0]}, {value} of {engine}")


def child(engine, task, args):
    command = [sys.executable, __file__, "--folder", str(args.folder), "--days", str(args.days)]
    said = subprocess.run(
        [*command, "--measure", engine, task], check=True, capture_output=True, text=True
    )
    return json.loads(said.stdout)


def simulated_day(folder):
    """A day of ALL in Parquet, downloaded from the embedded service at full density; or the one that is there."""
    from reach_nb import DownloadRunConfig, SimulatedUDL, run_download
    from reach_nb.dataset import Dataset

    path = Dataset(output_format="parquet").artifact_path(folder, FIRST)
    if not path.exists():
        full = {"availability": 1.0, "outage_rate": 0.0, "late": 0.0}
        with SimulatedUDL(0, now="2026-01-01T00:00:00Z", **full) as udl:
            where = {"auth_token": udl.auth_token, "base_url": udl.base_url}
            pace = {"initial_rate": 200.0, "max_rate": 1000.0}
            config = DownloadRunConfig(
                FIRST, FIRST, folder, output_format="parquet", **where, **pace
            )
            if run_download(config, progress=False).days_failed:
                raise SystemExit("the day could not be downloaded")
    return path


def run_tasks(args):
    """Every task for one number of days."""
    results = {}
    for task in (name for name in NAMES if args.only in name):
        results[task] = found = run_task(task, args)
        ratios = [found["reach_nb"]["seconds"] / found[e]["seconds"] for e in ("duckdb", "view")]
        cells = [
            "{seconds:6.2f} s {cpu_seconds:6.2f} s {peak_gb:5.2f} GB".format(**found[e])
            for e in ENGINES
        ]
        print(
            f"{args.days:3} days, {task:24} "
            + " | ".join(cells)
            + " | {:.2f} of DuckDB, {:.2f} of its view".format(*ratios),
            flush=True,
        )
    return results


def run_task(task, args):
    said = {engine: [] for engine in ENGINES}
    for n in range(args.rounds):
        for engine in ENGINES if n % 2 == 0 else ENGINES[::-1]:
            said[engine].append(child(engine, task, args))
    check_equal(task, {engine: runs[0]["answer"] for engine, runs in said.items()})
    kinds = ("seconds", "cpu_seconds", "peak_gb")
    return {
        engine: {kind: round(statistics.median(run[kind] for run in runs), 3) for kind in kinds}
        for engine, runs in said.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", type=Path, help="a day of ALL in Parquet, to make the days from"
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the days are, or go")
    parser.add_argument("--days", type=int, nargs="+", default=[3, 10], help="one run for each")
    parser.add_argument("--rounds", type=int, default=3, help="medians are kept")
    parser.add_argument("--only", default="", help="measure what holds this text in its name")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return print(json.dumps(measure(*args.measure, args.folder, args.days[0])))
    source = args.source or simulated_day(args.folder / "simulated")
    machine = {"processors": os.cpu_count(), "python": platform.python_version()}
    machine |= {
        n: __import__(n).__version__ for n in ("numpy", "pandas", "pyarrow", "duckdb", "polars")
    }
    said = {"machine": machine, "rounds": args.rounds, "days": {}}
    for days in args.days:
        make_days(source, args.folder, days)
        load = round(os.getloadavg()[0], 1)  # far above 1: others were at work
        with_days = argparse.Namespace(**{**vars(args), "days": days})
        said["days"][str(days)] = {"load_before": load, "results": run_tasks(with_days)}
        if args.output:
            args.output.write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
