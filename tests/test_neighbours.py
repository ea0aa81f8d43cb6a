"""Others in the same folder: runs at the same time, links, forged spools, file systems that lack something."""

import errno
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from campaign import left_behind, read_records
from test_edges import config_for, end_well, rows_of

from reach_nb import HistoricalTelemetry, RunLockedError, SimulatedUDL, run_download
from reach_nb.archive.journal import note_line, read_notes
from reach_nb.archive.spool import spool_folder
from reach_nb.events import ChunkDone

RUN = """
import sys
from pathlib import Path
from reach_nb import DownloadRunConfig, run_download
folder, name, token, url = sys.argv[1:]
config = DownloadRunConfig("2025-01-01", "2025-01-06", folder, telemetry_path=Path(folder) / name,
    sensor_id="REACH-135", auth_token=token, base_url=url, max_rate=1000, initial_rate=1000)
print(run_download(config, progress=False).days_failed)
"""


def test_three_runs_one_folder(tmp_path):
    """Three processes, three telemetry files: each day is fetched once or so, and is in every telemetry as downloaded."""
    with SimulatedUDL(seed=4, availability=0.01, outage_rate=0, late=0, latency_seconds=0.1) as udl:
        command = [sys.executable, "-c", RUN, str(tmp_path)]
        login = [udl.auth_token, udl.base_url]
        runs = [
            subprocess.Popen(
                [*command, f"{name}.csv", *login], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for name in "abc"
        ]
        said = [run.communicate(timeout=120) for run in runs]
        asked = len(udl.requests)
        truth = udl.expected_records("REACH-135", "2025-01-01", "2025-01-07")
    assert [out.strip() for out, _ in said] == [b"0"] * 3, said
    for name in "abc":
        last = HistoricalTelemetry(tmp_path / f"{name}.csv").load_state()
        assert [row.status for row in last.values()] == ["DOWNLOADED"] * 6
        assert sum(int(row.records_downloaded) for row in last.values()) == len(truth)
    files = sorted(tmp_path.glob("REACH-*.csv"))
    assert sum(len(read_records(path)) for path in files) == len(truth)
    assert not list(tmp_path.glob("*.spool"))
    assert any(b"another run is fetching it" in err for _, err in said)
    assert asked < 2.5 * 6 * 6, "24 requests of chunks, some of counts; without taking, three times"


@pytest.mark.parametrize("counts", [True, False])
def test_who_takes_the_file_of_another_run_says_what_it_lacks(counts, service, tmp_path):
    """The first run may have asked for no count, and its remark is in its own telemetry. The second one knows."""
    service.inject("fewer", times=None, match=lambda r: not r.path.endswith("/count"))
    first, second = (
        config_for(service, tmp_path, 1, telemetry_path=tmp_path / f"{name}.csv", verify_count=how)
        for name, how in (("first", counts), ("second", True))
    )
    waiting = threading.Event()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: "waiting for that" in record.getMessage() and waiting.set()
    other = threading.Thread(target=run_download, args=(second,))

    def let_the_other_wait(event):
        if isinstance(event, ChunkDone) and not other.ident:
            other.start()
            assert waiting.wait(30)

    logging.getLogger("reach_nb").addHandler(handler)
    try:
        run_download(first, on_event=let_the_other_wait)
        other.join()
    finally:
        logging.getLogger("reach_nb").removeHandler(handler)
    (own,), (taken,) = (
        HistoricalTelemetry(config.telemetry_file).load_state().values()
        for config in (first, second)
    )
    assert own.records_downloaded == taken.records_downloaded
    a_chunk = f"{first.start_date}T06:00:00.000Z..{first.start_date}T11:59:59.999Z"
    asked = [r.path.rpartition("/")[2] for r in service.requests if r.params["obTime"] == a_chunk]
    said = f"records, {int(taken.records_downloaded):,} were received"
    assert (said in own.error_message, said in taken.error_message) == (counts, True)
    assert len(asked) - asked.count("count") == 1 + counts, "the second run fetches nothing"


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps readers from a locked file")
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_second_run_by_another_name_is_refused(link, service, tmp_path):
    """The telemetry file is reached through a link: it is the same file, and one run writes it at a time."""
    config = config_for(service, tmp_path / "out", 1)
    run_download(config)
    other = tmp_path / "other.csv"
    link(other, config.telemetry_file)
    second = config_for(service, tmp_path / "second", 1, telemetry_path=other)
    refused = []

    def meanwhile(**arguments):
        with pytest.raises(RunLockedError):
            run_download(second)
        refused.append(arguments["output_dir"])
        raise RuntimeError("enough")

    first = config_for(service, tmp_path / "third", 1, telemetry_path=config.telemetry_file)
    first.start_date = first.end_date = "2025-02-01"
    assert run_download(first, download_fn=meanwhile).days_failed == 1
    assert refused and not list((tmp_path / "second").glob("REACH*"))


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_holder_that_leads_elsewhere(link, service, tmp_path):
    """A `.holder` that is a link to somebody's file: that keeps its content."""
    config = config_for(service, tmp_path / "out", 1)
    config.output_dir.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("theirs")
    link(config.telemetry_file.with_name(config.telemetry_file.name + ".holder"), precious)
    assert run_download(config).days_downloaded == 1
    assert precious.read_text() == "theirs" and left_behind(config.output_dir) == []


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
def test_a_spool_that_leads_elsewhere(service, tmp_path):
    """A spool that is a link: nothing in the folder behind it is changed, and the day says why it failed."""
    config = config_for(service, tmp_path / "out", 1)
    victim = tmp_path / "victim"
    for name in ("journal", "part", "chunk-00000", "lock"):
        (victim / name).parent.mkdir(exist_ok=True)
        (victim / name).write_text("theirs")
    config.output_dir.mkdir()
    spool = spool_folder(config.dataset.artifact_path(config.output_dir, config.start_date))
    spool.symlink_to(victim)
    assert run_download(config).days_failed == 1
    assert "link" in rows_of(config)[-1].error_message
    assert {path.read_text() for path in victim.iterdir()} == {"theirs"}
    assert len(list(victim.iterdir())) == 4
    spool.unlink()
    end_well(service, config)


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
def test_a_forged_spool_is_not_believed(service, tmp_path):
    """Anybody could write to the spool: what its journal says is not taken, nor is a file outside moved by its words."""
    config = config_for(service, tmp_path / "out", 1)
    artifact = config.dataset.artifact_path(config.output_dir, config.start_date)
    config.output_dir.mkdir()
    keys = tmp_path / "victim" / "keys.txt"
    keys.parent.mkdir()
    keys.write_text("theirs")
    stop = threading.Event()

    def on_event(event):
        if type(event).__name__ == "ChunkDone" and event.chunks_done == 2:
            stop.set()

    run_download(config, stop=stop, on_event=on_event)
    journal = spool_folder(artifact) / "journal"
    first, _ = next(read_notes(journal.read_bytes()))
    assert spool_folder(artifact).stat().st_mode & 0o777 == 0o700
    forged = b'{"id": "forged"}\n'
    part = spool_folder(artifact) / f"part-{first['generation']}"
    for spool_mode, piece in ((0o777, "part"), (0o700, "../../victim/keys.txt")):
        part.write_bytes(forged)
        receipt = {"piece": piece, "size": len(forged), "records": 1, "sha256": "0" * 64}
        receipt["mtime_ns"] = part.stat().st_mtime_ns
        journal.write_bytes(note_line(first) + note_line(receipt))
        spool_folder(artifact).chmod(spool_mode)
        stop.clear()
        run_download(config, stop=stop, on_event=on_event)
        assert keys.read_text() == "theirs" and not artifact.exists()
        first, _ = next(read_notes(journal.read_bytes()))
        part = spool_folder(artifact) / f"part-{first['generation']}"
    end_well(service, config)


def fsync_failing_on_folders(number):
    real = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    return fsync


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what a descriptor is")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_synced(number, service, tmp_path, monkeypatch):
    """FUSE and network shares answer so: the file is whole all the same, and its day is no failure."""
    monkeypatch.setattr(os, "fsync", fsync_failing_on_folders(number))
    assert run_download(config_for(service, tmp_path, 1)).days_downloaded == 1


@pytest.mark.skipif(os.name != "posix", reason="there is no flock")
def test_a_file_system_without_locks(service, tmp_path, monkeypatch):
    """The error names the path, and says what to do."""

    def flock(descriptor, what):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(ValueError, match="without locks.*give a folder") as caught:
        run_download(config_for(service, tmp_path, 1))
    assert str(tmp_path) in str(caught.value) and not service.requests


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGHUP")
def test_a_terminal_that_is_closed(tmp_path):
    """SIGHUP is a stop: the holder's file goes, the spool stays, the exit code is that of a stop."""
    with SimulatedUDL(seed=4, latency_seconds=0.5) as udl:
        env = {**os.environ, "BASICAUTH": udl.auth_token}
        command = [sys.executable, "-m", "reach_nb", "download", "--start-date", "2025-01-01"]
        command += ["--end-date", "2025-01-09", "--output-dir", str(tmp_path), "--base-url"]
        process = subprocess.Popen(
            [*command, udl.base_url],
            env=env,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # also under nohup
        )
        until = time.monotonic() + 60
        while not udl.requests and time.monotonic() < until:
            time.sleep(0.05)
        assert (tmp_path / "download_telemetry.csv.holder").exists()
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and b"stopping" in said
    assert not (tmp_path / "download_telemetry.csv.holder").exists()
