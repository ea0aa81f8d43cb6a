"""Makes nbs/images/calendar.png and card.png from a backfill of eleven weeks: make_pictures.py

The embedded service stands in for the real one. It has an outage of a week, two days without data and one that fails.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from reach_nb import (
    DownloadRunConfig,
    SimulatedUDL,
    availability_frame,
    plot_calendar,
    run_download,
)

IMAGES = Path(__file__).parents[1] / "nbs" / "images"
SENSOR, FIRST, LAST = "REACH-135", "2025-01-01", "2025-03-31"
WITHOUT_SOFTWARE = {"Software": None}  # the same bytes whatever made them


def backfill():
    """The days of a quarter, of which the last twelve were not asked for yet."""
    service = SimulatedUDL(
        seed=135,
        no_data=["2025-01-17", "2025-03-11"],
        outages=[(SENSOR, "2025-02-03T17:00:00Z", "2025-02-09T03:00:00Z")],
    )
    service.inject(
        400, times=None, match=lambda request: request.params["obTime"].startswith("2025-02-26T12")
    )
    with service, TemporaryDirectory() as folder:
        config = DownloadRunConfig(
            FIRST,
            "2025-03-19",
            folder,
            sensor_id=SENSOR,
            output_format="parquet",
            auth_token=service.auth_token,
            base_url=service.base_url,
            max_rate=100.0,
        )
        print(run_download(config))
        return availability_frame(config.telemetry_file, FIRST, LAST)


def draw_calendar(days):
    figure = plot_calendar(days).figure
    figure.savefig(IMAGES / "calendar.png", dpi=160, bbox_inches="tight", metadata=WITHOUT_SOFTWARE)


def draw_card(days):
    """What other sites show beside a link to this one."""
    figure = Figure((12, 6.3), dpi=100)
    ax = figure.add_axes((0.1, 0.12, 0.72, 0.62))
    plot_calendar(days, ax)
    ax.set_title("", loc="left")
    ax.get_legend().remove()
    figure.text(0.06, 0.88, "reach_nb", fontsize=44, weight="bold")
    words = "Backfill months of REACH dosimeter data, and see what you have"
    figure.text(0.06, 0.81, words, fontsize=20, color="0.3")
    figure.savefig(IMAGES / "card.png", metadata=WITHOUT_SOFTWARE)


if __name__ == "__main__":
    frame = backfill()
    draw_calendar(frame)
    draw_card(frame)
