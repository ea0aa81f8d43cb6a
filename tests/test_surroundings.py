"""What is set around a run: a notebook, the time zone of matplotlib, a login that is wrong."""

import contextlib
import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from campaign import START
from test_edges import config_for

from reach_nb import plot_gaps, plot_sensor_days

matplotlib.use("Agg")


def test_a_wrong_password_in_a_notebook(service, tmp_path):
    """One short error, and no bar."""
    shells = pytest.importorskip("IPython.core.interactiveshell")
    shell = shells.InteractiveShell()
    config = config_for(service, tmp_path, 3)
    config.auth_token = "Basic bm9ib2R5OndyMG5n"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        shell.push({"config": config})
        shell.run_cell("from reach_nb import run_download; run_download(config, progress=True)")
    assert out.getvalue().strip() == (
        "AuthenticationError: the service refuses the credential (status 401)"
    )
    assert err.getvalue() == ""


def ticks(ax):
    ax.figure.canvas.draw()
    axis = ax.xaxis
    said = [label.get_text() for label in axis.get_ticklabels()]
    return said, axis.get_ticklocs().tolist(), axis.get_offset_text().get_text()


@pytest.mark.parametrize("plot", ["gaps", "sensor days"])
def test_dates_are_utc_whatever_matplotlib_is_set_to(plot):
    begin = pd.Timestamp(START, tz="UTC") + pd.Timedelta("23:10:00")
    gap = {"sensor_id": "REACH-135", "dosimeter": 1, "flavor": "X", "start": begin}
    gap |= {"stop": begin + pd.Timedelta("2h"), "missing_samples": 1440, "seconds": 7200.0}
    found = pd.DataFrame([gap])
    days = pd.DataFrame(
        np.full((1, 3), 50.0), ["REACH-135"], pd.date_range(START, periods=3, name="day")
    )
    seen = []
    for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
        with matplotlib.rc_context({"timezone": zone}):
            seen.append(ticks(plot_gaps(found) if plot == "gaps" else plot_sensor_days(days)))
    assert seen[0] == seen[1] == seen[2]
