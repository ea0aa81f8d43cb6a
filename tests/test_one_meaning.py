"""Whatever a record says, CSV, JSON, Parquet and the converted archive give the same readings and the same counts."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from reach_nb import convert_archive, read_artifact
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


def entry(**changes):
    return {**RECORD, "seoList": [{**ENTRY, **changes}]}


CASES = {
    "as usual": RECORD,
    "a time without a zone": {**RECORD, "obTime": "2025-09-01T00:00:00.000"},
    "a time of nine digits": {**RECORD, "obTime": "2025-09-01T00:00:00.123456789Z"},
    "a time with an offset": {**RECORD, "obTime": "2025-09-01T01:00:00+01:00"},
    "a day": {**RECORD, "obTime": "2025-09-01"},
    "no time": {**RECORD, "obTime": "soon"},
    "a number as its time": {**RECORD, "obTime": 5},
    "numbers as text": {**RECORD, "lat": "1.5", "alt": "780"},
    "a text where a number is meant": {**RECORD, "lat": "north"},
    "too large a number": {**RECORD, "lat": float("inf")},
    "too large a dose": entry(obValue=float("inf")),
    "a dose as text": entry(obValue="5.9e-07"),
    "true as a dose": entry(obValue=True),
    "no dose": entry(obValue=None),
    "a quality that is true": entry(obQuality=True),
    "a quality that is a number": entry(obQuality=16),
    "a quality that is a fraction": entry(obQuality=1.5),
    "a sensor that is a number": {**RECORD, "idSensor": 7},
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
    body = json.dumps(records).replace("Infinity", "1e999").encode()
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
    return rows, frame.attrs["counts"], frame.attrs["not_understood"]


@pytest.mark.parametrize("record", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("beside", [[], [RECORD]], ids=["alone", "beside another"])
def test_one_meaning(record, beside, tmp_path):
    found = {}
    for kind in FORMATS:
        folder = tmp_path / kind
        folder.mkdir()
        path = artifact(folder, kind, [record, *beside])
        found[kind] = told(path)
        (result,) = convert_archive(folder, folder / "archive")
        assert (result.status, result.error) == ("converted", "")
        (target,) = result.targets
        found[f"{kind}, converted"] = told(Path(target))
    for name, what in found.items():
        assert what == found["json"], name
