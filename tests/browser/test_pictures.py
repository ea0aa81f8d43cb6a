"""The pictures of the docs: REACH_NB_PICTURES=1 pytest tests/browser/test_pictures.py writes them into nbs/images."""

import os

import pytest
from playwright.sync_api import expect
from test_explorer import explorer_cell
from test_launcher import button, launcher_cell, log_in, status

from conftest import ROOT

pytestmark = pytest.mark.skipif(
    not os.environ.get("REACH_NB_PICTURES"), reason="REACH_NB_PICTURES is not set"
)


@pytest.fixture
def images():
    folder = ROOT / "nbs" / "images"
    folder.mkdir(exist_ok=True)
    return folder


def test_pictures(lab, udl, images):
    udl.inject(
        429, times=2, match=lambda request: request.params["obTime"].startswith("2025-01-05")
    )
    udl.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-01-08T12")
    )
    lp = lab(
        launcher_cell(udl, "data", last="2025-01-14", max_rate=8.0), explorer_cell(udl, "data")
    )
    lp.page.set_viewport_size({"width": 1100, "height": 1900})
    lp.run_cell(0)
    panel = lp.panel()
    log_in(panel)
    button(panel, "Start").click()
    status(panel, "Downloading 2025-01-12")
    panel.screenshot(path=images / "launcher.png")
    status(panel, "14 days planned")
    lp.theme(light=False)
    lp.run_cell(1)
    panel = lp.panel(1)
    expect(panel.get_by_role("slider").first).to_be_visible()
    panel.get_by_label("Day (UTC)").fill("2025-01-06")
    panel.get_by_label("Day (UTC)").press("Enter")
    expect(panel.locator("svg[aria-label^='Dose rate']")).to_be_visible()
    panel.screenshot(path=images / "explorer.png")
    for name in ("launcher.png", "explorer.png"):
        assert (images / name).stat().st_size < 200 * 1024
