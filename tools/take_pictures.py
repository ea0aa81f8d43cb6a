"""Takes the pictures of the panels for the docs, with the data of the guide "Backfill a month"

take_pictures.py                 writes nbs/images/{launcher,explorer}-{light,dark}.png
take_pictures.py --all FOLDER    writes every state of both panels there, light and dark, wide and narrow

It needs Chromium, JupyterLab and Playwright, as the browser tests do, and works in a folder whose name
may be seen (--root), which it removes afterwards.
"""

import argparse
import json
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "tests" / "browser")]

from lab import LabPage, LabServer, chromium  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

from reach_nb.simulated.service import SimulatedUDL  # noqa: E402

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
)
WIDTHS = {"wide": 1900, "narrow": 700}


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


class Camera:
    """Takes a panel in both themes, and in each of some widths."""

    def __init__(self, lab, folder, widths):
        self.lab, self.folder, self.widths = lab, Path(folder), widths
        self.folder.mkdir(parents=True, exist_ok=True)

    def take(self, number, name):
        for light in (True, False):
            self.lab.theme(light)
            for size, width in self.widths.items():
                self.lab.page.set_viewport_size({"width": width, "height": 1400})
                self.lab.page.wait_for_timeout(400)  # until it is laid out
                parts = (name, size if len(self.widths) > 1 else "", "light" if light else "dark")
                path = self.folder / f"{'-'.join(filter(None, parts))}.png"
                self.lab.panel(number).screenshot(path=path)
                print(path.name, f"{path.stat().st_size / 1024:.0f} kB", flush=True)


def press(panel, name):
    panel.get_by_role("button", name=re.compile(f"^{name}")).click()


def status(panel, text, seconds=120):
    expect(panel.locator(".rn-status").first).to_contain_text(text, timeout=1000 * seconds)


def tour(lab, udl, every):
    """Go through the states of both panels; yields each panel's number and the state's name."""
    launcher, explorer = lab.panel(0), lab.panel(1)
    lab.run_cell(0)
    if every:
        yield 0, "idle"
        press(launcher, "Plan")
        yield 0, "plan"
    slow = {"match": lambda r: r.params["obTime"][:10] > "2025-01-25", "times": None, "seconds": 4}
    udl.inject("slow", **slow)
    press(launcher, "Start")
    status(launcher, "Downloading 2025-01-26")
    lab.page.wait_for_timeout(5_000)
    yield 0, "launcher" if not every else "running"
    udl.clear_faults()
    if every:
        udl.stop()
        expect(launcher.get_by_text("Waiting for the service")).to_be_visible(timeout=30_000)
        yield 0, "waiting"
        udl.start()
    status(launcher, "31 days planned", 180)
    if every:
        yield 0, "done"
        launcher.get_by_role("slider").first.focus()
        lab.page.keyboard.press("Home")
        expect(launcher.locator("svg[aria-label^='Dose rate']")).to_be_visible()
        yield 0, "done-with-a-day"
    lab.run_cell(1)
    explorer.get_by_label("Day (UTC)").fill("2025-01-17")
    explorer.get_by_label("Day (UTC)").press("Enter")
    expect(explorer.locator("svg[aria-label^='Dose rate']")).to_be_visible()
    yield 1, "explorer"
    if every:
        explorer.get_by_label("Day (UTC)").fill("2025-01-24")
        explorer.get_by_label("Day (UTC)").press("Enter")
        yield 1, "explorer-failed-day"
        lab.run_cell(2)
        yield 2, "empty-explorer"


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
            camera = Camera(lab, args.all or HERE / "nbs" / "images", widths)
            for number, name in tour(lab, udl, every):
                camera.take(number, name)
            assert lab.complaints() == [], lab.complaints()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
