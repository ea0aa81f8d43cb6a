"""Disks that fill, folders that go, interrupts, proxies and odd clocks: each once, with the real package and a real service."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from campaign import START, check_truth, day_after, left_behind, our_threads, run_in_a_hurry

from reach_nb import (
    ConnectionSetupError,
    DownloadRunConfig,
    HistoricalTelemetry,
    SimulatedUDL,
    UDLClient,
    run_download,
)
from reach_nb.archive.csv_files import CsvEncoder
from reach_nb.cli import main
from reach_nb.dataset import OUTPUT_FORMATS
from reach_nb.service.transport import HttpTransport

WHOLE_ANSWER = {"match": lambda request: request.params.get("maxResults") == "10000"}


def config_for(service, folder, days=2, **settings):
    pace = dict.fromkeys(("initial_rate", "min_rate", "max_rate"), 500.0)
    return DownloadRunConfig(
        START,
        day_after(START, days - 1),
        folder,
        sensor_id="REACH-135",
        auth_token=service.auth_token,
        base_url=service.base_url,
        retry_failed=True,
        **{**pace, **settings},
    )


def rows_of(config):
    return list(HistoricalTelemetry(config.telemetry_file).iter_rows())


def end_well(service, config):
    """The next run completes what the failing one left."""
    assert run_download(config).days_failed == 0
    days = (config.end_date - config.start_date).days + 1
    assert check_truth(service, config) == service.expected_count(
        "REACH-135", START, day_after(START, days)
    )
    assert left_behind(config.output_dir) == []


class FileSizeLimit:
    """No file can grow beyond so many bytes: the nearest thing to a full disk that needs no rights."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        import resource
        import signal

        self.handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.limits[1]))

    def __exit__(self, *error):
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
        signal.signal(signal.SIGXFSZ, self.handler)


@pytest.mark.skipif(os.name != "posix", reason="no such limit")
@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("size", [30_000, 100_000, 200_000])
def test_full_disk(size, output_format, service, tmp_path):
    config = config_for(service, tmp_path, output_format=output_format)
    with FileSizeLimit(size):
        summary = run_download(config)
    assert summary.days_downloaded + summary.days_failed == 2
    assert {r.error_type for r in rows_of(config) if r.status == "FAILED"} <= {"OSError"}
    assert not list(tmp_path.glob("*.spool/new-*")), "half an answer stays on a disk that is full"
    check_truth(service, config)
    end_well(service, config)


@pytest.mark.skipif(os.name != "posix", reason="no such limit")
def test_no_room_for_the_telemetry(service, tmp_path):
    """Work without a record is work lost: the run ends, and the next one finds the artifact without asking again."""
    config = config_for(service, tmp_path / "out", 9, telemetry_path=tmp_path / "log" / "t.csv")
    filler = replace(config_row(), chunk_date_utc="2024-01-01")
    telemetry = HistoricalTelemetry(config.telemetry_file)
    while not config.telemetry_file.exists() or config.telemetry_file.stat().st_size < 400_000:
        telemetry.append_row(replace(filler, error_message="x" * 30_000))
    with (
        FileSizeLimit(config.telemetry_file.stat().st_size + 1_300),
        pytest.raises(OSError, match="so the run ends here") as caught,
    ):
        run_download(config)
    assert caught.value.errno == errno.EFBIG
    asked = len(service.requests)
    check_truth(service, config)
    end_well(service, config)
    again = {r.params["obTime"] for r in service.requests[:asked]} & {
        r.params["obTime"] for r in service.requests[asked:]
    }
    assert not {text for text in again if not text.endswith("00.999Z")}


@pytest.mark.skipif(os.name != "posix", reason="no folder can be synced")
@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_on_disk_before_it_is_said(output_format, service, tmp_path, monkeypatch):
    """The whole file, then its name, then the row: each is on disk before the next, so no loss of power makes a row untrue."""
    config, steps = config_for(service, tmp_path, 1, output_format=output_format), []
    sync, rename = os.fsync, os.replace

    def note_sync(handle):
        sync(handle)
        steps.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    def note_rename(source, target, **handles):
        rename(source, target, **handles)
        steps.append(Path(target).name)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    assert run_download(config).days_downloaded == 1
    row = rows_of(config)[-1]
    places = [
        (p.stat().st_ino, p.stat().st_size) for p in (Path(row.csv_path), config.telemetry_file)
    ]
    whole, said = (steps.index(place) for place in places)
    named = steps.index(Path(row.csv_path).name)
    folder = [n for n, step in enumerate(steps) if step[0] == tmp_path.stat().st_ino and n > named]
    assert whole < named < folder[0] < said, steps


def config_row():
    from reach_nb import TelemetryRow

    return TelemetryRow(
        status="FAILED", sensor_id="REACH-135", descriptor="QUICKLOOK", output_format="csv"
    )


def when(chunk, do):
    """A reader of events that acts after a chunk of the second day."""

    def hear(event):
        if getattr(event, "chunks_done", None) == chunk and "20250102T" in event.artifact.name[:24]:
            do(event)

    return hear


@pytest.fixture
def tmpfs(tmp_path):
    """Mounts a small disk of its own at a path, where that is allowed; gives `mount(size, "ro")` to mount it anew."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)],
            capture_output=True,
        )
        if done.returncode:
            pytest.skip("no right to mount a disk here")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="mounting wants rights",
)
@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("kilobytes", [60, 120, 200, 320])
def test_a_full_tmpfs(kilobytes, output_format, service, tmpfs):
    """A disk that is really full, the telemetry on it too; once there is room, the next run completes."""
    disk = tmpfs(f"size={kilobytes}k")
    config = config_for(service, disk, 3, output_format=output_format)
    try:
        summary = run_download(config)
        assert summary.days_downloaded + summary.days_failed == 3
    except OSError as error:
        assert error.errno == errno.ENOSPC
    check_truth(service, config)
    subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
    end_well(service, config)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="mounting wants rights",
)
def test_a_read_only_disk(service, tmpfs, tmp_path):
    disk = tmpfs("ro")
    for config in (
        config_for(service, disk),
        config_for(service, disk / "new"),
        config_for(service, tmp_path / "out", telemetry_path=disk / "t.csv"),
    ):
        with pytest.raises(ValueError, match="cannot be written to"):
            run_download(config)
    assert not service.requests and not list(disk.iterdir()) and not (tmp_path / "out").exists()


@pytest.fixture
def plain_user(service):
    """A folder of a user whom file permissions bind: root becomes nobody for the test."""
    folder = Path(tempfile.mkdtemp())
    run_download(
        config_for(service, folder / "first", 1)
    )  # what is imported late is there before rights are gone
    folder.chmod(0o777)
    is_root = os.geteuid() == 0
    os.seteuid(65534 if is_root else os.geteuid())
    yield folder
    os.seteuid(0 if is_root else os.geteuid())
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions are another matter there")
def test_a_read_only_folder(service, plain_user):
    """Refused before anything is asked; one that becomes so in mid-run costs its days, and they say why."""
    out = plain_user / "out"
    out.mkdir(mode=0o555)
    config, asked = config_for(service, out, 3), len(service.requests)
    for refused in (
        config,
        replace(config, telemetry_path=plain_user / "t.csv"),
        replace(config, output_dir=out / "new"),
    ):
        with pytest.raises(ValueError, match="cannot be written to"):
            run_download(refused)
    assert (
        len(service.requests) == asked
        and not list(out.iterdir())
        and not (plain_user / "t.csv").exists()
    )
    out.chmod(0o755)
    config.telemetry_path = plain_user / "t.csv"
    summary = run_download(config, on_event=when(2, lambda event: out.chmod(0o555)))
    assert (summary.days_downloaded, summary.days_failed) == (1, 2)
    assert {r.error_type for r in rows_of(config) if r.status == "FAILED"} == {"PermissionError"}
    check_truth(service, config)
    out.chmod(0o755)
    assert run_download(config).days_downloaded == 2
    assert check_truth(service, config) == service.expected_count(
        "REACH-135", START, day_after(START, 3)
    )


def test_a_chunk_that_cannot_be_converted_is_asked_for_again(service, tmp_path, monkeypatch):
    """It would fail each time that the spool is taken up."""
    config = config_for(service, tmp_path, 1)
    monkeypatch.setattr(CsvEncoder, "encode", lambda self, body, records, size: 1 / 0)
    assert run_download(config).days_failed == 1
    monkeypatch.undo()
    asked = len(service.requests)
    end_well(service, config)
    assert "2025-01-01T00:00:00" in {
        r.params["obTime"][:19] for r in service.requests[asked:] if WHOLE_ANSWER["match"](r)
    }


@pytest.mark.parametrize("when_killed", ["counting", "noted"])
def test_a_day_without_data_keeps_its_chunks(when_killed, tmp_path):
    """Until it is noted: a kill while the service counts, or just before the last row, costs no chunk again."""
    with SimulatedUDL(seed=6, no_data=[str(START)], late=0.0) as empty:
        config = config_for(empty, tmp_path, 1)

        class Killed(HistoricalTelemetry):
            def append_row(self, row):
                if row.status == "SKIPPED_NO_DATA":
                    raise KeyboardInterrupt
                super().append_row(row)

        stop = threading.Event()
        if when_killed == "counting":
            empty.inject(
                "slow",
                times=None,
                seconds=30,
                match=lambda r: r.path.endswith("/count") and (stop.set() or True),
            )
            assert run_download(config, stop=stop).days_skipped_no_data == 0
        else:
            with pytest.raises(KeyboardInterrupt):
                run_download(config, telemetry=Killed(config.telemetry_file))
        empty.clear_faults()
        asked = len(empty.requests)
        assert run_download(config).days_skipped_no_data == 1
        assert not [r for r in empty.requests[asked:] if WHOLE_ANSWER["match"](r)]
        assert left_behind(tmp_path) == []


def morning():
    """A clock that stands at nine in the morning of the first day (UTC), before the day has ended."""
    return datetime(2025, 1, 1, 9, tzinfo=timezone.utc)


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_chunks_of_an_unfinished_day_are_not_kept_for_ever(end, tmp_path):
    """At 09:00 the answer for 06:00 to 12:00 holds three hours; once the day is over, nothing of that attempt is taken up."""
    with SimulatedUDL(
        seed=6, availability=0.02, outage_rate=0.0, late=0.0, now="2025-01-01T09:00:00Z"
    ) as service:
        config, stop = config_for(service, tmp_path, 1), threading.Event()
        if end == "failed":
            service.inject(
                "503",
                times=None,
                match=lambda r: WHOLE_ANSWER["match"](r) and "T00:00" in r.params["obTime"][:16],
            )
        run_in_a_hurry(
            config,
            stop=stop,
            on_event=lambda e: getattr(e, "chunks_done", 0) == 2 and stop.set(),
            clock=morning,
        )
        assert list(tmp_path.glob("*.spool/chunk-*" if end == "failed" else "*.spool/part-*")), (
            "there is something to take up"
        )
        assert (
            rows_of(config)[-1].status == {"stopped": "DOWNLOAD_PENDING", "failed": "FAILED"}[end]
        )
        service.settings.now = None
        service.clear_faults()
        end_well(service, config)


def test_a_clock_that_is_set_back(service, tmp_path):
    """During a run, to before the day: what was seen so is refreshed once the clock is right, and the last word is the truth."""
    config = config_for(service, tmp_path, 2)
    service.inject("503", times=None, match=lambda r: "T12:00" in r.params["obTime"][:16])
    assert (
        run_in_a_hurry(config).days_failed == 2
    )  # rows with right stamps, later than what the wrong clock will say
    service.clear_faults()
    run_download(config, clock=morning)
    states = {r.status for r in HistoricalTelemetry(config.telemetry_file).load_state().values()}
    assert "FAILED" not in states, "an older row came back to life"
    end_well(service, config)


def test_settings_that_change_under_way(service, tmp_path):
    """A config is mutable, and a panel or a reader of events may do so: the run goes on with what it began with."""
    config = config_for(service, tmp_path / "out", 3)
    begun_with = replace(config)

    def meddle(event):
        if getattr(event, "number", None) == 2 or getattr(event, "chunks_done", None) == 2:
            config.sensor_id, config.descriptor, config.output_format = (
                "REACH-101",
                "PROVISIONAL",
                "json",
            )
            config.output_dir, config.telemetry_path = (
                tmp_path / "elsewhere",
                tmp_path / "elsewhere" / "t.csv",
            )
            config.base_url, config.auth_token = "http://127.0.0.1:9", ""
            config.start_date = config.end_date = date(2024, 1, 1)

    assert run_download(config, on_event=meddle).days_downloaded == 3
    assert config.sensor_id == "REACH-101" and os.listdir(tmp_path) == ["out"]
    assert {(r.sensor_id, r.descriptor, r.output_format) for r in rows_of(begun_with)} == {
        ("REACH-135", "QUICKLOOK", "csv")
    }
    asked = len(service.requests)
    end_well(service, begun_with)
    assert len(service.requests) == asked


def test_a_spool_that_vanishes(service, tmp_path):
    config = config_for(service, tmp_path / "out", 3)
    summary = run_download(
        config, on_event=when(2, lambda e: Path(f"{e.artifact}.spool").rename(tmp_path / "gone"))
    )
    assert (summary.days_downloaded, summary.days_failed) == (2, 1)
    check_truth(service, config)
    end_well(service, config)


def test_a_folder_that_vanishes(service, tmp_path):
    """An unplugged disk: nothing is made anew in its place, and nothing is asked for days that have nowhere to go."""
    config = config_for(service, tmp_path / "out", 4, telemetry_path=tmp_path / "t.csv")
    summary = run_download(
        config, on_event=when(2, lambda e: (tmp_path / "out").rename(tmp_path / "away"))
    )
    assert (summary.days_downloaded, summary.days_failed) == (1, 3)
    assert not (tmp_path / "out").exists()
    assert max(r.params["obTime"][:10] for r in service.requests) == "2025-01-02"
    (tmp_path / "away").rename(tmp_path / "out")
    end_well(service, config)


def test_a_telemetry_file_that_vanishes(service, tmp_path):
    config = config_for(service, tmp_path / "out", 4)
    with pytest.raises(OSError, match="so the run ends here"):
        run_download(
            config, on_event=when(2, lambda e: (tmp_path / "out").rename(tmp_path / "gone"))
        )
    assert not (tmp_path / "out").exists()
    end_well(service, config)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    "fault, options",
    [("slow", {"seconds": 30.0}), ("429", {"retry_after": "100"}), ("drip", {}), ("503", {})],
)
def test_an_interrupt_leaves_no_thread(fault, options, workers, service, tmp_path):
    """Ctrl-C in a notebook: the kernel lives on, so nothing of the run may, nor write into the next one's folders."""
    config, before = config_for(service, tmp_path, max_concurrent_requests=workers), our_threads()
    service.inject(
        fault,
        times=None,
        match=lambda r: WHOLE_ANSWER["match"](r) and "T00:00" not in r.params["obTime"][:16],
        **options,
    )

    def interrupt(event):
        if hasattr(event, "chunks_done"):
            time.sleep(0.2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_download(config, on_event=interrupt)
    assert not our_threads() - before
    asked = len(service.requests)
    time.sleep(0.2)
    assert len(service.requests) == asked
    service.clear_faults()
    end_well(service, config)


def test_widening_looks_at_stop(tmp_path):
    """A day of ALL with a late column is half a gigabyte to copy: a stop must not wait for its end."""
    part, line = tmp_path / "part", b",".join([b"0.123456789012345"] * 29) + b"\r\n"
    part.write_bytes(b",".join(b"c%d" % n for n in range(29)) + b"\r\n" + line * 40_000)
    looks = []
    encoder = CsvEncoder(
        {"columns": [f"c{n}" for n in range(30)], "widths": [[0, 29], [part.stat().st_size, 30]]},
        tmp_path / "whole",
    )
    encoder.finish(part, lambda: looks.append(1))
    assert len(looks) > 2


class Proxy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        self.send_error(502)

    def log_message(self, *args):
        pass


def test_no_proxy_sees_a_login_for_this_machine(service, tmp_path, monkeypatch):
    """A proxy is another host: what is meant for the loopback goes there directly, whatever the environment says."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.seen = []
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        summary = run_in_a_hurry(config_for(service, tmp_path))
        proxy.shutdown()
    assert not any("Authorization" in headers for headers in proxy.seen)
    assert summary.days_downloaded == 2


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("REQUESTS_CA_BUNDLE", "/no/such.pem", "authorities"),
        ("https_proxy", "http://127.0.0.1:port", "proxy"),
        ("https_proxy", "http://127.0.0.1:9", "proxy"),
    ],
)
def test_what_cannot_pass_ends_the_run_at_once(name, value, said, tmp_path, monkeypatch, capsys):
    """No CA file, a proxy that is none: one line, exit 2, no rows, no day that failed."""
    for other in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.upper(), raising=False)
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("BASICAUTH", "Basic bWFkZTp1cA==")
    began = time.monotonic()
    days = ["--start-date", "2025-01-01", "--end-date", "2025-01-03"]
    assert main(["download", *days, "--output-dir", str(tmp_path)]) == 2
    assert time.monotonic() - began < 5
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0], lines
    assert not list(tmp_path.glob("*.csv"))


class Rounding(HttpTransport):
    """A transport to a service that rounds the ends of a range to whole minutes, and is generous."""

    def get(self, path, params, accept):
        start, end = (datetime.fromisoformat(t[:19]) for t in params["obTime"].split(".."))
        wide = (start.replace(second=0), end.replace(second=0) + timedelta(minutes=1))
        asked = "..".join(moment.isoformat() + ".000Z" for moment in wide)
        return super().get(path, {**params, "obTime": asked}, accept)


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_what_was_not_asked_for_is_left_out(output_format, tmp_path, caplog):
    """A service that rounds up sends the next midnight with a day, and each chunk's first record twice."""
    caplog.set_level("WARNING", logger="reach_nb")
    with SimulatedUDL(seed=88, availability=0.2, outage_rate=0.0, late=0.0) as service:
        for hour in (6, 12, 18, 24):  # where a chunk ends, there is a record
            end = datetime(2025, 1, 1) + timedelta(hours=hour)
            assert service.expected_count("REACH-135", end, end + timedelta(milliseconds=1)) == 2
        config = config_for(service, tmp_path, 1, output_format=output_format)
        transport = Rounding(config.auth_token, config.base_url)
        with UDLClient(config.auth_token, config.base_url, transport=transport) as client:
            assert run_download(config, client=client).days_downloaded == 1
        assert check_truth(service, config) == 6_922
    assert "records outside of it, left out" in caplog.text


class Barred(HttpTransport):
    """A transport whose way is barred from the second day on."""

    def get(self, path, params, accept):
        if params["obTime"] > "2025-01-02":
            self.refused = getattr(self, "refused", 0) + 1
            raise ConnectionSetupError("the certificate of the service is not trusted here")
        return super().get(path, params, accept)


def test_what_cannot_pass_in_the_middle_of_a_run_fails_its_days_after_one_try(service, tmp_path):
    config = config_for(service, tmp_path, 3, max_concurrent_requests=1)
    transport = Barred(config.auth_token, config.base_url)
    with UDLClient(config.auth_token, config.base_url, transport=transport) as client:
        summary = run_download(config, client=client)
    assert (summary.days_downloaded, summary.days_failed, transport.refused) == (1, 2, 2)
    assert rows_of(config)[-1].error_type == "ConnectionSetupError"


def test_netrc_does_not_replace_the_login(service, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert run_download(config_for(service, tmp_path / "out")).days_downloaded == 2
    assert all(r.auth_ok for r in service.requests)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "garbage",
        "2099-01-01",
        "2099-01-01 00:00:00",
        "2099-01-01T00:00:00",
        "2099-01-01T00:00:00Z",
        "2099-01-01T00:00:00.000001+00:00",
        "2001-01-01T00:00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ],
)
@pytest.mark.parametrize("status", ["DOWNLOAD_PENDING", "FAILED", "DOWNLOADED"])
def test_rows_of_other_clocks(status, stamp, service, tmp_path):
    """Whatever another program or another clock has stamped, a run neither breaks on it nor believes it for ever."""
    config = config_for(service, tmp_path, 1)
    run_download(config)
    path = next(tmp_path.glob("REACH*.csv"))
    HistoricalTelemetry(config.telemetry_file).append_row(
        replace(
            rows_of(config)[-1],
            status=status,
            started_at_utc=stamp,
            csv_path=str(path) if status == "DOWNLOADED" else "",
        )
    )
    run_download(config)
    if not stamp.startswith(
        "9999"
    ):  # there is no later moment than that: such a day is done again each time
        check_truth(service, config)
        assert run_download(config).days_skipped_existing == 1


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process can't be set here")
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
def test_local_zones_and_leap_seconds(zone, service, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for day in (
            date(2016, 12, 31),
            date(2017, 1, 1),
            date(2024, 2, 29),
            date(2025, 3, 9),
            date(2025, 11, 2),
        ):
            config = replace(config_for(service, tmp_path), start_date=day, end_date=day)
            assert run_download(config).days_failed == 0
            assert check_truth(service, config) == service.expected_count(
                "REACH-135", day, day + timedelta(days=1)
            )
    finally:
        monkeypatch.undo()
        time.tzset()


def test_odd_names_of_folders(service, tmp_path):
    config = config_for(service, tmp_path / "mit Leerzeichen, ✓ 'q' \"Q\" %s é", 1)
    assert run_download(config).days_downloaded == 1
    check_truth(service, config)
    assert run_download(config).days_skipped_existing == 1


def test_a_wrong_password_costs_two_requests(service, tmp_path):
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "reach_nb",
            "download",
            "--start-date",
            "2025-01-01",
            "--end-date",
            "2025-03-01",
            "--sensor-id",
            "REACH-135",
            "--output-dir",
            str(tmp_path),
            "--base-url",
            service.base_url,
            "-vv",
        ],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "UDL_AUTH_USERNAME": "demo",
            "UDL_AUTH_PASSWORD": "correct horse",
            "BASICAUTH": "",
        },
        timeout=30,
    )
    assert process.returncode == 2, process.stderr
    assert len(service.requests) <= 2
    assert "correct horse" not in process.stdout + process.stderr
    assert not (tmp_path / "download_telemetry.csv").exists()
