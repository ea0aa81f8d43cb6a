"""AvailabilityExplorer in a real JupyterLab and a real browser, while another process writes."""

import pytest
from playwright.sync_api import expect
from test_launcher import CONTRAST, button, log_in

from reach_nb.backfill import run_download
from reach_nb.planning import DownloadRunConfig


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


def test_it_follows_another_process(lab, udl, backfill):
    lp = lab(explorer_cell(udl, "live"))
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_text("In words").click()
    expect(panel.get_by_text("No days:")).to_be_visible()
    backfill("live", "2025-01-06", "2025-01-07")
    expect(
        panel.get_by_role("slider", name="Calendar of availability").locator("svg")
    ).to_be_visible(timeout=20_000)
    expect(
        panel.locator(".rn-days svg[aria-label*='2025-01-06 to 2025-01-07']").first
    ).to_be_visible()
    backfill("live", "2025-01-08", "2025-01-08")
    expect(
        panel.locator(".rn-days svg[aria-label*='2025-01-06 to 2025-01-08']").first
    ).to_be_visible(timeout=20_000)
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
    calendar, bars = (
        panel.get_by_role("slider", name=name)
        for name in ("Calendar of availability", "Availability by day")
    )
    left, top, width, height = map(
        float, lp.ask("print(*explorer._pictures.calendar.boxes[2])").split()
    )
    calendar.scroll_into_view_if_needed()
    box = calendar.bounding_box()
    calendar.click(
        position={"x": box["width"] * (left + width / 2), "y": box["height"] * (top + height / 2)}
    )
    expect(panel.get_by_text("Wednesday, 2025-01-08 (UTC)")).to_be_visible()
    expect(panel.get_by_role("region", name="Attempts")).to_contain_text(
        "RequestRejectedError: status 400"
    )
    expect(bars).to_have_attribute("aria-valuetext", "2025-01-08: failed, RequestRejectedError")
    calendar.focus()
    lp.page.keyboard.press("ArrowUp")  # one day up
    expect(panel.get_by_text("Tuesday, 2025-01-07 (UTC)")).to_be_visible()
    bars.focus()
    lp.page.keyboard.press("ArrowLeft")  # one day to the left
    expect(panel.get_by_text("Monday, 2025-01-06 (UTC)")).to_be_visible()
    expect(panel.get_by_label("Day (UTC)")).to_have_value("2025-01-06")
    panel.get_by_label("Day (UTC)").fill("2025-01-07")
    expect(calendar).to_have_attribute("aria-valuenow", "1")
    expect(panel.get_by_text("Artifact: ")).to_be_visible()
    button(panel, "Per-sensor availability").click()
    region = panel.get_by_role("region", name="Availability per sensor")
    expect(region).to_contain_text("REACH-135", timeout=30_000)
    expect(panel.locator("svg[aria-label*='of 1 sensors']")).to_be_visible()
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
    expect(panel.get_by_text("Tuesday, 2025-01-07 (UTC)")).to_be_visible()
    assert panel.get_by_label("UDL password").is_hidden()  # not asked for what is not needed
    button(panel, "Re-run this day").click()
    log_in(panel)
    button(panel, "Re-run this day").click()
    expect(panel.get_by_text("✔ 1 day planned: 1 downloaded")).to_be_visible(timeout=30_000)
    attempts = panel.get_by_role("region", name="Attempts")
    expect(attempts).to_contain_text(
        "DOWNLOADED", timeout=20_000
    )  # the view has followed by itself
    assert attempts.locator("tbody tr").count() == 2
    assert lp.complaints() == []


def test_several_datasets_in_one_file(lab, udl, backfill):
    backfill("several", "2025-01-06", "2025-01-07")
    backfill("several", "2025-01-06", "2025-01-06", sensor_id="REACH-101", descriptor="PROVISIONAL")
    lp = lab(explorer_cell(udl, "several"))
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_label("Sensor").select_option("REACH-101")
    expect(
        panel.locator(".rn-days svg[aria-label^='REACH-101 PROVISIONAL csv']").first
    ).to_be_visible()
    expect(panel.get_by_label("Descriptor")).to_have_value("PROVISIONAL")
    panel.get_by_label("Descriptor").select_option("QUICKLOOK")
    expect(
        panel.locator(".rn-days svg[aria-label^='REACH-135 QUICKLOOK csv']").first
    ).to_be_visible()
    assert lp.complaints() == []


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_contrast(lab, udl, backfill, light):
    backfill(f"theme-{light}", "2025-01-06", "2025-01-07")
    lp = lab(explorer_cell(udl, f"theme-{light}"))
    lp.theme(light)
    lp.run_cell(0)
    panel = lp.panel()
    panel.get_by_label("Day (UTC)").fill("2025-01-07")
    expect(panel.get_by_text("Tuesday, 2025-01-07 (UTC)")).to_be_visible()
    assert (
        lp.page.evaluate(
            CONTRAST,
            [".rn-panel :is(div, td, th, summary, pre, button, label, input, select)", 4.5],
        )
        == []
    )
    assert lp.page.evaluate(CONTRAST, [".rn-panel svg g[id*='text'] use", 4.5]) == []
