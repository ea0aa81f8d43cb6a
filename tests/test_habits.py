"""Every habit that the real service might have, against every format and both ways to ask: a day ends up whole, or it is said that it is not.

The guesses stand in `nbs/simulated/habits.ipynb`. A pass says that no record was lost without a word, and that no day was written off as without data. What tells is the service's own count: see `nbs/day/witness.ipynb`.
"""

import os
import re

import pytest
from campaign import START, compare, day_after, run_in_a_hurry, truth_of

from reach_nb import AuthenticationError, DownloadRunConfig, HistoricalTelemetry, SimulatedUDL
from reach_nb.constellation import SENSORS
from reach_nb.dataset import OUTPUT_FORMATS
from reach_nb.service.client import UDLClient
from reach_nb.simulated.habits import Habits
from reach_nb.verify import verify_archive

SKY = {"seed": 6, "availability": 0.005, "outage_rate": 0.0, "late": 0.0, "now": "2026-06-01"}
NOON = f"{START}T12:00:00Z"
REFUSING = {"rate_limit": 500, "burst": 5}

HABITS = {
    "as believed": {},
    "range ends before its end": {"habits": Habits(range_end="exclusive")},
    "range rounded up": {"habits": Habits(range_end="rounded")},
    "milliseconds dropped": {"habits": Habits(milliseconds=False)},
    "a cap without a word": {"habits": Habits(silent_cap=10)},
    "no order": {"habits": Habits(in_order=False)},
    "obTime ignored": {"habits": Habits(reads_time=False)},
    "records without idSensor": {"missing_id": 0.2},
    "records without idSensor found": {"missing_id": 0.2, "habits": Habits(finds_nameless=True)},
    "no count": {"habits": Habits(has_count=False)},
    "a count too high": {"habits": Habits(count_off=0.1)},
    "a count too low": {"habits": Habits(count_off=-0.1)},
    "blind at noon": {"habits": Habits(blind_at=NOON)},
    "byte order mark": {"habits": Habits(byte_order_mark=True)},
    "HTTP/1.0": {"habits": Habits(keep_alive=False)},
    "a token": {"access_token": "t0ken"},
    "429 without a word": REFUSING,
    "429 with seconds": REFUSING | {"retry_after": "seconds"},
    "429 with a date": REFUSING | {"retry_after": "date"},
    "429 with 0": REFUSING | {"retry_after": 0},
    "429 with nonsense": REFUSING | {"retry_after": "soon"},
    "429 until next century": REFUSING | {"retry_after": 10**10},
    "a ban after ten": REFUSING | {"burst": 1, "rate_limit": 1, "habits": Habits(ban_after=10)},
    "now and then an empty list": {"faults": {"empty_list": 0.02}},
    "now and then half an answer": {"faults": {"fewer": 0.02}},
    "now and then records twice": {"faults": {"doubled": 0.1}},
    "now and then another sensor's": {"faults": {"stranger": 0.02}},
    "now and then an answer again": {"faults": {"again": 0.05}},
}
COUNTS = {  # what becomes of each question for a count
    f"a count that is {kind}": [(kind, "/count")]
    for kind in (404, 503, 429, 403, 400, "html", "error_object")
}
LIES = {  # what becomes of each question about noon
    f"{kind} at noon": [(kind, "T12:00:00")] for kind in ("empty_list", "fewer", "stranger")
}
# No client could get these days whole.
UNTOLD_COUNT = "a count that is 404"  # there is none, and nobody misses it
REFUSED_COUNT = "a count that is 403"  # a bad credential, with which nothing more is asked
WRONG_COUNTS = ("a count too high", "a count too low", "records without idSensor found")
TOLD = ("obTime ignored", "a ban after ten", "a cap without a word", "blind at noon")
TOLD += (REFUSED_COUNT, *LIES)
ONE_SENSOR_ONLY = ("now and then another sensor's", "stranger at noon")  # ALL asks for all of them


def is_about(place):
    """What says whether a request is meant: for counts, or for records from a time on."""
    if place.startswith("/"):
        return lambda request: request.path.endswith(place)
    return lambda request: (
        place in request.params["obTime"].partition("..")[0] and not request.path.endswith("/count")
    )


def verdict(service, config):
    """What became of the day: complete, told (that it is not), or one of the two that must not be."""
    telemetry = HistoricalTelemetry(config.telemetry_file)
    row = telemetry.load_state().get(START)
    if row is None:
        return "told"  # the run ended with an error before it noted anything
    truth = truth_of(service, config, START)
    if service.settings.habits.finds_nameless:
        name = SENSORS["REACH-135"].observatory_name
        every = service.expected_records("ALL", START, day_after(START))
        truth = [r for r in every if config.sensor_id == "ALL" or r["observatoryName"] == name]
    if row.status == "SKIPPED_NO_DATA":
        return "a false no data" if truth else "complete"
    if row.status != "DOWNLOADED":
        return "told" if row.error_message else "not told"
    try:
        path = config.dataset.artifact_path(config.output_dir, START)
        compare(path, truth, config.output_format, told=bool(row.error_message))
    except AssertionError:
        return "told" if row.error_message else "a silent loss"
    return "complete"


def note_is_true(row, truth):
    """Whether what is said of a day says the right numbers."""
    counted, received = re.match(
        r"the service counts ([0-9,]+) records, ([0-9,]+) were received", row.error_message
    ).groups()
    there = int(row.records_downloaded)
    return (int(counted.replace(",", "")), int(received.replace(",", ""))) == (len(truth), there)


def backfill(service, tmp_path, **settings):
    pace = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 2000.0)
    access = {"auth_token": service.auth_token, "base_url": service.base_url}
    config = DownloadRunConfig(START, START, tmp_path, **access, **pace, **settings)
    return config, run_in_a_hurry(config)


NAMES = (*HABITS, *COUNTS, *LIES)
EVERY_PAIR = "REACH_NB_HABITS" in os.environ  # else a day of ALL in one format for each habit


def combinations():
    for at, habit in enumerate(NAMES):
        yield from ((habit, output_format, "REACH-135") for output_format in OUTPUT_FORMATS)
        if habit not in ONE_SENSOR_ONLY:
            one = OUTPUT_FORMATS[at % len(OUTPUT_FORMATS)]
            formats = OUTPUT_FORMATS if EVERY_PAIR else (one,)
            yield from ((habit, output_format, "ALL") for output_format in formats)


@pytest.mark.parametrize(("habit", "output_format", "sensor_id"), list(combinations()))
def test_a_habit(tmp_path, habit, output_format, sensor_id):
    settings = {"sensor_id": sensor_id, "output_format": output_format}
    with SimulatedUDL(**SKY, **HABITS.get(habit, {})) as service:
        for kind, place in COUNTS.get(habit) or LIES.get(habit) or ():
            service.inject(kind, times=None, match=is_about(place))
        try:
            config, _ = backfill(service, tmp_path, **settings)
        except AuthenticationError:
            assert habit == "a ban after ten"
            return
        assert verdict(service, config) == ("told" if habit in TOLD else "complete")
        row = HistoricalTelemetry(config.telemetry_file).load_state()[START]
        if habit in TOLD and row.status == "DOWNLOADED":
            assert note_is_true(row, truth_of(service, config, START))
            assert "12:00" in row.error_message or habit == "a cap without a word"
        if habit == REFUSED_COUNT:
            assert (row.status, row.error_type) == ("FAILED", "AuthenticationError")
        elif habit in COUNTS:
            told = row.error_message.startswith("nothing witnessed this day")
            assert told == (habit != UNTOLD_COUNT)
        elif habit not in (*TOLD, *WRONG_COUNTS):
            assert row.error_message == ""  # a whole day is not called in question
        if habit == "range rounded up":
            with UDLClient(service.auth_token, service.base_url) as client:
                assert not verify_archive(tmp_path, tmp_path, **vars(config.dataset), client=client)


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("habit", [habit for habit in COUNTS if habit != UNTOLD_COUNT])
def test_empty_is_not_no_data(tmp_path, habit, output_format):
    """Every answer is empty, and the count fails: the day failed, and comes whole once the service is well."""
    settings = {"sensor_id": "REACH-135", "output_format": output_format, "retry_failed": True}
    with SimulatedUDL(**SKY) as service:
        service.inject("empty_list", times=None, match=is_about("T"))
        for kind, place in COUNTS[habit]:
            service.inject(kind, times=None, match=is_about(place))
        config, summary = backfill(service, tmp_path, **settings)
        why = "AuthenticationError" if habit == REFUSED_COUNT else "no count confirms it"
        assert summary.days_failed == 1 and why in summary.days[0].error
        service.clear_faults()
        config, summary = backfill(service, tmp_path, **settings)
        assert summary.days_downloaded == 1 and verdict(service, config) == "complete"


@pytest.mark.parametrize("verify_count", (True, False))
@pytest.mark.parametrize("empty_first", (True, False))
def test_no_data_is_believed_of_a_service_without_a_count(tmp_path, empty_first, verify_count):
    """A 404 says once in a run that there is no count; an empty day is one without data then."""
    empty_day = day_after(START, 0 if empty_first else 1)
    with SimulatedUDL(**SKY, habits=Habits(has_count=False), no_data=[empty_day]) as service:
        access = {"auth_token": service.auth_token, "base_url": service.base_url}
        config = DownloadRunConfig(
            START,
            day_after(START, 3),
            tmp_path,
            sensor_id="REACH-135",
            verify_count=verify_count,
            **access,
        )
        summary = run_in_a_hurry(config)
        counts = [request for request in service.requests if request.path.endswith("/count")]
    outcomes = ["downloaded"] * 4
    outcomes[0 if empty_first else 1] = "skipped_no_data"
    assert [day.outcome for day in summary.days] == outcomes
    assert len(counts) == 1


def test_a_forbidden_count_costs_the_empty_day_only(tmp_path):
    """With `verify_count=False` an account that may not count goes on after a day of empty answers."""
    with SimulatedUDL(**SKY, no_data=[day_after(START, 1)]) as service:
        service.inject(403, times=None, match=is_about("/count"))
        access = {"auth_token": service.auth_token, "base_url": service.base_url}
        settings = {"sensor_id": "REACH-135", "verify_count": False}
        summary = run_in_a_hurry(
            DownloadRunConfig(START, day_after(START, 2), tmp_path, **settings, **access)
        )
    assert [day.outcome for day in summary.days] == ["downloaded", "failed", "downloaded"]
    assert "no count confirms it" in summary.days[1].error and "403" in summary.days[1].error


@pytest.mark.parametrize("status", (401, 403))
def test_a_refused_count_ends_the_questions_and_keeps_the_answers(tmp_path, status):
    """That day fails, those after it unasked; the next run asks only for the first day's count."""
    with SimulatedUDL(**SKY) as service:
        service.inject(status, times=None, match=is_about("/count"))
        settings = {"sensor_id": "REACH-135", "retry_failed": True}
        config, summary = backfill(service, tmp_path, **settings)
        config.end_date = day_after(START, 2)
        assert summary.days_failed == 1 and len(service.requests) == 1 + 4 + 1
        said = summary.days[0].error
        assert "AuthenticationError" in said and ("verify_count=False" in said) == (status == 403)

        summary = run_in_a_hurry(config)
        assert summary.days_failed == 3 and len(service.requests) == 6 + 1 + 1
        assert all("AuthenticationError" in day.error for day in summary.days)

        service.clear_faults()
        before = len(service.requests)
        config.end_date = START
        assert run_in_a_hurry(config).days_downloaded == 1
        assert len(service.requests) - before == 1 + 1
        assert verdict(service, config) == "complete"
