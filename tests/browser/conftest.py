import json
import os
import re
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from lab import LabPage, LabServer, chromium, what_is_missing

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "observer", "a-Secret-of-the-test-4711"


def pytest_collection_modifyitems(items):
    missing = what_is_missing()
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours if missing else ():
        item.add_marker(pytest.mark.skip(reason=f"the browser tests need {missing}"))
    items.sort(
        key=lambda item: item not in ours
    )  # first, or one process is left with them at the end


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    alone = FileLock(tmp_path_factory.getbasetemp().parent / "browser.lock")
    if (
        "PYTEST_XDIST_WORKER" in os.environ
    ):  # the conftest of the root sends all of them to one process
        alone.acquire(timeout=0)
    server = LabServer(tmp_path_factory.mktemp("notebooks"), {"PYTHONPATH": str(ROOT)})
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def page(server):
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong
    with chromium() as browser:
        yield LabPage(browser, server)


@pytest.fixture(scope="session")
def udl():
    """A service that outlives every kernel, with a login that is found in no other text."""
    from reach_nb.simulated.service import SimulatedUDL

    settings = {"outage_rate": 0.0, "availability": 0.1}  # few records: quick days
    with SimulatedUDL(seed=2, username=USER, password=PASSWORD, **settings) as service:
        yield service


@pytest.fixture
def lab(page, request):
    """`lab(cell, cell, …)` opens a new notebook with these cells; a failure leaves a picture and the console behind."""

    def open_notebook(*cells, source=None):
        name = re.sub(r"\W+", "-", request.node.name) + ".ipynb"
        path = page.server.root / name
        if source is not None:
            shutil.copy(source, path)
        else:
            path.write_text(json.dumps(_notebook(cells)), encoding="utf-8")
        page.path = path
        page.open(name)
        return page

    yield open_notebook
    if said := getattr(request.node, "failed", ""):
        _leave_evidence(page, re.sub(r"\W+", "-", request.node.name), said)
    page.theme(light=True)
    page.page.set_viewport_size({"width": 1280, "height": 1000})
    page.close_notebooks()


def _notebook(cells):
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{n}",
                "metadata": {},
                "source": cell,
                "outputs": [],
                "execution_count": None,
            }
            for n, cell in enumerate(cells)
        ],
    }


def _leave_evidence(page, name, said):
    folder = Path(os.environ.get("BROWSER_TEST_EVIDENCE", "browser_failures"))
    folder.mkdir(parents=True, exist_ok=True)
    page.page.screenshot(path=folder / f"{name}.png", full_page=True)
    (folder / f"{name}.txt").write_text(
        "\n\n".join(
            [said, "\n".join(map(str, page.console)), page.server.log.read_text()[-20_000:]]
        )
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = outcome.get_result().longreprtext
