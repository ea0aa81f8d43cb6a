"""`reach_nb download` as a process that is killed at any moment, again and again, until it gets through.

A real process, a real service. `REACH_NB_KILLS=100` runs longer. What a kill may cost is the requests that were in flight.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise

import pytest
from campaign import (
    KILLED,
    KILLS,
    SIGNALLED,
    START,
    check_truth,
    day_after,
    in_time,
    left_behind,
    three_tries,
)

from reach_nb import DownloadRunConfig, HistoricalTelemetry, SimulatedUDL
from reach_nb.dataset import OUTPUT_FORMATS

WORKERS = 3
POSIX = os.name == "posix"


def service_for(days, **settings):
    return SimulatedUDL(
        **{
            "seed": 6,
            "availability": 0.05,
            "outage_rate": 0.0,
            "late": 0.0,
            "ragged": 0.3,
            "no_data": (str(day_after(START, 2)),),
            "latency_seconds": 0.05,
            **settings,
        }
    )


def start(service, folder, days, output_format="csv", workers=WORKERS):
    command = [
        sys.executable,
        "-m",
        "reach_nb",
        "download",
        "--start-date",
        str(START),
        "--end-date",
        str(day_after(START, days - 1)),
        "--sensor-id",
        "REACH-135",
        "--output-dir",
        str(folder),
        "--output-format",
        output_format,
        "--base-url",
        service.base_url,
        "--max-concurrent-requests",
        str(workers),
        "--initial-rate",
        "500",
        "--min-rate",
        "500",
        "--max-rate",
        "500",
        "-vv",
    ]
    env = {k: v for k, v in os.environ.items() if k not in ("BASICAUTH", "SECRET_ARN_UDL")}
    env |= {
        "UDL_AUTH_USERNAME": service.settings.username,
        "UDL_AUTH_PASSWORD": service.settings.password,
    }
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def config_of(service, folder, days, output_format):
    return DownloadRunConfig(
        START,
        day_after(START, days - 1),
        folder,
        sensor_id="REACH-135",
        output_format=output_format,
        base_url=service.base_url,
    )


def wait_for(condition, process, seconds=30):
    until = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)


def chunks_asked(service):
    return Counter(
        r.params["obTime"] for r in service.requests if r.params.get("maxResults") == "10000"
    )


def artifacts(folder):
    return {p.name: p.read_bytes() for p in folder.glob("REACH-*") if p.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Per format: the artifacts of a run that nobody disturbs."""
    found = {}

    def get(output_format, days):
        if (output_format, days) not in found:
            folder = tmp_path_factory.mktemp("undisturbed")
            with service_for(days, latency_seconds=0.0) as service:
                process = start(service, folder, days, output_format)
                text, _ = process.communicate(timeout=60)
                assert process.returncode == 0, text
            found[output_format, days] = artifacts(folder)
        return found[output_format, days]

    return get


def kill_points(seed):
    """When to kill, without end: `(what to wait for, how many more of it, and then how many seconds)`."""
    draw = random.Random(seed)
    while True:
        yield draw.choice(
            (
                (
                    "requests",
                    draw.randint(0, 9),
                    draw.choice((0.0, draw.uniform(0, 0.06), draw.uniform(0, 0.4))),
                ),
                ("artifacts", draw.randint(1, 2), draw.choice((0.0, draw.uniform(0, 0.01)))),
                ("rows", draw.randint(1, 4), draw.choice((0.0, draw.uniform(0, 0.01)))),
            )
        )


def progress(service, folder):
    """How far a run is, in three measures that are quick to take."""
    telemetry = folder / "download_telemetry.csv"
    return {
        "requests": lambda: len(service.requests),
        "artifacts": lambda: sum(name.endswith(OUTPUT_FORMATS) for name in listed(folder)),
        "rows": lambda: telemetry.stat().st_size // 300 if telemetry.exists() else 0,
    }


def listed(folder):
    return os.listdir(folder) if folder.exists() else []


class Killing:
    """Starts runs, kills them, and notes what each kill cost."""

    def __init__(self, folder, days, output_format, points):
        self.folder, self.days, self.format, self.points = folder, days, output_format, points
        self.killed, self.asked = [], Counter()

    def run(self, service, kill):
        """One process to its end; whether it was let live."""
        process, began = start(service, self.folder, self.days, self.format), time.monotonic()
        if kill:
            what, further, seconds = next(self.points)
            measure = progress(service, self.folder)[what]
            goal = measure() + further
            wait_for(lambda: measure() >= goal, process)
            time.sleep(seconds)
            process.kill()
        text, _ = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGKILL), text
        before, self.asked = self.asked, chunks_asked(service)
        if self.killed:
            self.killed[-1]["asked_again"] = (self.asked - before).total() - len(
                self.asked.keys() - before.keys()
            )
        if process.returncode:
            self.killed.append(
                {
                    "format": self.format,
                    "seconds": round(time.monotonic() - began, 3),
                    "chunks": len(self.asked),
                    "chunks_in_all": 4 * self.days,
                    "in_flight": WORKERS,
                    "asked_again": 0,
                }
            )
        return process.returncode == 0


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_kill_9(output_format, tmp_path, undisturbed):
    place = OUTPUT_FORMATS.index(output_format)
    share = 0.5 if place == 0 else 0.5 / (len(OUTPUT_FORMATS) - 1)
    days, killed, points = 8, [], kill_points(seed=1 + place)
    wanted = undisturbed(output_format, days)
    while len(killed) < round(KILLS * share):
        folder = tmp_path / f"after {len(killed)}"
        killing = Killing(folder, days, output_format, points)
        with service_for(days) as service:
            while not killing.run(
                service, kill=len(killed) + len(killing.killed) < round(KILLS * share)
            ):
                check_truth(
                    service, config_of(service, folder, days, output_format)
                )  # the telemetry can be read, and is true
                for name, body in artifacts(folder).items():
                    assert body == wanted[name], f"{name} is not whole under its final name"
            assert artifacts(folder) == wanted
            assert left_behind(folder) == []
            assert chunks_asked(service).total() - len(chunks_asked(service)) == sum(
                k["asked_again"] for k in killing.killed
            )
        assert all(k["asked_again"] <= WORKERS for k in killing.killed), (
            "more was asked again than was in flight"
        )
        killed += killing.killed
    KILLED.extend(killed)


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
@pytest.mark.parametrize(
    "number, workers, further",
    [(signal.SIGINT, 1, 1), (signal.SIGINT, 3, 6), (signal.SIGTERM, 1, 5), (signal.SIGTERM, 3, 2)],
)
@three_tries
def test_signals(number, workers, further, tmp_path, undisturbed):
    """Out within two seconds with 130, nothing asked afterwards, and the next run goes on from there."""
    days = 4
    wanted = undisturbed("csv", days)
    with service_for(days, latency_seconds=0.4) as service:
        process = start(service, tmp_path, days, workers=workers)
        wait_for(lambda: len(service.requests) >= further, process)
        began = time.monotonic()
        process.send_signal(number)
        text, _ = process.communicate(timeout=30)
        took = time.monotonic() - began
        asked = len(service.requests)
        assert process.returncode == 130, text
        assert "Traceback" not in text
        SIGNALLED.append(
            {
                "signal": number.name,
                "when": f"{workers} in flight",
                "seconds": round(took, 3),
                "exit": 130,
            }
        )
        in_time(took)
        check_truth(service, config_of(service, tmp_path, days, "csv"))
        rows = list(HistoricalTelemetry(tmp_path / "download_telemetry.csv").iter_rows())
        assert "FAILED" not in {r.status for r in rows}, "a stop is no failure"
        time.sleep(0.5)
        assert len(service.requests) == asked
        service.settings.latency_seconds = 0.0
        process = start(service, tmp_path, days)
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 0, text
        assert artifacts(tmp_path) == wanted and left_behind(tmp_path) == []
        assert chunks_asked(service).total() - len(chunks_asked(service)) <= workers


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "fault, options",
    [
        ("429", {"retry_after": "250"}),
        ("503", {}),
        ("endless", {}),
        ("drip", {}),
        ("slow", {"seconds": 60.0}),
    ],
)
@three_tries
def test_signals_while_it_waits(number, fault, options, tmp_path):
    """In a pause that the service asked for, in back-off, and in an answer that does not end: out within two seconds."""
    with service_for(2, latency_seconds=0.0) as service:
        service.inject(
            fault, times=None, match=lambda r: r.params.get("maxResults") == "10000", **options
        )
        process = start(service, tmp_path, 2)
        wait_for(lambda: len(service.requests) >= 2, process)
        time.sleep(0.3)
        process.send_signal(number)
        began = time.monotonic()
        text, _ = process.communicate(timeout=30)
        took = time.monotonic() - began
        assert process.returncode == 130, text
        rows = list(HistoricalTelemetry(tmp_path / "download_telemetry.csv").iter_rows())
        assert [r.status for r in rows] == ["DOWNLOAD_PENDING"]
        SIGNALLED.append(
            {"signal": number.name, "when": fault, "seconds": round(took, 3), "exit": 130}
        )
        in_time(took)


def test_two_runs_at_once(tmp_path):
    """The second is refused at once and names the first; the first does not notice."""
    with service_for(3, latency_seconds=0.3) as service:
        first = start(service, tmp_path, 3)
        wait_for(lambda: len(service.requests) >= 2, first)
        second = start(service, tmp_path, 3)
        text, _ = second.communicate(timeout=30)
        assert second.returncode == 2 and str(first.pid) in text, text
        text, _ = first.communicate(timeout=60)
        assert first.returncode == 0, text
        check_truth(service, config_of(service, tmp_path, 3, "csv"))
        assert left_behind(tmp_path) == []


def test_rows_tell_one_story(tmp_path):
    """Each attempt is a pending row and, unless it was interrupted, its outcome; begins never run backwards."""
    with service_for(3, latency_seconds=0.0) as service:
        process = start(service, tmp_path, 3)
        process.communicate(timeout=60)
    rows = list(HistoricalTelemetry(tmp_path / "download_telemetry.csv").iter_rows())
    assert [r.status for r in rows] == ["DOWNLOAD_PENDING", "DOWNLOADED"] * 2 + [
        "DOWNLOAD_PENDING",
        "SKIPPED_NO_DATA",
    ]
    assert all(a.started_at_utc <= b.started_at_utc for a, b in pairwise(rows))
    assert len({r.run_id for r in rows}) == 1
