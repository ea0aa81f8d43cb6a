"""AvailabilityExplorer in a real JupyterLab and a real browser, while another process writes."""

import json

import pytest
from playwright.sync_api import expect
from test_launcher import CONTRAST, button, log_in

from reach_nb.backfill import run_download
from reach_nb.config import DownloadRunConfig


@pytest.fixture
def backfill(page, udl):
    """`backfill(folder, first, last, …)` downloads days from this process, not from the notebook's kernel."""

    def run(folder, first, last, sensor_id="REACH-135", **settings):
        config = DownloadRunConfig(
            first,
            last,
            page.server.root / folder,
            sensor_id=sensor_id,
            base_url=udl.base_url,
            auth_token=udl.auth_token,
            initial_rate=25.0,
            **settings,
        )
        return run_download(config, progress=False)

    yield run
    udl.clear_faults()


def explorer_cell(udl, folder):
    return f"from reach_nb import AvailabilityExplorer\nexplorer = AvailabilityExplorer('{folder}', base_url='{udl.base_url}')\nexplorer"


def strip(panel):
    return panel.get_by_role("slider", name="Days of the archive")


def test_it_follows_another_process(lab, udl, backfill):
    lp = lab(explorer_cell(udl, "live"))
    lp.run_cell(0)
    panel = lp.panel()
    expect(panel.locator(".rn-head")).to_contain_text("it appears here by itself")
    expect(panel.locator(".rn-head")).to_contain_text(str(lp.server.root / "live"))
    backfill("live", "2025-01-06", "2025-01-07")
    expect(panel.locator(".rn-head")).to_contain_text("2 of 2 days · ", timeout=20_000)
    expect(strip(panel).locator("svg")).to_be_visible()
    backfill("live", "2025-01-08", "2025-01-08")
    expect(panel.locator(".rn-head")).to_contain_text("3 of 3 days · ", timeout=20_000)
    next((lp.server.root / "live").glob("*20250107T*")).unlink()
    expect(panel.locator(".rn-head")).to_contain_text("2 of 3 days · ", timeout=20_000)
    expect(panel.get_by_text("its artifact is gone (1)")).to_be_visible()
    panel.get_by_text("In words").click()
    expect(panel.get_by_text("Thinnest days")).to_be_visible()
    assert lp.complaints() == []


def test_a_day_by_pointer_and_by_keyboard(lab, udl, backfill):
    udl.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-01-08T06")
    )
    backfill("days", "2025-01-06", "2025-01-08")
    udl.clear_faults()
    lp = lab(explorer_cell(udl, "days"))
    lp.run_cell(0)
    panel = lp.panel()
    days = strip(panel)
    days.focus()
    lp.page.keyboard.press("Home")  # the first key chooses what it says
    expect(panel.get_by_text("Monday, 2025-01-06 (UTC)")).to_be_visible()
    (first, number, offset, rows, pitch, left, top, *_) = json.loads(
        lp.ask("import json; print(json.dumps(explorer.strip.blocks[0]))")
    )
    days.locator("svg").click(
        position={"x": left + 2.5 * pitch, "y": top + 0.5 * pitch}
    )  # a row of boxes: the third
    expect(panel.get_by_text("Wednesday, 2025-01-08 (UTC)")).to_be_visible()
    expect(panel.get_by_role("region", name="Attempts")).to_contain_text(
        "RequestRejectedError: status 400"
    )
    expect(days).to_have_attribute("aria-valuetext", "2025-01-08: failed")
    days.focus()
    lp.page.keyboard.press("ArrowLeft")
    expect(panel.get_by_text("Tuesday, 2025-01-07 (UTC)")).to_be_visible()
    expect(panel.locator("svg[aria-label^='Dose rate']")).to_be_visible(timeout=30_000)
    expect(panel.get_by_label("Day (UTC)")).to_have_value("2025-01-07")
    panel.get_by_label("Day (UTC)").fill("2025-01-06")
    panel.get_by_label("Day (UTC)").press("Enter")
    expect(days).to_have_attribute("aria-valuenow", "0")
    expect(panel.get_by_text("Artifact: ")).to_contain_text(str(lp.server.root / "days"))
    button(panel, "Sensors and gaps").click()
    region = panel.get_by_role("region", name="Availability per sensor")
    expect(region).to_contain_text("REACH-135", timeout=30_000)
    shares = region.locator("tbody td").all_inner_texts()[1:]
    assert abs(sum(float(share.split()[0]) for share in shares) - 100) < 0.2  # they add up
    expect(panel.locator("svg[aria-label*='of 1 sensor']")).to_be_visible()
    button(panel, "Close").press("Enter")
    expect(panel.get_by_text("Monday, 2025-01-06 (UTC)")).to_be_hidden()
    expect(days).to_be_focused()  # where the day was chosen, and not the page
    backfill("days", "2025-01-09", "2025-01-09")
    expect(panel.locator(".rn-head")).to_contain_text("of 4 days", timeout=20_000)
    expect(panel.get_by_text("Monday, 2025-01-06 (UTC)")).to_be_hidden()  # it stays closed
    days.locator("svg").click(position={"x": left + 0.5 * pitch, "y": top + 0.5 * pitch})
    expect(panel.get_by_text("Monday, 2025-01-06 (UTC)")).to_be_visible()
    assert lp.complaints() == []


def test_a_day_is_run_again(lab, udl, backfill):
    udl.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-01-07T06")
    )
    backfill("again", "2025-01-06", "2025-01-07")
    udl.clear_faults()
    lp = lab(explorer_cell(udl, "again"))
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_label("Day (UTC)").fill("2025-01-07")
    panel.get_by_label("Day (UTC)").press("Enter")
    expect(panel.get_by_text("Tuesday, 2025-01-07 (UTC)")).to_be_visible()
    assert panel.get_by_label("UDL password").is_hidden()  # not asked for what is not needed
    assert button(panel, "Stop").is_hidden()
    button(panel, "Download again").click()
    log_in(panel)
    button(panel, "Download again").click()
    expect(panel.get_by_text("✔ 1 day planned: 1 downloaded")).to_be_visible(timeout=30_000)
    attempts = panel.get_by_role("region", name="Attempts")
    expect(attempts).to_contain_text(
        "downloaded", timeout=20_000
    )  # the view has followed by itself
    assert attempts.locator("tbody tr").count() == 2
    strip(panel).focus()
    lp.page.keyboard.press("ArrowLeft")
    expect(panel.get_by_text("Monday, 2025-01-06 (UTC)")).to_be_visible()
    expect(panel.get_by_text("✔ 1 day planned")).to_be_hidden()  # that was of another day
    assert lp.complaints() == []


def test_several_datasets_in_one_file(lab, udl, backfill):
    backfill("several", "2025-01-06", "2025-01-07")
    backfill("several", "2025-01-06", "2025-01-06", sensor_id="REACH-101", descriptor="PROVISIONAL")
    lp = lab(explorer_cell(udl, "several"))
    lp.run_cell(0)
    panel = lp.panel()
    expect(panel.locator(".rn-head")).to_contain_text("1 of 1 day ")
    panel.get_by_label("Dataset").select_option("REACH-135 · QUICKLOOK · csv")
    expect(panel.locator(".rn-head")).to_contain_text("2 of 2 days")
    panel.get_by_label("Dataset").select_option("REACH-101 · PROVISIONAL · csv")
    expect(panel.locator(".rn-head")).to_contain_text("1 of 1 day ")
    assert lp.complaints() == []


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_contrast(lab, udl, backfill, light):
    backfill(f"theme-{light}", "2025-01-06", "2025-01-07")
    lp = lab(explorer_cell(udl, f"theme-{light}"))
    lp.theme(light)
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_label("Day (UTC)").fill("2025-01-07")
    panel.get_by_label("Day (UTC)").press("Enter")
    expect(panel.get_by_text("Tuesday, 2025-01-07 (UTC)")).to_be_visible()
    expect(panel.locator("svg[aria-label^='Dose rate']")).to_be_visible(timeout=30_000)
    assert (
        lp.page.evaluate(
            CONTRAST,
            [".rn-panel :is(div, td, th, summary, pre, button, label, input, select)", 4.5],
        )
        == []
    )
    assert lp.page.evaluate(CONTRAST, [".rn-panel svg g[id*='text'] use", 4.5]) == []
