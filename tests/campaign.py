"""What the fault and kill campaigns share: reading artifacts independently of the package, and holding them against the truth."""
import csv
import json
import os
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

from reach_nb import HistoricalTelemetry

CAMPAIGNS = int(os.environ.get("REACH_NB_CAMPAIGNS", "9"))    # mixed fault campaigns
KILLS = int(os.environ.get("REACH_NB_KILLS", "12"))           # SIGKILLs
START = date(2025, 1, 1)

csv.field_size_limit(10**9)


def day_after(day, days=1):
    return day + timedelta(days=days)


def read_records(path):
    """The records of an artifact as plain dicts of comparable values, in file order; written without the package's help."""
    if path.suffix == ".json":
        return [plain(record) for record in json.loads(path.read_bytes())]
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
        assert len(set(rows[0])) == len(rows[0]), "a column appears twice"
        assert {len(row) for row in rows} == {len(rows[0])}, "rows of different length"
        return [{k: v for k, v in zip(rows[0], row, strict=True) if v != ""} for row in rows[1:]]
    from pyarrow import parquet
    rows = parquet.read_table(path).to_pylist()
    return [{k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain(row).items()} for row in rows]


def plain(record):
    return {key: value for key, value in record.items() if value is not None}


def as_stored(record, output_format):
    """A record of the service as `read_records` ought to give it back."""
    record = plain(record)
    if output_format == "json":
        return record
    if output_format == "csv":
        return {key: str(value) for key, value in record.items() if str(value) != ""}
    (entry,) = record.pop("seoList")
    position = record.pop("senPos")
    for name in ("obTime", "genTime", "createdAt"):
        if name in record:
            record[name] = datetime.fromisoformat(record[name].replace("Z", "+00:00")).isoformat()
    return {**record, **plain(entry), **{f"senPos{i}": x for i, x in enumerate(position)}}


def compare(path, truth, output_format, blind=()):
    """Assert that an artifact holds the records of the truth, each as often as there, and nothing else.

    `blind` names fields that a fault has changed under way.
    """
    def key(record):
        return repr(sorted((k, v) for k, v in record.items() if k not in blind))
    found = Counter(key(r) for r in read_records(path))
    wanted = Counter(key(as_stored(r, output_format)) for r in truth)
    lost, invented = wanted - found, found - wanted
    assert not lost and not invented, (
        f"{path.name}: {lost.total()} lost, {invented.total()} invented or doubled; "
        f"first: {next(iter(lost), None)} / {next(iter(invented), None)}")
    return found.total()


def check_truth(service, config, blind=()):
    """Hold every day of a config's range against the service; the number of records compared.

    The days that the telemetry calls done must be right, and no other day may have a file under its final name.
    """
    state = HistoricalTelemetry(config.telemetry_file).load_state(
        sensor_id=config.sensor_id, descriptor=config.descriptor, output_format=config.output_format)
    records = 0
    for n in range((config.end_date - config.start_date).days + 1):
        day = day_after(config.start_date, n)
        truth = service.expected_records(config.sensor_id, day, day_after(day), config.descriptor)
        row = state.get(day)
        status = row.status if row else None
        if status == "DOWNLOADED":
            assert int(row.records_downloaded) == len(truth), (day, row.records_downloaded, len(truth))
            path = Path(row.csv_path)
            assert abs(float(row.csv_size_mb) - path.stat().st_size / 2**20) < 1e-3
            records += compare(path, truth, config.output_format, blind)
        elif status == "SKIPPED_NO_DATA":
            assert not truth, f"{day} was written off as without data, and the service holds {len(truth)} records"
        elif status == "FAILED":
            assert row.error_type and row.error_message
    return records


def left_behind(folder):
    """What is in an output folder and is neither artifact nor telemetry."""
    return sorted(p.name for p in Path(folder).rglob("*")
                  if p.is_dir() or not (p.name.startswith("REACH-") and p.suffix in (".csv", ".json", ".parquet"))
                  and p.name not in ("download_telemetry.csv", "download_telemetry.csv.lock"))
