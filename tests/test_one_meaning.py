"""Whatever a record says, CSV, JSON, Parquet and the converted archive give the same readings and the same counts."""

import json
import os
import tempfile
import warnings
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reach_nb import convert_archive, duckdb_view, polars_scan, read_artifact
from reach_nb.archive.formats import FORMATS
from reach_nb.archive.spool import Spool, discard_spool

COLUMNS = ["ob_time", "sensor_id", "dosimeter", "flavor", "dose_rate", "quality", "lat", "alt_km"]
ENTRY = {
    "obValue": 5.9e-07,
    "obQuality": "0",
    "obDescription": "DOSE1 (Flavor X) in rad/second",
    "obUoM": "rad/second",
}
RECORD = {
    "idSensor": "REACH-135",
    "obTime": "2025-09-01T00:00:00.000Z",
    "lat": 1.5,
    "alt": 780.0,
    "seoList": [ENTRY],
}
LONG = "5,000 digits"  # stands for a number that has them, more than Python converts


def entry(**changes):
    return {**RECORD, "seoList": [{**ENTRY, **changes}]}


CASES = {
    "as usual": RECORD,
    "a time without a zone": {**RECORD, "obTime": "2025-09-01T00:00:00.000"},
    "a time of nine digits": {**RECORD, "obTime": "2025-09-01T00:00:00.123456789Z"},
    "a time with an offset": {**RECORD, "obTime": "2025-09-01T01:00:00+01:00"},
    "a day": {**RECORD, "obTime": "2025-09-01"},
    "no time": {**RECORD, "obTime": "soon"},
    "nothing about a time": {k: v for k, v in RECORD.items() if k != "obTime"},
    "a number as its time": {**RECORD, "obTime": 5},
    "nothing but an id": {"id": "a"},
    "an id and a place": {"id": "a", "lat": 1.5},
    "numbers as text": {**RECORD, "lat": "1.5", "alt": "780"},
    "a text where a number is meant": {**RECORD, "lat": "north"},
    "too large a number": {**RECORD, "lat": float("inf")},
    "too large a dose": entry(obValue=float("inf")),
    "a number of too many digits": {**RECORD, "lat": LONG, "new": [LONG]},
    "a sensor of too many digits": {**RECORD, "idSensor": LONG},
    "a dose of too many digits": entry(obValue=LONG),
    "a quality of too many digits": entry(obQuality=LONG),
    "a dose as text": entry(obValue="5.9e-07"),
    "true as a dose": entry(obValue=True),
    "no dose": entry(obValue=None),
    "a quality that is true": entry(obQuality=True),
    "a quality that is a number": entry(obQuality=16),
    "a quality that is a fraction": entry(obQuality=1.5),
    "a sensor that is a number": {**RECORD, "idSensor": 7},
    "a sensor that is a list": {**RECORD, "idSensor": ["REACH-135"]},
    "no entries": {**RECORD, "seoList": []},
    "no list of entries": {k: v for k, v in RECORD.items() if k != "seoList"},
    "a list of something else": {**RECORD, "seoList": [1, ENTRY]},
    "entries that are text": {**RECORD, "seoList": str([ENTRY])},
    "several entries": {
        **RECORD,
        "seoList": [ENTRY, {**ENTRY, "obDescription": "DOSE2 (Flavor W)"}],
    },
    "1,200 entries": {**RECORD, "seoList": [{**ENTRY, "obQuality": str(n)} for n in range(1_200)]},
    "a description that is a number": entry(obDescription=7),
    "another unit": entry(obUoM="Gy/s"),
    "a field that nobody knew": {**entry(note={"a": [1]}), "new": 1},
}


def artifact(folder, kind, records):
    path = folder / f"REACH-ALL_20250901T000000_20250902T000000.{kind}"
    text = json.dumps(records).replace("Infinity", "1e999")
    body = text.replace(f'"{LONG}"', "7" * 5_000).encode()
    with Spool(path, kind, {}) as spool:
        spool.put(0, body, len(records))
        list(spool.append_ready())
        spool.finish()
    discard_spool(path)
    return path


def told(path):
    """The readings of a file, as plain values, and what was counted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        frame = read_artifact(path, columns=COLUMNS, deduplicate=False)
    rows = [
        tuple(None if v is None or v != v else v for v in row)
        for row in frame.astype(object).replace({np.nan: None}).itertuples(index=False)
    ]
    return sorted(rows, key=repr), frame.attrs["counts"], frame.attrs["not_understood"]


def readings_by_format(tmp_path, records):
    """What is told of some records by each format, and by what each is converted to."""
    found = {}
    for kind in FORMATS:
        folder = tmp_path / kind
        folder.mkdir()
        path = artifact(folder, kind, records)
        found[kind] = told(path)
        (result,) = convert_archive(folder, folder / "archive")
        assert (result.status, result.error) == ("converted", "")
        found[f"{kind}, converted"] = told_together(map(Path, result.targets))
    return found


def told_together(paths):
    """As `told`, of several files: an archive has one for each day."""
    rows, counts, reasons = [], Counter(), Counter()
    for path in paths:
        some, counted, not_understood = told(path)
        rows += some
        counts.update(counted)
        reasons.update(not_understood)
    return sorted(rows, key=repr), dict(counts), dict(reasons)


@pytest.mark.parametrize("record", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize(
    "beside",
    [[], [RECORD], [{**RECORD, "obTime": "2025-09-02T00:00:00.000Z"}]],
    ids=["alone", "beside another", "beside another day's"],
)
def test_one_meaning(record, beside, tmp_path):
    found = readings_by_format(tmp_path, [record, *beside])
    for name, what in found.items():
        assert what == found["json"], name


def test_equal_values_of_other_types_are_other_texts(tmp_path):
    """To Python 1, 1.0 and True are equal."""
    values = [4, 4.0, "4", 1, True, 1.0, 0.0, -0.0]
    records = [entry(obQuality=value) for value in values]
    records += [{**RECORD, "idSensor": value} for value in values]
    for name, (rows, *_) in readings_by_format(tmp_path, records).items():
        sensors, qualities = (
            Counter(row[COLUMNS.index(n)] for row in rows) for n in ("sensor_id", "quality")
        )
        assert sensors == Counter(["REACH-135"] * 8 + list(map(str, values))), name
        assert qualities == Counter(["0"] * 8 + list(map(str, values))), name


LATER = {
    "alike": {},
    "known by its satellite's name": {"idSensor": None},
    "of an empty name": {"idSensor": ""},
    "described otherwise": {"seoList": [{**ENTRY, "obDescription": "DOSE1 Flavor X"}]},
}
AGES = {
    "of one age": "2025-09-01T03:00:00.000Z",
    "of no age": None,
    "of an age that can't be read": "soon",
}


@pytest.mark.parametrize("later", LATER.values(), ids=LATER.keys())
@pytest.mark.parametrize("created", AGES.values(), ids=AGES.keys())
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_the_later_of_two_copies_counts(later, created, turned, tmp_path):
    """In whatever they are written and converted to, read by whatever tool."""
    duckdb, polars = map(pytest.importorskip, ("duckdb", "polars"))
    first = {**RECORD, "observatoryName": "Iridium-126", "createdAt": created}
    pair = [first, {**first, **later}]
    pair = [
        {**r, "seoList": [{**r["seoList"][0], "obValue": value}]}
        for r, value in zip(pair[:: -1 if turned else 1], (1e-07, 5e-03), strict=True)
    ]
    for kind in FORMATS:
        (tmp_path / kind).mkdir()
        path = artifact(
            tmp_path / kind, kind, [pair[0], {**RECORD, "idSensor": "REACH-101"}, pair[1]]
        )
        (result,) = convert_archive(path.parent, path.parent / "archive")
        (converted,) = result.targets
        for whole in (path, converted):
            frame = read_artifact(whole, sensors="REACH-135")
            assert frame["dose_rate"].tolist() == [5e-03], whole.suffix
        duckdb_sql = duckdb_view(converted).partition(" as ")[2]
        asked = f"select dose_rate from ({duckdb_sql}) where sensor_id = 'REACH-135'"
        assert duckdb.sql(asked).fetchall() == [(5e-03,)]
        of_one = polars_scan(converted).filter(polars.col("sensor_id") == "REACH-135")
        assert of_one.collect()["dose_rate"].to_list() == [5e-03]


anything = st.none() | st.booleans() | st.integers(-(10**25), 10**25)
anything |= st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.floats(-1e4, 1e4) | st.sampled_from(["1.5", " 2 ", "-1e999", "0x1", "1_0", "", 1e300])
times = st.datetimes(datetime(1969, 1, 1), datetime(2101, 1, 1)).map(lambda t: t.isoformat())
times |= st.sampled_from(
    [
        "2025-09-01T00:00:00.000Z",
        "2025-09-01T00:00:00.1Z",
        "2025-09-01T00:00:00.123456789",
        "2025-09-01T00:00:00,5Z",
        "2025-09-01 00:00:00",
        "2025-09-01T02:00:00+02:00",
        "2025-09-01T24:00:00Z",
        "2025-09-01T00:00:60Z",
        "20250901T000000Z",
        "2025-09-01",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "soon",
    ]
)
sensors = st.sampled_from(["REACH-135", "reach-135", "REACH-999", " REACH-135", "", "ALL"])
descriptions = st.sampled_from(["DOSE1 (Flavor X)", "DOSE2 (Flavor Q) in rad/second", "dose", ""])
qualities = st.sampled_from(["0", "16", "20", "-1", "1.0", "99999999999", "bad", 4, 4.0, True])


def some_of(fields):
    return st.fixed_dictionaries({}, optional=fields)


entries = some_of(
    {
        "obValue": numbers | anything,
        "obQuality": qualities | anything,
        "obDescription": descriptions | anything,
        "obUoM": st.sampled_from(["rad/second", "rad/s", "Gy/s", ""]) | anything,
        "obType": anything,
        "surplus": anything | st.lists(anything, max_size=2),
    }
)
any_record = some_of(
    {
        "idSensor": sensors | anything,
        "observatoryName": anything,
        "obTime": times | anything,
        "createdAt": times | anything,
        "lat": numbers | anything,
        "lon": numbers | anything,
        "alt": numbers | anything,
        "senPos": st.lists(numbers | anything, max_size=4) | anything,
        "seoList": st.lists(entries | st.just(ENTRY) | anything, max_size=3) | anything,
        "surplus": anything | st.dictionaries(st.text(max_size=3), anything, max_size=2),
    }
)
usual_record = any_record.map(lambda changes: {**RECORD, **changes})


@settings(
    max_examples=int(os.environ.get("REACH_NB_EXAMPLES", "15")),
    deadline=None,
    derandomize="REACH_NB_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(usual_record, st.lists(usual_record | any_record, max_size=3))
def test_any_records_mean_the_same(first, more):
    """Four formats, whatever hypothesis can think of; REACH_NB_EXAMPLES=1000 thinks for longer.

    The first has a time: without one in any of them, there was nothing in the window.
    """
    records = [*more, first]
    with tempfile.TemporaryDirectory() as scratch:
        found = readings_by_format(Path(scratch), records)
    for name, what in found.items():
        assert what == found["json"], name
