"""Pictures as they come can be read on a page of 7.5 inches: no text has less than 8 points there."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from reach_nb import (
    DownloadRunConfig,
    Plan,
    daily_dose,
    gaps,
    plan_run,
    plot_calendar,
    plot_daily_dose,
    plot_days,
    plot_dose_map,
    plot_dose_series,
    plot_gaps,
    plot_keogram,
    plot_plan,
    plot_rate,
    plot_sensor_days,
    sensor_days,
)
from reach_nb.constellation import SENSOR_IDS
from reach_nb.look.one_flavor import said_of

PAGE_INCHES, LEAST_POINTS = 7.5, 8


def some_readings(sensors: int = 1, days: int = 2) -> pd.DataFrame:
    """A reading a minute, with three hours missing."""
    times = pd.date_range("2025-02-05", periods=1440 * days, freq="min", tz="UTC").as_unit("us")
    times = times[(times.hour < 9) | (times.hour >= 12)]
    frame = pd.DataFrame({"ob_time": np.tile(times, sensors), "dosimeter": np.int8(1)})
    frame["ob_time"] = pd.to_datetime(frame["ob_time"], utc=True).dt.as_unit("us")
    frame["sensor_id"] = np.repeat(SENSOR_IDS[:sensors], len(times))
    return frame.assign(flavor="X", dose_rate=1e-5, quality="0", lat=-26.0, lon=-50.0)


def availability(days: int) -> pd.DataFrame:
    """Days that are there, as `availability_frame` gives them."""
    index = pd.date_range("2024-01-01", periods=days, name="day")
    return pd.DataFrame({"state": "downloaded", "percent": 93.0}, index)


def a_plan() -> Plan:
    """A month of which nothing is there."""
    return plan_run(DownloadRunConfig("2025-01-01", "2025-01-31", "no such folder"))


def a_keogram() -> pd.DataFrame:
    times = pd.date_range("2025-02-05", periods=8, freq="3h", tz="UTC")
    grid = pd.DataFrame(1e-5, index=[1.0, 2.0], columns=times)
    grid.iloc[0, 3] = np.nan
    grid.attrs = said_of("keogram", "Z", 0) | {"edges": [1.0, 2.0, 3.0], "every": "3h"}
    return grid


PICTURES = {
    "plot_calendar": lambda: plot_calendar(availability(31)),
    "a month of plot_days": lambda: plot_days(availability(31)),
    "three years of plot_days": lambda: plot_days(availability(1096)),
    "plot_plan": lambda: plot_plan(a_plan()),
    "plot_rate": lambda: plot_rate([(0.0, 5.0, "start"), (9.0, 8.0, "increase")]),
    "plot_gaps": lambda: plot_gaps(gaps(some_readings())),
    "nine sensors of plot_gaps": lambda: plot_gaps(gaps(some_readings(9))),
    "plot_sensor_days": lambda: plot_sensor_days(sensor_days(some_readings(9, 50))),
    "plot_dose_series": lambda: plot_dose_series(some_readings()),
    "plot_daily_dose": lambda: plot_daily_dose(daily_dose(some_readings())),
    "plot_dose_map": lambda: plot_dose_map(some_readings()),
    "plot_keogram": lambda: plot_keogram(a_keogram()),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_text_can_be_read(name):
    figure = PICTURES[name]().figure
    FigureCanvasAgg(figure).draw()
    shrunk = min(1, PAGE_INCHES / figure.get_size_inches()[0])
    sizes = {t.get_text(): t.get_fontsize() for t in figure.findobj(Text) if t.get_text().strip()}
    small = {text: size * shrunk for text, size in sizes.items() if size * shrunk < LEAST_POINTS}
    assert sizes and not small, small
