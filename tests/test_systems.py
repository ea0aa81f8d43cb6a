"""What Windows and macOS do otherwise, as far as it can be simulated here."""

import errno
import io
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reach_nb import DownloadRunConfig, RunLockedError, SimulatedUDL
from reach_nb.cli import main
from reach_nb.commands.signals import stop_on_signals
from reach_nb.day.runlock import run_lock
from reach_nb.files import sync_folder


def test_a_lock_is_let_go_though_its_holder_file_is_being_read(tmp_path, monkeypatch):
    def refused(self, missing_ok=False):
        raise PermissionError("another process has it open")

    with run_lock(tmp_path / "t.csv"):
        with pytest.raises(RunLockedError, match=str(os.getpid())):
            with run_lock(tmp_path / "t.csv"):
                pass
        monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.undo()
    with run_lock(tmp_path / "t.csv"):
        pass


def test_no_folder_is_opened_on_windows(tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(errno.EIO, "a folder is no file")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match="a folder is no file"):
        sync_folder(tmp_path)
    monkeypatch.setattr(os, "name", "nt")
    sync_folder(tmp_path)


def test_signals_are_asked_for_in_the_main_thread_only():
    before, seen = signal.getsignal(signal.SIGINT), []

    def elsewhere():
        with stop_on_signals(own_process=False) as stop:
            seen.append((stop.is_set(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
    with stop_on_signals(own_process=False) as stop:
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, None)
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(10)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_console_that_lacks_a_sign_gets_another(monkeypatch, tmp_path):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert (
        main(
            [
                "download",
                "--start-date",
                "2025-01-01",
                "--end-date",
                "2025-01-02",
                "--output-dir",
                str(tmp_path / "ü…"),
                "--dry-run",
            ]
        )
        == 0
    )
    sys.stdout.flush()
    assert b"2025-01-01" in raw.getvalue()


def test_a_port_that_is_taken_is_refused():
    with SimulatedUDL() as service, pytest.raises(OSError, match="port: .* 0 for a free one"):
        SimulatedUDL(port=int(service.base_url.rpartition(":")[2])).start()


def test_file_names_that_every_system_takes(tmp_path):
    from datetime import date

    from reach_nb.dataset import Dataset

    for sensor, descriptor in (("ALL", "QUICKLOOK"), ("reach-135", "PROVISIONAL")):
        name = Dataset(sensor, descriptor).artifact_path(tmp_path, date(2025, 1, 31)).name
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f]|[ .]$', name) and len(name) < 100
    assert Dataset("reach-135").artifact_path(tmp_path, date(2025, 1, 31)) == Dataset(
        "REACH-135"
    ).artifact_path(tmp_path, date(2025, 1, 31))  # names differ in more than case
    for bad in ("a:b", "a\\b", "CON:", "a/b", ".."):
        with pytest.raises(ValueError, match="sensor_id"):
            DownloadRunConfig("2025-01-01", "2025-01-01", tmp_path, sensor_id=bad)


@pytest.mark.parametrize("absent", ["fcntl", "resource", "pwd", "termios"])
def test_the_package_needs_no_module_that_windows_lacks(absent):
    """Every public name is imported with the module gone: whoever needs it says so when it is needed."""
    code = (
        "import sys, importlib.abc\n"
        "class Gone(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {absent!r}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.modules.pop(" + repr(absent) + ", None)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "import reach_nb\n"
        "for name in reach_nb.__all__: getattr(reach_nb, name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
