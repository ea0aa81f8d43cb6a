"""One download in a process of its own, which then prints what it took as one line of JSON.

    python clients.py CLIENT FORMAT FOLDER CHUNKS WORKERS    (the service's address and credential on standard input)

CLIENT is `plain`, the way anybody would write it: threads, `requests.get` for each chunk, `response.json()`,
`csv.DictWriter` or `json.dump` into a file per chunk, and at the end one file of all; or `reach_nb`, which is a backfill with
telemetry, a spool and fsync; or `curl`, which converts nothing. What is timed begins after the imports.
"""

import csv
import json
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import requests
from peak import peak_mb
from service import DAY

from reach_nb import DownloadRunConfig, download_UDL_reach_window, run_download
from reach_nb.dataset import Dataset
from reach_nb.events import ChunkDone
from reach_nb.service.protocol import query
from reach_nb.windows import Window, chunk_windows, day_window

ENDPOINT = "/udl/spaceenvobservation"
UNLIMITED = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 10_000.0)


def questions(chunks):
    return [query(Dataset(), chunk) for chunk in chunk_windows(day_window(DAY), 300)[:chunks]]


def plain(service, output_format, folder, chunks, workers):
    headers = {"Authorization": service["auth_token"], "Accept": "application/json"}

    def fetch(numbered):
        number, params = numbered
        response = requests.get(
            service["base_url"] + ENDPOINT, params=params, headers=headers, timeout=60
        )
        response.raise_for_status()
        records, path = response.json(), folder / f"{number:05}"
        with open(path, "w", newline="", encoding="utf-8") as file:
            if output_format == "csv":
                writer = csv.DictWriter(file, list(records[0]))
                if number == 0:
                    writer.writeheader()
                writer.writerows(records)
            else:
                json.dump(records, file)
        return path, len(records)

    with ThreadPoolExecutor(workers) as pool:
        pieces = list(pool.map(fetch, enumerate(questions(chunks))))
    whole = folder / f"day.{output_format}"
    with open(whole, "wb") as target:
        for number, (path, _) in enumerate(pieces):
            with open(path, "rb") as source:
                if output_format == "json":
                    target.write(b"," if number else b"[")
                    target.write(source.read()[1:-1])
                else:
                    shutil.copyfileobj(source, target)
            path.unlink()
        target.write(b"]" if output_format == "json" else b"")
    return whole, sum(records for _, records in pieces)


def curl(service, output_format, folder, chunks, workers):
    config = folder / "curl.config"
    with open(config, "w", encoding="utf-8") as file:
        for number, params in enumerate(questions(chunks)):
            url = (
                requests.Request("GET", service["base_url"] + ENDPOINT, params=params).prepare().url
            )
            file.write(
                f'next\nurl = "{url}"\noutput = "{folder / f"{number:05}"}"\nfail\n'.removeprefix(
                    "" if number else "next\n"
                )
            )
            file.write(
                f'header = "Authorization: {service["auth_token"]}"\nheader = "Accept: application/json"\n'
            )
    subprocess.run(
        ["curl", "--silent", "--parallel", "--parallel-max", str(workers), "--config", config],
        check=True,
    )
    config.unlink()
    return folder, 0


def ours(service, output_format, folder, chunks, workers, **settings):
    settings = {
        **UNLIMITED,
        **settings,
        **service,
        "output_format": output_format,
        "max_concurrent_requests": workers,
    }
    settings.pop("bytes", None)
    if chunks % 288 == 0:
        config = DownloadRunConfig(DAY, DAY + timedelta(days=chunks // 288 - 1), folder, **settings)
        records = {}
        summary = run_download(
            config,
            progress=False,
            on_event=lambda e: (
                records.update({e.artifact: e.records}) if isinstance(e, ChunkDone) else None
            ),
        )
        assert summary.days_downloaded == chunks // 288, summary
        return list(records)[-1], sum(records.values())
    done, start = [], day_window(DAY).start
    window = Window(start, start + timedelta(seconds=300 * chunks))
    path = download_UDL_reach_window(
        sensor_id="ALL",
        descriptor="QUICKLOOK",
        start_time=window.start,
        end_time=window.stop,
        output_dir=folder,
        on_event=done.append,
        **settings,
    )
    return path, [e.records for e in done if isinstance(e, ChunkDone)][-1]


def cpu_seconds():
    return sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def measured(work):
    """What `work()` took, as a dict; it gives a path and a number of records."""
    cpu, began = cpu_seconds(), time.perf_counter()
    path, records = work()
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "records": records,
        "peak_mb": peak_mb(),
        "path": str(path),
    }


CLIENTS = {"plain": plain, "reach_nb": ours, "curl": curl}


def main():
    client, output_format, folder, chunks, workers = sys.argv[1:6]
    service = json.loads(sys.stdin.readline())
    settings = json.loads(sys.argv[6]) if len(sys.argv) > 6 else {}
    if client == "reach_nb":
        import astropy.time  # noqa: F401

        from reach_nb.archive.flat_rows import row_schema

        if output_format == "parquet":
            import pandas  # noqa: F401  # pyarrow does, with its first array
            import pyarrow.compute
            import pyarrow.parquet  # noqa: F401

            row_schema()
    print(
        json.dumps(
            measured(
                lambda: CLIENTS[client](
                    service, output_format, Path(folder), int(chunks), int(workers), **settings
                )
            )
        )
    )


if __name__ == "__main__":
    main()
