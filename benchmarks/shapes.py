"""Answers of every valid shape, and what each costs to convert alone: no network, no disk.

python shapes.py          the table, in a minute

The answers are those of the embedded service at full density, written in another way.
"""

import csv
import gc
import io
import json
import random
import statistics
import time
from pathlib import Path

import pandas as pd
from service import DAY

from reach_nb.archive.csv_files import CsvEncoder
from reach_nb.archive.flat_rows import arrow_batches
from reach_nb.service.protocol import read_answer
from reach_nb.simulated.library import window_query
from reach_nb.simulated.service import SimulatedUDL
from reach_nb.windows import chunk_windows, day_window

GOALS = {  # µs of the processor for a record as CSV
    "as the service writes it": 3.3,
    "every obValue another number": 4.5,
    "spaces after , and :": 5.0,
    "indented": 5.0,
    "a null for a number": 5.0,
    "a null for a text": 5.0,
    "a new key with a number": 5.0,
    "a comma in a text": 5.0,
    "a quote in a text": 5.0,
    "escapes of other letters": 5.0,
    "keys in any order": 5.0,
    "times without a fraction": 5.0,
}
ONE_IN = 20  # records that are odd, where not all are: some in each slice


def differ(records, chance):
    """Let each reading be another number."""
    for record in records:
        for entry in record["seoList"]:
            entry["obValue"] = chance.uniform(1e-7, 1e-5)
    return records


def some(name, value):
    """A change of one field of one record in `ONE_IN`."""

    def change(records, chance):
        for record in records[::ONE_IN]:
            record[name] = value
        return records

    return change


def widened(records, chance):
    """Each record has one key more."""
    return [{**record, "temperature": 20 + n / 100} for n, record in enumerate(records)]


def whole_seconds(records, chance):
    """Each moment is told to the second."""
    return [{**record, "obTime": record["obTime"].replace(".000Z", "Z")} for record in records]


def shuffled(records, chance):
    """Each record has its keys in another order."""
    return [dict(chance.sample(list(record.items()), len(record))) for record in records]


COMPACT = {"separators": (",", ":")}
SHAPES = {  # how records change, and how they are written
    "as the service writes it": None,
    "every obValue another number": (differ, COMPACT),
    "spaces after , and :": (None, {}),
    "indented": (None, {"indent": 2}),
    "a null for a number": (some("lat", None), COMPACT),
    "a null for a text": (some("origSensorId", None), COMPACT),
    "a new key with a number": (widened, COMPACT),
    "a comma in a text": (some("observatoryName", "REACH, No. 135"), COMPACT),
    "a quote in a text": (some("observatoryName", 'the "REACH"'), COMPACT),
    "escapes of other letters": (some("observatoryName", "Réunion"), COMPACT),
    "keys in any order": (shuffled, COMPACT),
    "times without a fraction": (whole_seconds, COMPACT),
}


def reshape(shape, body, seed=0):
    """An answer in a shape of that name."""
    if SHAPES[shape] is None:
        return body
    change, options = SHAPES[shape]
    records = json.loads(body)
    if change:
        records = change(records, random.Random(seed))
    return json.dumps(records, **options).encode()


def usual_answers(number, availability=1.0):
    """Some answers, and the windows that they answer."""
    windows = chunk_windows(day_window(DAY), 300)[:number]
    settings = {"availability": availability, "outage_rate": 0.0, "late": 0.0}
    with SimulatedUDL(0, now="2026-01-01T00:00:00Z", **settings) as udl:
        return windows, [udl.library.body(window_query("ALL", window)) for window in windows]


def plain_csv(body):
    """The plain way, without a file."""
    out = io.StringIO()
    records = json.loads(body)
    writer = csv.DictWriter(out, list(records[0]), restval="")
    writer.writerows(records)
    return out.getvalue().encode()


def csv_encoder():
    """A converter to CSV that knows the header of what it met."""
    encoder = CsvEncoder({}, Path())
    return lambda body, window: encoder.encode(body, 0, 1)


WAYS = {  # each gives a converter, new for each round: what it remembers is what a day lets it
    "plain": lambda: lambda body, window: plain_csv(body),
    "csv": csv_encoder,
    "check": lambda: read_answer,
    "parquet": lambda: lambda body, window: [b.serialize() for b in arrow_batches(body)],
}


def measure(shapes=tuple(SHAPES), number=3, rounds=5, availability=1.0):
    """Microseconds of the processor for a record, by shape and way; the medians of some rounds, in turn."""
    windows, usual = usual_answers(number, availability)
    spent = {shape: {way: [] for way in WAYS} for shape in shapes}
    for seed in range(rounds):
        for shape in shapes:
            answers = [reshape(shape, body, seed * number + n) for n, body in enumerate(usual)]
            records = sum(read_answer(body).records for body in answers)
            for way, converter in WAYS.items():
                convert = converter()
                convert(answers[0], windows[0])  # the header, the decoders
                gc.collect()
                began = time.process_time()
                for body, window in zip(answers, windows, strict=True):
                    convert(body, window)
                spent[shape][way].append(1e6 * (time.process_time() - began) / records)
    return {
        shape: {way: statistics.median(some) for way, some in found.items()}
        for shape, found in spent.items()
    }


def shape_table(found):
    """What converting costs by shape, in µs of the processor for a record, beside the goals: a pandas frame."""
    us = pd.DataFrame(found).T
    return pd.DataFrame(
        {
            "plain CSV": us["plain"].round(1),
            "CSV": us["csv"].round(2),
            "goal": pd.Series(GOALS),
            "met": (us["csv"].round(2) <= pd.Series(GOALS)).map({True: "yes", False: "no"}),
            "times plain": (us["plain"] / us["csv"]).round(1),
            "check": us["check"].round(2),
            "Parquet": us["parquet"].round(1),
        }
    ).loc[list(GOALS)]


def main():
    print(shape_table(measure()).to_string())


if __name__ == "__main__":
    main()
