"""`pytest` runs every notebook by nbdev's own rules: one test a notebook, each in a process of its own."""

import re
import subprocess
import sys
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


class NotebookItem(pytest.Item):
    def runtest(self):
        option = self.config.option
        command = [sys.executable, ROOT / "tools" / "run_one.py", self.path, option.nb_flags]
        command += ["as-module"] * option.as_module
        try:
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=option.nb_timeout
            )
        except subprocess.TimeoutExpired:
            raise NotebookFailed(f"{self.path.name} took over {option.nb_timeout:g} s") from None
        if done.returncode:
            raise NotebookFailed(done.stdout + done.stderr)

    def repr_failure(self, excinfo, style=None):
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, NotebookFailed)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self):
        return self.path, 0, self.path.name
