"""`pytest` runs every notebook by nbdev's own rules: one test a notebook, each in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
EXPORTS = re.compile(r"#\|\s*default_exp ")


def pytest_addoption(parser):
    group = parser.getgroup("notebooks")
    group.addoption(
        "--nb-flags", default="", help="tst_flags whose cells run too, as in `nbdev_test --flags`"
    )
    group.addoption("--nb-timeout", type=float, default=600, help="seconds for one notebook")
    group.addoption(
        "--as-module", action="store_true", help="run the test cells inside the exported module"
    )


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".ipynb" and not file_path.name.startswith(("_", ".")):
        return NotebookFile.from_parent(parent, path=file_path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One process runs all browser tests, from the start: they share a JupyterLab, and would be waited for at the end.

    The same by `xdist_group` does nothing under pytest 9.2 and xdist 3.8: every test is a group of its own there.
    """
    from xdist.scheduler import LoadScopeScheduling

    class BrowserTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "browser" if nodeid.startswith("tests/browser/") else nodeid

    return BrowserTogether(config, log) if config.getvalue("dist") == "load" else None


class NotebookFailed(Exception):
    pass


class NotebookFile(pytest.File):
    def collect(self):
        if self.config.option.as_module and not EXPORTS.search(
            self.path.read_text(encoding="utf-8")
        ):
            return  # a page of the docs has no module
        yield NotebookItem.from_parent(self, name="cells")


class NotebookRunner:
    """The process that runs notebooks, see `tools/run_notebooks.py`; begun when it is first needed."""

    def __init__(self):
        self._process = None

    def run(self, seconds, **asked):
        """Run a notebook; `NotebookFailed` if it fails, or takes longer."""
        if self._process is None:
            command = [sys.executable, ROOT / "tools" / "run_notebooks.py"]
            pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
            # a group of its own, so that it is killed together with the copy that runs a notebook
            self._process = subprocess.Popen(
                command, cwd=ROOT, text=True, encoding="utf-8", start_new_session=True, **pipes
            )
        late = threading.Timer(seconds, self.kill)
        late.start()
        try:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except KeyboardInterrupt:
            self.kill()
            raise
        finally:
            late.cancel()
        found = json.loads(answer) if answer else {"last": True}
        if found["last"]:
            self.close()
        if not answer:
            raise NotebookFailed(f"it took over {seconds:g} s, or its process was killed")
        if found["code"]:
            raise NotebookFailed(found["said"] or f"its process ended with {found['code']}")

    def kill(self):
        """End the process, and what it runs, at once."""
        if os.name == "nt":
            self._process.kill()
        else:
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self):
        """End the process when it has done what it was asked for."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


RUNNER = NotebookRunner()


def pytest_unconfigure(config):
    RUNNER.close()


class NotebookItem(pytest.Item):
    def runtest(self):
        option = self.config.option
        asked = {"path": str(self.path), "flags": option.nb_flags, "as_module": option.as_module}
        RUNNER.run(option.nb_timeout, **asked)

    def repr_failure(self, excinfo, style=None):
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, NotebookFailed)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self):
        return self.path, 0, self.path.name
