"""Telemetry files that were cut, damaged, or written by others, and one that is read while it grows."""

import csv
import io
import random
import threading
import tracemalloc
from datetime import date, timedelta
from itertools import product

import pytest

from reach_nb import DownloadRunConfig, HistoricalTelemetry, TelemetryRow
from reach_nb.look.days import read_rows
from reach_nb.planning import plan_run
from reach_nb.telemetry import COLUMNS

DAYS = [date(2025, 1, 1) + timedelta(days=n) for n in range(40)]


def a_row(n, **fields):
    day = DAYS[n % len(DAYS)]
    return TelemetryRow(
        **{
            "run_id": f"run-{n}",
            "chunk_date_utc": str(day),
            "status": "FAILED" if n % 3 else "DOWNLOADED",
            "sensor_id": "REACH-135",
            "csv_path": "/data/with, comma/é.csv",
            "error_message": 'said "no", twice' if n % 4 == 0 else "",
            "started_at_utc": f"2025-03-01T00:00:{n % 60:02}.000000+00:00",
            **fields,
        }
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("telemetry") / "t.csv"
    telemetry = HistoricalTelemetry(path)
    for n in range(len(DAYS)):
        telemetry.append_row(a_row(n))
    return path.read_bytes()


def rows_in(path):
    return list(HistoricalTelemetry(path).iter_rows())


def test_a_cut_at_any_byte(whole, tmp_path):
    """All whole rows stay, a torn one is set aside, and the next row stands by itself."""
    rows = [a_row(n) for n in range(len(DAYS))]
    path, aside = tmp_path / "t.csv", tmp_path / "t.csv.torn"
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = max(sum(end <= cut for end in ends) - 1, 0)
        assert rows_in(path) == rows[:kept], cut
        if cut % 7 == 0 or cut in ends:
            HistoricalTelemetry(path).append_row(a_row(0, run_id="after"))
            assert rows_in(path) == [*rows[:kept], a_row(0, run_id="after")], cut
            torn = whole[max((e for e in ends if e <= cut), default=0) : cut]
            assert (aside.read_bytes().rstrip(b"\n") if aside.exists() else b"") == torn.rstrip(
                b"\n"
            ), cut
            aside.unlink(missing_ok=True)


@pytest.mark.parametrize("seed", range(150))
def test_damage_in_the_middle(seed, whole, tmp_path):
    """Bytes are changed, lost or added anywhere: nothing raises, and what was not touched is still read as it was."""
    draw = random.Random(seed)
    lines = whole.splitlines(keepends=True)
    hit = draw.sample(range(1, len(lines)), draw.choice((1, 1, 3)))
    for n in hit:
        line, at = (
            bytearray(lines[n]),
            draw.randrange(len(lines[n]) - 1),
        )  # the line's end itself stays
        width = draw.choice((1, 1, 8, 200))
        junk = bytes(
            draw.choice(b'"",,\n\r\0\xff\xc3az') for _ in range(draw.choice((0, 1, width)))
        )
        line[at : min(at + width, len(line) - 1)] = junk
        lines[n] = bytes(line)
    path = tmp_path / "t.csv"
    path.write_bytes(b"".join(lines))
    read = rows_in(path)
    for n in range(len(DAYS)):
        if n + 1 not in hit:
            assert a_row(n) in read, (hit, n)
    telemetry = HistoricalTelemetry(path)
    telemetry.load_state()
    telemetry.to_frame()
    telemetry.append_row(a_row(1, run_id="after"))
    assert rows_in(path)[-1] == a_row(1, run_id="after")


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(5))
def test_files_of_others(seed, line_end, start, tmp_path):
    """Other orders, columns of their own, fields over several lines, a byte-order mark, Windows line ends."""
    draw = random.Random(seed)
    columns = draw.sample([*COLUMNS, "operator", "remark"], len(COLUMNS) + 2)
    rows = [
        vars(a_row(n))
        | {"operator": "me", "remark": f'first line{line_end}second, "line"' if n % 2 else ""}
        for n in range(12)
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "t.csv"
    path.write_text(start + text.getvalue(), encoding="utf-8", newline="")
    assert rows_in(path) == [a_row(n) for n in range(12)]
    HistoricalTelemetry(path).append_row(a_row(20))
    assert rows_in(path) == [*(a_row(n) for n in range(12)), a_row(20)]
    with open(path, newline="", encoding="utf-8-sig") as file:
        read = list(csv.DictReader(file))
    assert [r["remark"] for r in read] == [*(r["remark"] for r in rows), ""]


def test_readers_while_it_grows(tmp_path):
    """A reader sees the first rows and never half of one; readings only grow."""
    path, done, readings, errors = tmp_path / "t.csv", threading.Event(), [], []

    def read():
        try:
            while not done.is_set():
                readings.append(len(rows := rows_in(path)))
                assert rows == [a_row(n) for n in range(len(rows))]
                HistoricalTelemetry(path).load_state()
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    writer = HistoricalTelemetry(path)
    for n in range(200):
        writer.append_row(a_row(n))
    done.set()
    for reader in readers:
        reader.join()
    assert not errors, errors[0]
    assert readings and len(rows_in(path)) == 200


def test_a_long_log_is_not_held_in_memory(tmp_path):
    """Twenty megabytes of rows of thirty sensors: whoever asks for one of them needs a fraction of that."""
    config = DownloadRunConfig("2015-01-01", "2015-12-31", tmp_path, sensor_id="REACH-101")
    row = dict.fromkeys(COLUMNS, "") | {"descriptor": "QUICKLOOK", "output_format": "csv"}
    row |= {"status": "FAILED", "error_message": "the service said no. " * 5}
    days = [date(2015, 1, 1) + timedelta(n) for n in range(365)]
    with open(config.telemetry_file, "w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for day, sensor, _ in product(days, range(101, 131), range(11)):
            row |= {"chunk_date_utc": str(day), "sensor_id": f"REACH-{sensor}"}
            file.write(",".join(row.values()) + "\n")
    size = config.telemetry_file.stat().st_size
    for look in (plan_run, lambda config: read_rows(config.telemetry_file, "REACH-101")):
        tracemalloc.start()
        found = len(look(config))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found in (365, 365 * 11)
        assert peak < size / 2, f"{peak:,} bytes for a file of {size:,}"
