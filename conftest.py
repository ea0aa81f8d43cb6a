"""`pytest` runs every notebook by nbdev's own rules: one test a notebook, each in a process of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache, partial
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


def pytest_configure(config):
    """Notebooks leave files for their readers to look at; those of a run of the tests go with it."""
    if hasattr(config, "workerinput"):  # one of several processes, which the first one has told
        return
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # pytest tidies its own
    tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="tests-of-reach_nb-")
    os.chmod(tempfile.tempdir, 0o711)  # some tests go in as another user
    config.add_cleanup(partial(shutil.rmtree, tempfile.tempdir, ignore_errors=True))


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".ipynb" and not file_path.name.startswith(("_", ".")):
        return NotebookFile.from_parent(parent, path=file_path)


@cache
def builds_for_all(file):
    """Whether a file of tests has a fixture that is built once for all of them, and else once in each process."""
    return 'scope="module"' in (ROOT / file).read_text(encoding="utf-8")


def kept_together(nodeid):
    """What one process runs: a test, all tests of a file, or all browser tests, which share a JupyterLab."""
    file = nodeid.partition("::")[0]
    if file.startswith("tests/browser/"):
        return "browser"
    return file if file.endswith(".py") and builds_for_all(file) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """One process more than there are processors: a fifth of the time tests wait, for a service, a browser, a program."""
    allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
    return 1 + (len(allowed(0)) if allowed else os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What belongs together is run by one process, the largest first: it would be waited for at the end.

    The same by `xdist_group` does nothing under pytest 9.2 and xdist 3.8: every test is a group of its own there.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return kept_together(nodeid)

    return Together(config, log) if config.getvalue("dist") == "load" else None


class NotebookFailed(Exception):
    pass


class NotebookFile(pytest.File):
    def collect(self):
        if self.config.option.as_module and not EXPORTS.search(
            self.path.read_text(encoding="utf-8")
        ):
            return  # a page of the docs has no module
        yield NotebookItem.from_parent(self, name="cells")


RUN = [sys.executable, ROOT / "tools" / "run_notebooks.py"]


def run_alone(seconds, **asked):
    """Run a notebook in a process of its own: its exit code, `None` if it took longer, and what it said."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:
        done = subprocess.run([*RUN, json.dumps(asked)], cwd=ROOT, timeout=seconds, **pipes)
        code, said = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, said = None, late.stdout or b""
    return code, said.decode(errors="replace")


class NotebookRunner:
    """The same by a process that has imported what all notebooks need, and runs each in a copy of itself."""

    def __init__(self):
        self._process = None

    def run(self, **asked):
        if self._process is None or self._process.poll() is not None:
            pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
            self._process = subprocess.Popen(RUN, cwd=ROOT, text=True, encoding="utf-8", **pipes)
        answer = ""
        try:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        finally:
            if not answer:  # what comes later would be taken for the next one's
                self.end()
        if not answer:
            raise NotebookFailed("the process that runs the notebooks has ended")
        found = json.loads(answer)
        return found["code"], found["said"]

    def end(self):
        """End the process, and the notebook that it may be running."""
        if self._process is not None:
            with suppress(OSError):
                self._process.stdin.close()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process.stdout.close()
            self._process = None


RUNNER = NotebookRunner()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if nextitem is None:  # before coverage counts what there is
        RUNNER.end()


def pytest_unconfigure(config):
    RUNNER.end()


class NotebookItem(pytest.Item):
    def runtest(self):
        option = self.config.option
        asked = {"path": str(self.path), "flags": option.nb_flags, "as_module": option.as_module}
        # Windows has no copies of processes, and libraries of macOS refuse to work in one
        run = RUNNER.run if sys.platform == "linux" else run_alone
        code, said = run(seconds=option.nb_timeout, **asked)
        if code is None:
            raise NotebookFailed(f"{said}\nit took over {option.nb_timeout:g} s")
        if code:
            raise NotebookFailed(f"{said}\nits process ended with {code}")

    def repr_failure(self, excinfo, style=None):
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, NotebookFailed)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self):
        return self.path, 0, self.path.name
