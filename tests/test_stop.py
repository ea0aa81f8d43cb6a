"""Stops at awkward moments: while connecting, while assembling, twice, from another thread, and what the next run makes of it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
from campaign import check_truth, in_time, left_behind, our_threads, three_tries
from test_edges import WHOLE_ANSWER, config_for, end_well, rows_of
from test_kill import POSIX, config_of, service_for, start, wait_for

from reach_nb import run_download
from reach_nb.archive.formats import FORMATS
from reach_nb.cli import main
from reach_nb.dataset import OUTPUT_FORMATS


def run_in_thread(config, stop):
    """A run that another thread watches: `(thread, where its result will be)`."""
    result = []

    def go():
        try:
            result.append(run_download(config, stop=stop, progress=False))
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    return thread, result


@pytest.mark.skipif(
    not os.path.exists("/proc/net/tcp"), reason="a full queue is ignored in this way on Linux"
)
@pytest.mark.parametrize("workers", [1, 4])
@three_tries
def test_while_connecting(workers, service, tmp_path):
    """A host that answers nothing, not even the first packet: the connection in the making is left behind."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent, ExitStack() as stack:
        address = silent.getsockname()
        for _ in range(8):  # fill the queue, so that the next connection gets no answer
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        config = config_for(service, tmp_path, max_concurrent_requests=workers)
        config.base_url = f"http://127.0.0.1:{address[1]}"
        stop = threading.Event()
        thread, result = run_in_thread(config, stop)
        time.sleep(0.3)
        assert thread.is_alive()
        began = time.monotonic()
        stop.set()
        thread.join(10)
        took = time.monotonic() - began
        in_time(took)
        assert result[0].days_attempted == 0 and not config.telemetry_file.exists()


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_while_assembling(output_format, service, tmp_path, monkeypatch):
    """Everything is fetched and the file is being made whole: nothing appears, and the next run asks for no chunk of that day."""
    config, stop = config_for(service, tmp_path, 1, output_format=output_format), threading.Event()
    encoder = FORMATS[output_format].encoder
    finish = encoder.finish

    def stop_then_finish(self, part, check, order):
        stop.set()
        return finish(self, part, check, order)

    monkeypatch.setattr(encoder, "finish", stop_then_finish)
    assert run_download(config, stop=stop).days_downloaded == 0
    assert [r.status for r in rows_of(config)] == ["DOWNLOAD_PENDING"]
    assert not [p for p in tmp_path.glob("REACH-*") if p.is_file()]
    monkeypatch.undo()
    asked = len(service.requests)
    end_well(service, config)
    assert not [r for r in service.requests[asked:] if WHOLE_ANSWER["match"](r)]


@pytest.mark.parametrize(
    "fault, options", [("429", {"retry_after": "200"}), ("503", {}), ("slow", {"seconds": 60.0})]
)
@three_tries
def test_twice_from_two_threads(fault, options, service, tmp_path):
    config, stop, before = config_for(service, tmp_path), threading.Event(), our_threads()
    service.inject(fault, times=None, **WHOLE_ANSWER, **options)
    thread, result = run_in_thread(config, stop)
    until = time.monotonic() + 10
    while not any(WHOLE_ANSWER["match"](r) for r in service.requests) and time.monotonic() < until:
        time.sleep(0.01)
    began = time.monotonic()
    for _ in range(2):
        threading.Thread(target=stop.set).start()
    thread.join(10)
    took = time.monotonic() - began
    in_time(took)
    assert (result[0].days_attempted, result[0].days_failed) == (1, 0)
    assert not our_threads() - before
    service.clear_faults()
    end_well(service, config)


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
@pytest.mark.parametrize(
    "numbers",
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGINT),
    ],
)
@pytest.mark.parametrize("gap", [0.0, 0.05])
@three_tries
def test_twice_by_signal(numbers, gap, tmp_path):
    with service_for(4, latency_seconds=0.3) as service:
        process = start(service, tmp_path, 4)
        wait_for(lambda: len(service.requests) >= 4, process)
        began = time.monotonic()
        for number in numbers:
            process.send_signal(number)
            time.sleep(gap)
        text, _ = process.communicate(timeout=30)
        took = time.monotonic() - began
        assert (process.returncode, "Traceback" in text) == (130, False), text
        in_time(took)
        check_truth(service, config_of(service, tmp_path, 4, "csv"))
        service.settings.latency_seconds = 0.0
        process = start(service, tmp_path, 4)
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 0, text
        assert left_behind(tmp_path) == []


def test_status_and_verify_while_a_run_writes(tmp_path, capsys):
    """Reading needs no lock, and never finds half a row or half an artifact."""
    with service_for(4, latency_seconds=0.4) as service:
        process, looks = start(service, tmp_path, 4), 0
        wait_for(lambda: (tmp_path / "download_telemetry.csv").exists(), process)
        while process.poll() is None:
            assert main(["status", "--output-dir", str(tmp_path)]) == 0
            check_truth(service, config_of(service, tmp_path, 4, "csv"))
            looks += 1
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 0, text
        assert looks > 2
        assert main(["verify", "--output-dir", str(tmp_path)]) == 0
        assert "4 days, all agree" in capsys.readouterr().out


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_a_wait(number):
    """A handler runs between any two steps of the main thread, which may hold the very lock that setting the stop flag takes."""
    code = (
        "import signal\nfrom reach_nb.commands.signals import stop_on_signals\n"
        f"with stop_on_signals(False) as stop:\n    with stop._cond: signal.raise_signal(signal.{number})\n    print(stop.wait(10))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
