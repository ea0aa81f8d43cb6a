"""What a hostile service can do, and where a credential must not be seen."""

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from campaign import START, left_behind, our_threads, run_in_a_hurry
from IPython.core.ultratb import VerboseTB
from test_edges import WHOLE_ANSWER, config_for, end_well, rows_of
from test_kill import service_for, start, wait_for

from reach_nb import (
    AuthenticationError,
    Dataset,
    DownloadRunConfig,
    SimulatedUDL,
    UDLClient,
    UDLError,
    day_window,
    download_UDL_reach_to_file,
    download_UDL_reach_window,
    run_download,
)
from reach_nb.panel.jobs import Tracker
from reach_nb.panel.progress import WAIT_SECONDS
from reach_nb.panel.run_view import RunView
from reach_nb.service.obstacles import causes
from reach_nb.service.transport import Limits

PASSWORD = "Tr0ub4dor & 3"


hasty_run = partial(run_in_a_hurry, max_retries=1)


@pytest.mark.parametrize(
    "fault, options, bound",
    [
        ("endless", {"total_bytes": 10 * 2**30}, "limit of 33554432 bytes"),
        ("endless", {}, "limit of 33554432 bytes"),
        ("padded", {"megabytes": 128}, "limit of 33554432 bytes"),
        ("nested", {}, "no list of records"),
        ("drip", {}, "limit of 0.5 s"),
    ],
)
def test_a_hostile_service_is_bounded(fault, options, bound, service, tmp_path):
    """10 GB, bytes without end, 128 MB out of a few hundred kB, nesting, a drip: the day is FAILED, and the bound is named."""
    service.settings.gzip = fault == "padded"
    limits = Limits(answer_seconds=0.5 if fault == "drip" else 300.0)
    service.inject(fault, times=None, **WHOLE_ANSWER, **options)
    config = config_for(service, tmp_path, 1, max_concurrent_requests=2)
    began = time.monotonic()
    assert hasty_run(config, limits=limits).days_failed == 1
    assert time.monotonic() - began < 60
    assert bound in rows_of(config)[-1].error_message, rows_of(config)[-1].error_message
    assert not [p for p in tmp_path.glob("REACH-*") if p.is_file()]
    service.clear_faults()
    end_well(service, config)


@pytest.mark.skipif(
    sys.platform != "linux", reason="the memory of a process is told in another way"
)
def test_memory_against_a_bomb(tmp_path):
    """A process whose four workers meet 100 kB that unpack to 96 MB does not hold them: the reading ends at the bound."""
    with SimulatedUDL(seed=1, gzip=True) as service:
        service.inject("padded", times=None, megabytes=96, **WHOLE_ANSWER)
        code = (
            "import re\nfrom reach_nb import *\n"
            f"config = DownloadRunConfig('{START}', '{START}', {str(tmp_path)!r}, sensor_id='REACH-135', "
            f"auth_token={service.auth_token!r}, base_url={service.base_url!r})\n"
            "client = UDLClient(config.auth_token, config.base_url, max_retries=0)\n"
            "assert run_download(config, client=client).days_failed == 1\nprint(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 350_000, "kilobytes; without the bound it is over 700,000"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_costs_one_request(status, tmp_path):
    """Eight workers, slow answers and no probe before them: one asks, and nobody after it."""
    with SimulatedUDL(seed=1, latency_seconds=0.2) as service:
        service.inject(status, times=None)
        with pytest.raises(AuthenticationError):
            download_UDL_reach_window(
                auth_token=service.auth_token,
                base_url=service.base_url,
                sensor_id="ALL",
                descriptor="QUICKLOOK",
                output_format="csv",
                start_time="2025-01-01",
                end_time="2025-01-02",
                output_dir=tmp_path,
                max_concurrent_requests=8,
                initial_rate=25,
            )
        assert len(service.requests) == 1


def test_a_probe_that_fails_does_not_cost_more(tmp_path):
    """The probe meets a passing failure, so nothing is known yet: still one request at a time goes out."""
    with SimulatedUDL(seed=1, latency_seconds=0.2) as service:
        service.inject(503, times=1)
        service.inject(401, times=None)
        config = config_for(service, tmp_path, 3, max_concurrent_requests=4)
        assert hasty_run(config).days_failed == 3
        assert sum(r.status == 401 for r in service.requests) == 1


@pytest.mark.skipif(os.name != "posix" or not shutil.which("ps"), reason="there is no ps")
def test_the_process_list_and_the_log(tmp_path):
    """At -vv, among failures of every kind: no form of the login in `ps`, on the terminal, or in any file that a run writes."""
    kinds = ("503", "html", "truncated", "redirect", "reset", "400")
    with service_for(3, latency_seconds=0.05, password=PASSWORD) as service:
        for kind in (
            kinds
        ):  # each once, so that a request waits for one back-off or two; the 400 fails its day
            service.inject(kind, **WHOLE_ANSWER)
        process = start(service, tmp_path, 3)
        wait_for(lambda: len(service.requests) >= 3, process)
        listed = subprocess.run(
            ["ps", "-eo", "pid,args", "-ww"], capture_output=True, text=True
        ).stdout
        text, _ = process.communicate(timeout=120)
    assert {r.fault for r in service.requests if r.fault} == set(kinds)
    assert str(process.pid) in listed and "reach_nb" in listed
    assert "DEBUG" in text and "try 1 of" in text and "Traceback" in text
    login = f"{service.settings.username}:{PASSWORD}"
    secrets = [PASSWORD, login, base64.b64encode(login.encode()).decode()]
    written = "".join(
        p.read_text(errors="replace")
        for p in tmp_path.rglob("*")
        if p.is_file() and p.suffix != ".parquet"
    )
    assert "RequestRejectedError" in written
    for secret in secrets:
        assert secret not in listed + text + written


def test_an_error_that_quotes_the_login(tmp_path, service, caplog):
    """Whatever a library puts into an error's text: neither the telemetry nor the log, traceback included, repeats it."""
    token = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    config = replace(config_for(service, tmp_path, 1), auth_token=token)

    def fail(*, auth_token, **rest):
        try:
            raise ConnectionError(f"sent Authorization: {auth_token}")
        except ConnectionError as error:
            raise RuntimeError(f"me:{PASSWORD} was refused") from error

    with caplog.at_level("DEBUG", logger="reach_nb"):
        assert run_download(config, download_fn=fail).days_failed == 1
    assert "ConnectionError" in caplog.text and "was refused" in rows_of(config)[-1].error_message
    for secret in (token, token.split()[1], PASSWORD):
        assert secret not in caplog.text + config.telemetry_file.read_text(encoding="utf-8")


QUOTED = "Basic " + base64.b64encode(f"someone:{PASSWORD}".encode()).decode()


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text[:40],
        lambda text: f"https://example.org/?auth={quote(text, safe='')}"[:60],
        lambda text: json.dumps(json.dumps({"sent": text}))[:70],
        lambda text: base64.b64encode(f"another:{PASSWORD}".encode()).decode(),
    ],
    ids=["cut", "percent", "json", "base64"],
)
@pytest.mark.parametrize("secret", [QUOTED, f"someone:{PASSWORD}"], ids=["header", "login"])
def test_an_error_that_quotes_a_part_of_the_login(write, secret, tmp_path, service, caplog):
    """Cut off, percent-encoded, as JSON in JSON, or in another header: no eight characters of it stay anywhere."""

    def fail(**arguments):
        raise RuntimeError(f"refused: {write(secret)}")

    config = replace(config_for(service, tmp_path, 1), auth_token=QUOTED)
    with caplog.at_level("DEBUG", logger="reach_nb"):
        assert run_download(config, download_fn=fail).days_failed == 1
    said = caplog.text + config.telemetry_file.read_text(encoding="utf-8")
    assert "refused: " in said and "***" in said
    token = QUOTED.split()[1]
    for text in (token, PASSWORD, quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1]):
        assert not [text[at : at + 8] for at in range(len(text) - 7) if text[at : at + 8] in said]


class Quoting(BaseHTTPRequestHandler):
    """Knows no session for the login that it was sent, and says so in a way of its server's."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        how, login = self.server.how, self.headers["Authorization"]
        quoting = how != "count" or "/count?" in self.path
        body = f"no session for {login}" if quoting else "[]"
        self.send_response({"busy": 503, "refusal": 400, "redirect": 302}.get(how, 200))
        if how == "packing":
            self.send_header("Content-Encoding", f"gzip, {login}")
        if how == "redirect":
            self.send_header("Location", f"https://{login.split()[1]}.example.org")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("how", ["page", "count", "packing", "busy", "refusal", "redirect"])
def test_a_service_that_quotes_the_login(how, tmp_path, caplog):
    """No event, no line of the panel, no log, no row and no part of an error repeats it."""
    tracker, view, shown = Tracker(), RunView(), []

    def look(event):
        tracker.hear(event)
        view.show(tracker.progress, tracker.now() + 2 * WAIT_SECONDS)
        shown.extend([f"{event!r} {event}", *(part.value for part in view.parts.values())])

    caplog.set_level("DEBUG", logger="reach_nb")
    with ThreadingHTTPServer(("127.0.0.1", 0), Quoting) as quoting:
        quoting.how = how
        threading.Thread(target=quoting.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{quoting.server_port}"
        config = config_for(SimpleNamespace(auth_token=QUOTED, base_url=url), tmp_path, 1)
        assert hasty_run(config, on_event=look).days_failed == 1
        with UDLClient(QUOTED, url, max_retries=1, backoff_seconds=0.0) as client:
            ask = client.count if how == "count" else client.fetch
            with pytest.raises(UDLError) as caught:
                ask(Dataset(), day_window(START))
        quoting.shutdown()
    parts = [f"{error!r} {vars(error)}" for error in causes(caught.value)]
    row = rows_of(config)[-1].error_message
    assert any("try 2 of 2" in line for line in shown) == (how != "refusal")
    assert any("Waiting for the service" in line for line in shown) == (how != "refusal")
    assert all("***" in part for part in (row, parts[0])), (row, parts)
    said = "".join([*shown, *parts, row, caplog.text, *traceback.format_exception(caught.value)])
    for text in (QUOTED.split()[1].lower(), f"someone:{PASSWORD}".lower()):
        runs = [text[at : at + 8] for at in range(len(text) - 7)]
        assert not [run for run in runs if run in said.lower()]


def below(call) -> str:
    """The traceback with local variables of what `call` raises, and IPython's verbose one: what is ours of it."""
    with pytest.raises(Exception) as caught:
        call()
    error, steps = caught.value, caught.tb
    while not steps.tb_frame.f_globals["__name__"].startswith("reach_nb."):
        steps = steps.tb_next
    told = traceback.TracebackException(type(error), error, steps, capture_locals=True)
    return "".join(told.format()) + VerboseTB().text(type(error), error, steps)


def quoted_window(tmp_path, **other):
    return download_UDL_reach_window(
        **{
            "auth_token": QUOTED,
            "sensor_id": "ALL",
            "descriptor": "QUICKLOOK",
            "output_format": "csv",
            "start_time": "2025-01-01",
            "end_time": "2025-01-02",
            "output_dir": tmp_path,
            **other,
        }
    )


@pytest.mark.parametrize(
    "name, call",
    [
        ("end_time", lambda path, url: quoted_window(path, end_time="2024-01-01")),
        ("base_url", lambda path, url: quoted_window(path, base_url="http://example.org")),
        ("refused", lambda path, url: quoted_window(path, base_url=url)),
        ("delay", lambda path, url: download_UDL_reach_to_file(**LATE, output_dir=path)),
        ("client", lambda path, url: UDLClient(QUOTED, "http://example.org")),
        (
            "run",
            lambda path, url: run_download(DownloadRunConfig(**RUN, output_dir=path, base_url=url)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tracebacks_with_local_variables(name, call, service, tmp_path):
    """A crash reporter, or IPython's verbose mode, shows every name's value: the login is not among them."""
    said = below(lambda: call(tmp_path, service.base_url))
    assert "Error: " in said and ("<not shown>" in said or "config = DownloadRunConfig" in said)
    assert QUOTED.split()[1][:8] not in said and PASSWORD not in said


LATE = {"auth_token": QUOTED, "sensor_id": "ALL", "descriptor": "QUICKLOOK", "output_format": "csv"}
LATE |= {"delay_seconds": -1, "window_seconds": 60}
RUN = {"start_date": START, "end_date": START, "auth_token": QUOTED}


class Baker(BaseHTTPRequestHandler):
    """Hands a cookie to everybody, and remembers who shows one."""

    protocol_version, shown = "HTTP/1.1", []

    def do_GET(self):
        self.shown.append(self.headers.get("Cookie"))
        self.send_response(200)
        self.send_header("Set-Cookie", "session=taken-over; Path=/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *args):
        pass


def test_no_cookie_is_kept():
    """A session that a service opens by itself is not carried on: each request stands for itself, by its login alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Baker) as baker:
        threading.Thread(target=baker.serve_forever, args=(0.02,), daemon=True).start()
        with UDLClient("Basic bWU6eA==", f"http://127.0.0.1:{baker.server_port}") as client:
            for _ in range(2):
                assert client.fetch(Dataset(), day_window(START)).records == 0
        baker.shutdown()
    assert Baker.shown == [None, None]


def test_no_repr_shows_it(tmp_path, service):
    config = config_for(service, tmp_path)
    token = base64.b64encode(b"me:" + PASSWORD.encode()).decode()
    config = replace(config, auth_token=f"Basic {token}")
    with UDLClient(config.auth_token, config.base_url) as client:
        shown = repr(config) + str(config) + repr(client) + repr(client.transport)
        shown += repr(vars(client)) + repr(vars(client.transport))
    with pytest.raises(ValueError) as refused:
        DownloadRunConfig(START, START, tmp_path, auth_token=7)
    with pytest.raises(ValueError) as elsewhere:
        replace(config, base_url=f"https://me:{PASSWORD}@example.org")
    shown += str(refused.value) + str(elsewhere.value)
    assert token not in shown and PASSWORD not in shown


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "..",
        "/etc/x",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        ".hidden",
        "C:x",
        "~",
        "",
        " ",
        "x" * 65,
    ],
)
@pytest.mark.parametrize("field", ["sensor_id", "descriptor"])
def test_names_stay_in_the_folder(field, name, service, tmp_path):
    config = config_for(service, tmp_path / "out")
    with pytest.raises(ValueError, match=field):
        replace(config, **{field: name})
    setattr(config, field, name)
    with pytest.raises(ValueError, match=field):
        run_download(config)
    assert not os.listdir(tmp_path) and not service.requests


def test_threads_end(service, tmp_path):
    before = our_threads()
    assert run_download(config_for(service, tmp_path)).days_downloaded == 2
    assert not our_threads() - before
    assert left_behind(tmp_path) == [] and Path(tmp_path).is_dir()


class Bomber(BaseHTTPRequestHandler):
    """Sends elsewhere, refuses or answers, with a body of 100 MB that is packed into 100 kB."""

    protocol_version, status = "HTTP/1.1", 302
    body = gzip.compress(bytes(100 * 2**20), 9)

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(self.body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500])
def test_a_bomb_that_is_no_answer(status, monkeypatch):
    """What else than 200 carries is of no use: its beginning is read, not what it unpacks to."""
    monkeypatch.setattr(Bomber, "status", status)
    with ThreadingHTTPServer(("127.0.0.1", 0), Bomber) as bomber:
        threading.Thread(target=bomber.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{bomber.server_port}"
        with UDLClient("Basic bWU6eA==", address, max_retries=0) as client:
            tracemalloc.start()
            with pytest.raises(UDLError):
                client.fetch(Dataset(), day_window(START))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        bomber.shutdown()
    assert peak < 4 * 2**20, f"{peak} bytes"
