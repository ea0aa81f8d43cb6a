"""Takes the pictures of the panels for the docs, with the data of the guide "Backfill a month"

take_pictures.py                 writes nbs/images/STATE-{light,dark}.png for the states that the docs show
take_pictures.py --all FOLDER    writes every state of both panels there, light and dark, in four widths

It needs Chromium, JupyterLab and Playwright, as the browser tests do, and works in a folder whose name
may be seen (--root), which it removes afterwards.
"""

import argparse
import json
import re
import shutil
import sys
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import chain
from pathlib import Path

import pandas as pd
from PIL import Image

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "tests" / "browser")]

from lab import LabPage, LabServer, chromium  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

from reach_nb.dataset import Dataset  # noqa: E402
from reach_nb.simulated.service import SimulatedUDL  # noqa: E402
from reach_nb.telemetry import TelemetryRow  # noqa: E402
from reach_nb.windows import day_window  # noqa: E402

CELLS = (
    """from reach_nb import BackfillLauncher
launcher = BackfillLauncher(
    "2025-01-01", "2025-01-31", "month", sensor_id="REACH-135",
    output_format="parquet", base_url={url!r},
)
launcher""",
    """from reach_nb import AvailabilityExplorer
explorer = AvailabilityExplorer("month", base_url={url!r})
explorer""",
    """empty = AvailabilityExplorer("not_yet", base_url={url!r})
empty""",
    """several = BackfillLauncher(
    "2024-12-01", "2025-02-08", "several", sensor_id=["REACH-101", "REACH-135"],
    output_format="parquet", base_url={url!r},
)
several""",
    """years = AvailabilityExplorer("years")
years""",
)
WIDTHS = {"wide": 1900, "usual": 1280, "zoomed": 853, "narrow": 700}  # zoomed: 1,280 at 150 %
IN_THE_DOCS = {
    "running": "launcher",
    "plan": "launcher-plan",
    "error": "launcher-error",
    "waiting": "launcher-waiting",
    "done": "launcher-done",
    "day": "explorer",
    "overview": "explorer-overview",
    "empty": "explorer-empty",
}


def guide_service():
    """The service of the guide, with its troubles."""
    udl = SimulatedUDL(
        seed=4,
        rate_limit=12,
        burst=8,
        outage_rate=0.0,
        no_data=["2025-01-09"],
        outages=[("REACH-135", "2025-01-17T06:00:00Z", "2025-01-18T18:00:00Z")],
    )
    udl.inject(429, times=3, match=lambda r: r.params["obTime"].startswith("2025-01-12"))
    udl.inject(400, times=None, match=lambda r: r.params["obTime"].startswith("2025-01-24T12"))
    return udl


def notebook(url):
    """A notebook with the two panels."""
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    cells = [
        {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": cell.format(url=url)}
        | {"outputs": [], "execution_count": None}
        for n, cell in enumerate(CELLS)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def fewer_colors(path):
    """Write a picture with 256 colours, each nearly what it was: a third of its size."""
    picture = Image.open(path).convert("RGB")
    fewer = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    ground, palette = max(fewer.getcolors())[1], fewer.getpalette()
    palette[3 * ground : 3 * ground + 3] = max(picture.getcolors(picture.width * picture.height))[1]
    fewer.putpalette(palette)  # the ground is what it was
    fewer.save(path, optimize=True)


class Camera:
    """Takes a panel in both themes, and in each of some widths."""

    def __init__(self, lab, folder, widths, names=None):
        self.lab, self.folder, self.widths, self.names = lab, Path(folder), widths, names
        self.folder.mkdir(parents=True, exist_ok=True)

    def take(self, number, state):
        if self.names is not None and state not in self.names:
            return
        name = state if self.names is None else self.names[state]
        for light in (True, False):
            self.lab.theme(light)
            for size, width in self.widths.items():
                self.lab.page.set_viewport_size({"width": width, "height": 1400})
                self.lab.page.wait_for_timeout(300)  # until it is laid out
                parts = (name, size if len(self.widths) > 1 else "", "light" if light else "dark")
                path = self.folder / f"{'-'.join(filter(None, parts))}.png"
                self.lab.panel(number).screenshot(path=path)
                fewer_colors(path)
                print(path.name, f"{path.stat().st_size / 1024:.0f} kB", flush=True)


def press(panel, name):
    panel.get_by_role("button", name=re.compile(f"^{name}")).click()


def status(panel, text, seconds=120):
    expect(panel.locator(".rn-status").first).to_contain_text(text, timeout=1000 * seconds)


def choose(explorer, day):
    """Type a day into an explorer."""
    explorer.get_by_label("Day (UTC)").fill(day)
    explorer.get_by_label("Day (UTC)").press("Enter")
    explorer.get_by_label("Day (UTC)").blur()


def dose_rate(panel):
    expect(panel.locator("svg[aria-label^='Dose rate']")).to_be_visible()


def before_a_run(lab):
    """The states of a launcher before a run; yields each panel's number and the state's name."""
    launcher = lab.panel(0)
    lab.run_cell(0)
    yield 0, "form"
    last = launcher.get_by_label("Last day (UTC)")
    last.fill("2024-01-31")
    last.press("Tab")
    press(launcher, "Plan")
    expect(launcher.locator(".rn-field .rn-error")).to_have_count(1)
    yield 0, "error"
    last.fill("2025-01-31")
    last.press("Tab")
    press(launcher, "Show advanced settings")
    yield 0, "advanced"
    press(launcher, "Hide advanced settings")
    press(launcher, "Plan")
    yield 0, "plan"


def of_a_run(lab, udl):
    """The states of a launcher in a run and after it."""
    launcher = lab.panel(0)
    udl.inject(
        "slow", match=lambda r: r.params["obTime"][:10] > "2025-01-25", times=None, seconds=4
    )
    press(launcher, "Start")
    status(launcher, "Downloading 2025-01-26")
    lab.page.wait_for_timeout(5_000)
    yield 0, "running"
    udl.clear_faults()
    udl.stop()
    expect(launcher.get_by_text("Waiting for the service")).to_be_visible(timeout=30_000)
    yield 0, "waiting"
    udl.start()
    status(launcher, "31 days planned", 180)
    yield 0, "done"
    launcher.get_by_role("slider").first.focus()
    lab.page.keyboard.press("Home")
    dose_rate(launcher)
    yield 0, "done-with-a-day"


def of_an_explorer(lab):
    """The states of an explorer."""
    explorer = lab.panel(1)
    lab.run_cell(1)
    expect(explorer.get_by_role("slider")).to_be_visible()
    yield 1, "overview"
    choose(explorer, "2025-01-17")
    dose_rate(explorer)
    yield 1, "day"
    press(explorer, "Sensors and gaps")
    expect(explorer.get_by_role("region", name="Availability per sensor")).to_be_visible()
    yield 1, "gaps"
    choose(explorer, "2025-01-24")
    yield 1, "failed-day"
    lab.run_cell(2)
    yield 2, "empty"


def of_many(lab, folder):
    """Several sensors in one run, and ten years in one file."""
    lab.run_cell(3)
    yield 3, "several-plan"
    press(lab.panel(3), "Start")
    status(lab.panel(3), "day 12 of")
    yield 3, "several-running"
    press(lab.panel(3), "Stop")
    status(lab.panel(3), "Stopped")
    yield 3, "stopped"
    write_years(folder / "years")
    lab.run_cell(4)
    expect(lab.panel(4).get_by_role("slider")).to_be_visible()
    yield 4, "ten-years"


def write_years(folder):
    """A telemetry file of ten years, with thin weeks, days without data, and failures."""
    dataset, rows = Dataset("REACH-135", "QUICKLOOK", "csv"), []
    folder.mkdir()
    for n in range(3_650):
        day = date(2015, 3, 1) + timedelta(days=n)
        kind = {5: "FAILED", 9: "SKIPPED_NO_DATA"}.get(n * n % 61, "DOWNLOADED")
        share = "" if kind != "DOWNLOADED" else f"{93 - 60 * (n // 7 % 29 == 3):.1f}"
        facts = {"chunk_date_utc": f"{day}", "status": kind, "availability_pct": share}
        rows.append(TelemetryRow(**vars(dataset), **facts).to_dict())
        if share:
            (folder / dataset.artifact_name(day_window(day))).touch()
    pd.DataFrame(rows).to_csv(folder / "download_telemetry.csv", index=False)


@contextmanager
def folder_of(root):
    """A folder that is made, and removed with what was put into it."""
    root.mkdir(parents=True)  # one that is there already is somebody's
    try:
        yield root
    finally:
        shutil.rmtree(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", metavar="FOLDER", help="write every state there instead")
    root = "the folder that is seen in the pictures (default: %(default)s)"
    parser.add_argument("--root", type=Path, default=Path("/srv/reach"), help=root)
    args = parser.parse_args()
    every = args.all is not None
    widths, scale = (WIDTHS, 1) if every else ({"usual": 1100}, 2)
    with folder_of(args.root) as folder, guide_service() as udl, chromium() as browser:
        (folder / "pictures.ipynb").write_text(json.dumps(notebook(udl.base_url)))
        settings = udl.settings
        login = {"UDL_AUTH_USERNAME": settings.username, "UDL_AUTH_PASSWORD": settings.password}
        server = LabServer(folder, {"PYTHONPATH": str(HERE), **login})
        try:
            lab = LabPage(browser, server.start(), scale)
            expect.set_options(timeout=60_000)
            lab.open("pictures.ipynb")
            names = None if every else IN_THE_DOCS
            camera = Camera(lab, args.all or HERE / "nbs" / "images", widths, names)
            states = chain(before_a_run(lab), of_a_run(lab, udl), of_an_explorer(lab))
            for number, state in chain(states, of_many(lab, folder) if every else ()):
                camera.take(number, state)
            assert lab.complaints() == [], lab.complaints()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
