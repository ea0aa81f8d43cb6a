"""What a notebook shows of plain code: no red box for what is ordinary, a bar, one picture, small tables."""

from lab import PANEL
from playwright.sync_api import expect

CELLS = (
    """from reach_nb import DownloadRunConfig, availability_frame, plot_calendar, resolve_udl_auth, run_download
same = {"sensor_id": "REACH-135", "base_url": "%s", "auth_token": "%s", "initial_rate": 25.0}
run_download(DownloadRunConfig("2016-01-01", "2016-01-02", "plain", **same))""",
    'run_download(DownloadRunConfig("2025-01-01", "2025-01-01", "plain", **same))',
    'plot_calendar(availability_frame("plain/download_telemetry.csv", start="2025-01-01"))',
    'resolve_udl_auth(env={"BASICAUTH": "Basic bWFkZTp1cA=="})',
)


def test_nothing_is_red_and_everything_is_shown_once(lab, udl):
    udl.clear_faults()
    lp = lab(CELLS[0] % (udl.base_url, udl.auth_token), *CELLS[1:])
    outputs = []
    for number in range(len(CELLS)):
        lp.run_cell(number)
        outputs.append(
            lp.page.evaluate(
                "(n) => jupyterapp.shell.currentWidget.content.model.cells.get(n).outputs.toJSON()",
                number,
            )
        )
    flat = [output for cell in outputs for output in cell]
    assert [output for output in flat if output.get("name") == "stderr"] == []
    assert [output for output in flat if output["output_type"] == "error"] == []
    assert "0 downloaded, 0 there already, 2 without data" in lp.output(0) or any(
        "2 without data" in "".join(output.get("data", {}).get("text/html", ""))
        for output in outputs[0]
    )
    cell = lp.page.locator(f"{PANEL} .jp-Notebook .jp-Cell").nth(1)
    expect(cell.get_by_text("requests/s")).to_be_visible()  # what the bar says at its end
    expect(cell.locator("table")).to_contain_text("2025-01-01")
    pictures = [output for output in outputs[2] if "image/png" in output.get("data", {})]
    assert len(pictures) == len(outputs[2]) == 1  # pyplot shows no second one
    login = str(outputs[3])
    assert "bWFkZTp1cA==" not in login
    assert lp.complaints() == []
