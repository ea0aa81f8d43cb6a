"""What `reach_nb check` suggests is enough: a backfill with its settings is complete."""

import pytest
from campaign import START, compare, run_in_a_hurry, truth_of

from reach_nb import DownloadRunConfig, HistoricalTelemetry, SimulatedUDL
from reach_nb.cli import make_parser
from reach_nb.commands.download import configs_of
from reach_nb.service.check import check_service
from reach_nb.service.findings import Verdict, as_flags
from reach_nb.service.limiter import AdaptiveRateController
from reach_nb.simulated.habits import Habits

SKY = {"seed": 6, "availability": 0.01, "outage_rate": 0.0, "late": 0.0, "now": "2026-06-01"}
PACE = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 2000.0)


def checked(service):
    """The report on a service, in no time."""
    pace = AdaptiveRateController(2000.0, 0.0, 0.5, 2000.0, 2000.0)
    return check_service(service.auth_token, service.base_url, day=START, limiter=pace)


def is_whole_with(report, service, folder, sensor_id="REACH-135"):
    """Run a day with the settings that a report suggests, and hold it against the truth."""
    config = DownloadRunConfig(
        START,
        START,
        folder,
        sensor_id=sensor_id,
        auth_token=service.auth_token,
        base_url=service.base_url,
        **{**PACE, **report.settings},
    )
    assert run_in_a_hurry(config).days_downloaded == 1
    path = config.dataset.artifact_path(folder, START)
    compare(path, truth_of(service, config, START), "csv")


@pytest.mark.parametrize(
    ("sensor_id", "has_count"), (("ALL", True), ("REACH-135", True), ("REACH-135", False))
)
def test_a_cap_without_a_word(tmp_path, sensor_id, has_count):
    with SimulatedUDL(**SKY, habits=Habits(silent_cap=20, has_count=has_count)) as service:
        report = checked(service)
        assert report.settings == {"max_results": 20}
        assert report.find("most records of an answer").verdict is Verdict.LOSES
        is_whole_with(report, service, tmp_path, sensor_id)


@pytest.mark.parametrize("has_count", (True, False))
def test_a_cap_that_is_told(tmp_path, has_count):
    """A service that refuses to be asked for 10,000 records, and takes a question for 100."""
    sky = {**SKY, "availability": 0.05, "max_results": 150}
    with SimulatedUDL(**sky, habits=Habits(has_count=has_count)) as service:
        report = checked(service)
        assert report.settings == {"max_results": 100} and report.would_lose_data
        found = report.find("most records of an answer").found
        assert found == "10,000 are refused (status 500), 100 are accepted"
        is_whole_with(report, service, tmp_path)


BESIDE = {  # what a service may send beside what it is asked for
    "nothing": {},
    "copies": {"faults": {"doubled": 1.0}},
    "the next second": {"habits": Habits(range_end="rounded")},
}


@pytest.mark.parametrize("beside", BESIDE)
def test_the_count_is_judged_as_in_a_backfill(tmp_path, beside):
    """Where the check says that the count agrees, no day is noted to differ from it."""
    with SimulatedUDL(**SKY | {"availability": 0.5}, **BESIDE[beside]) as service:
        report = checked(service)
        access = {"auth_token": service.auth_token, "base_url": service.base_url}
        config = DownloadRunConfig(START, START, tmp_path, sensor_id="REACH-135", **access, **PACE)
        assert run_in_a_hurry(config).days_downloaded == 1
        (row,) = HistoricalTelemetry(config.telemetry_file).load_state().values()
    assert report.find("count").verdict is Verdict.EXPECTED and row.error_message == ""
    found = report.find("records left out").verdict
    assert found is (Verdict.HANDLED if BESIDE[beside] else Verdict.EXPECTED)
    assert report.settings.keys().isdisjoint(
        ("verify_count", "max_results")
    )  # pace is the machine's
    assert not report.would_lose_data


def test_flags_are_the_settings(tmp_path):
    settings = {"max_results": 40, "settle_hours": 120.0, "initial_rate": 0.5, "min_rate": 0.5}
    settings["verify_count"] = False
    days = f"--start-date {START} --end-date {START} --output-dir {tmp_path}"
    args = make_parser().parse_args(f"download {days} {as_flags(settings)}".split())
    (config,) = configs_of(args, START)
    assert {name: getattr(config, name) for name in settings} == settings
