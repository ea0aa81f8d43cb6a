"""Every habit that the real service might have, against every format and both ways to ask: a day ends up whole, or it is said that it is not.

The guesses stand in `nbs/simulated/habits.ipynb`. A pass says that no record was lost without a word, and that no day was written off as without data.
"""

import pytest
from campaign import START, compare, day_after, run_in_a_hurry, truth_of

from reach_nb import AuthenticationError, DownloadRunConfig, HistoricalTelemetry, SimulatedUDL
from reach_nb.constellation import SENSORS
from reach_nb.simulated.habits import Habits

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
}


TOLD = ("obTime ignored", "a ban after ten")  # no client could get these days
# Holding the service's own count against what was received would tell these.
NEEDS_A_WITNESS = ("a cap without a word", "blind at noon", "now and then an empty list")


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
        compare(path, truth, config.output_format)
    except AssertionError:
        return "told" if row.error_message else "a silent loss"
    return "complete"


@pytest.mark.parametrize("sensor_id", ("ALL", "REACH-135"))
@pytest.mark.parametrize("output_format", ("csv", "json", "parquet"))
@pytest.mark.parametrize("habit", HABITS)
def test_a_habit(tmp_path, habit, output_format, sensor_id):
    pace = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 2000.0)
    with SimulatedUDL(**SKY, **HABITS[habit]) as service:
        config = DownloadRunConfig(
            START,
            START,
            tmp_path,
            sensor_id=sensor_id,
            output_format=output_format,
            auth_token=service.auth_token,
            base_url=service.base_url,
            **pace,
        )
        try:
            run_in_a_hurry(config)
        except AuthenticationError:
            assert habit == "a ban after ten"
        found = verdict(service, config)
        if habit in NEEDS_A_WITNESS and found == "a silent loss":
            pytest.xfail("the service's count is not held against what was received yet")
        assert found == ("told" if habit in TOLD else "complete")
