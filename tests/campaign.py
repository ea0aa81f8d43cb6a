"""What the fault and kill campaigns share: reading artifacts independently of the package, and holding them against the truth."""

import csv
import hashlib
import json
import os
import platform
import threading
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from functools import wraps
from pathlib import Path

from reach_nb import AdaptiveRateController, HistoricalTelemetry, UDLClient, run_download
from reach_nb.dataset import OUTPUT_FORMATS, Dataset
from reach_nb.service.limiter import Tuning
from reach_nb.service.transport import HttpTransport, Limits

CAMPAIGNS = int(os.environ.get("REACH_NB_CAMPAIGNS", "9"))  # mixed fault campaigns
KILLS = int(os.environ.get("REACH_NB_KILLS", "8"))  # SIGKILLs
RESULTS = os.environ.get("REACH_NB_RESULTS")  # a file for the figures, see `write_results`
START = date(2025, 1, 1)
FAULTS = defaultdict(Counter)  # kind of fault: figures of its campaigns
KILLED, SIGNALLED = [], []  # a dict for each kill, each signal
COMPARED = Counter()  # artifacts, records, lost, lost as told, twice: of all comparisons

csv.field_size_limit(10**9)


def day_after(day, days=1):
    return day + timedelta(days=days)


USUAL_LIMITS = Limits()


def run_in_a_hurry(config, stop=None, limits=USUAL_LIMITS, max_retries=5, **arguments):
    """`run_download` with waits of milliseconds: what is a constant there is an argument here, the code is the real one."""
    limiter = AdaptiveRateController(
        config.initial_rate,
        config.additive_increase,
        config.multiplicative_decrease,
        config.min_rate,
        config.max_rate,
        stop=stop,
        tuning=Tuning(first_pause=0.001, longest_pause=0.01, retry_after_limits=(0.001, 0.01)),
    )
    with UDLClient(
        config.auth_token,
        config.base_url,
        limiter=limiter,
        max_results=config.max_results,
        backoff_seconds=0.0,
        max_retries=max_retries,
        transport=HttpTransport(
            config.auth_token, config.base_url, limits=limits, stop=limiter.stop
        ),
    ) as client:
        return run_download(config, client=client, **arguments)


def our_threads():
    """The package's threads. One that an earlier test left while it was connecting may live for some seconds yet."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("reach_nb")}


class TooSlow(AssertionError):
    """A stop took longer than it may."""


def in_time(seconds):
    if seconds >= 2:
        raise TooSlow(f"it took {seconds:.1f} s to end")


def three_tries(test):
    """A machine that is busy with other things may hold up a process once; a defect holds up each of three."""

    @wraps(test)
    def tried(tmp_path, **arguments):
        for n in range(3):
            folder = tmp_path / f"try {n}"
            folder.mkdir()
            try:
                return test(tmp_path=folder, **arguments)
            except TooSlow:
                if n == 2:
                    raise

    return tried


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
    if path.suffix == ".parquet":
        from pyarrow import parquet

        rows = parquet.read_table(path).to_pylist()
        return [
            {k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain(row).items()}
            for row in rows
        ]
    raise NotImplementedError(f"{path.name}: say here how a file of this format is read")


def plain(record):
    return {key: value for key, value in record.items() if value is not None}


def as_stored(record, output_format):
    """A record of the service as `read_records` ought to give it back."""
    record = plain(record)
    if output_format == "json":
        return record
    if output_format == "csv":
        return {key: str(value) for key, value in record.items() if str(value) != ""}
    if output_format == "parquet":
        (entry,) = record.pop("seoList")
        position = record.pop("senPos")
        for name in {"obTime", "genTime", "createdAt"} & set(record):
            moment = datetime.fromisoformat(record[name].replace("Z", "+00:00"))
            record[name] = moment.isoformat()
        return {**record, **plain(entry), **{f"senPos{i}": x for i, x in enumerate(position)}}
    raise NotImplementedError(f"{output_format}: say here what becomes of a record in this format")


def compare(path, truth, output_format, blind=(), told=False):
    """Assert that an artifact holds the records of the truth, each as often as there, and nothing else.

    `blind` names fields that a fault has changed under way; `told`: the telemetry calls the file in question, and what it
    lacks is counted apart.
    """

    def key(record):
        return repr(sorted((k, v) for k, v in record.items() if k not in blind))

    found = Counter(key(r) for r in read_records(path))
    wanted = Counter(key(as_stored(r, output_format)) for r in truth)
    lost, invented = wanted - found, found - wanted
    COMPARED.update(artifacts=1, records=len(truth), lost=0, twice=invented.total())
    COMPARED["lost_as_told" if told else "lost"] += lost.total()
    assert not lost and not invented, (
        f"{path.name}: {lost.total()} lost, {invented.total()} invented or doubled; "
        f"first: {next(iter(lost), None)} / {next(iter(invented), None)}"
    )
    return found.total()


TRUTHS, EQUAL = (
    {},
    {},
)  # what a service of the same settings holds; which bytes were found equal to it, and their records


def truth_of(service, config, day):
    key = (service.settings.sky, config.sensor_id, day, config.descriptor)
    if key not in TRUTHS:
        if (
            len(TRUTHS) == 16
        ):  # a campaign's days, and no pile of records that slows everything else
            TRUTHS.pop(next(iter(TRUTHS)))
        TRUTHS[key] = service.expected_records(
            config.sensor_id, day, day_after(day), config.descriptor
        )
    return TRUTHS[key]


def compare_once(service, config, day, path, blind):
    """As `compare`; the same bytes are not held against the same truth again."""
    digest = hashlib.sha256(path.read_bytes()).digest()
    key = (
        service.settings.sky,
        config.sensor_id,
        day,
        config.descriptor,
        config.output_format,
        tuple(blind),
        digest,
    )
    if key not in EQUAL:
        EQUAL[key] = compare(path, truth_of(service, config, day), config.output_format, blind)
    return EQUAL[key]


def check_truth(service, config, blind=()):
    """Hold every day of a config's range against the service; the number of records that the days called done hold.

    The days that the telemetry calls done must be right; a day that failed or has no data has no file under its final
    name, and one that was interrupted has none or a whole one.
    """
    there = (
        set(Path(config.output_dir).iterdir()) if Path(config.output_dir).is_dir() else set()
    )  # first: a run may go on
    state = HistoricalTelemetry(config.telemetry_file).load_state(
        sensor_id=config.sensor_id, descriptor=config.descriptor, output_format=config.output_format
    )
    records = 0
    for n in range((config.end_date - config.start_date).days + 1):
        day = day_after(config.start_date, n)
        truth, row = truth_of(service, config, day), state.get(day)
        status = row.status if row else None
        path = Dataset(config.sensor_id, config.descriptor, config.output_format).artifact_path(
            config.output_dir, day
        )
        if status == "DOWNLOADED":
            assert int(row.records_downloaded) == len(truth), (
                day,
                row.records_downloaded,
                len(truth),
            )
            assert Path(row.csv_path) == path
            assert abs(float(row.csv_size_mb) - path.stat().st_size / 2**20) < 1e-3
            records += compare_once(service, config, day, path, blind)
        elif status == "DOWNLOAD_PENDING":
            assert not path.exists() or compare_once(service, config, day, path, blind)
        else:
            assert path not in there, f"{day} is {status}, and has an artifact"
        if status == "SKIPPED_NO_DATA":
            assert not truth, (
                f"{day} was written off as without data, and the service holds {len(truth)} records"
            )
        elif status == "FAILED":
            assert row.error_type and row.error_message
    return records


def note_faults(kind, service, config, delivered):
    """Add a campaign, which has ended with every record delivered, to the figures of its kind of fault."""
    stop = day_after(config.end_date)
    FAULTS[kind].update(
        campaigns=1,
        records_held=service.expected_count(config.sensor_id, config.start_date, stop),
        records_delivered=delivered,
        days_failed=sum(
            r.status == "FAILED" for r in HistoricalTelemetry(config.telemetry_file).iter_rows()
        ),
        requests=len(service.requests),
        faults=sum(bool(r.fault) for r in service.requests),
    )


def write_results(path, tests_failed):
    """The figures of all campaigns as a JSON file."""
    total = sum(FAULTS.values(), Counter())
    found = {
        "made_by": "nbs/how_it_is_tested.ipynb says how",
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "tests_failed": tests_failed,
        "compared": dict(COMPARED),
        "faults": dict(sorted(FAULTS.items())),
        "faults_total": dict(total),
        "kills": KILLED,
        "signals": SIGNALLED,
    }
    Path(path).parent.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1)
    Path(path).write_text(
        text.replace("{\n   ", "{").replace(",\n   ", ", ").replace("\n  }", "}") + "\n",
        encoding="utf-8",
    )


def left_behind(folder):
    """What is in an output folder and is neither artifact, nor told of them, nor telemetry."""
    return sorted(
        p.name
        for p in Path(folder).rglob("*")
        if p.is_dir()
        or not (p.name.startswith("REACH-") and p.suffix[1:] in OUTPUT_FORMATS)
        and p.name not in ("download_telemetry.csv", "download_telemetry.csv.lock")
        and p.name not in ("SHA256SUMS", ".SHA256SUMS.lock", ".from-this-machine")
    )
