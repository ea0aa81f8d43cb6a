"""What is set around a run: a notebook, the time zone of matplotlib, a login that is wrong, a folder of the package's name."""

import contextlib
import io
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from campaign import START
from test_edges import config_for

from reach_nb import plot_gaps, plot_sensor_days
from reach_nb.cli import main
from reach_nb.day.runlock import run_lock

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


def test_another_run_in_a_notebook(service, tmp_path):
    """That it holds the telemetry is one line, too."""
    shells = pytest.importorskip("IPython.core.interactiveshell")
    shell, config, out = shells.InteractiveShell(), config_for(service, tmp_path, 3), io.StringIO()
    with run_lock(config.telemetry_file), contextlib.redirect_stdout(out):
        shell.push({"config": config})
        shell.run_cell("from reach_nb import run_download; run_download(config)")
    said = out.getvalue().strip()
    assert said.startswith("RunLockedError: another run is writing") and "\n" not in said


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


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--sensor-id", "REACH-135", "--sensor-id", "REACH-101"],
        ["check", "--day", "2025-01-31", "--day", "yesterday"],
        ["download", "--descriptor", "QUICKLOOK", "--descriptor", "PROVISIONAL"],
        ["download", "--max-rate", "5", "--max-rate", "25"],
        ["status", "--output-dir", "a", "--output-dir", "b"],
        ["verify", "--telemetry-file", "a.csv", "--telemetry-file", "b.csv"],
        ["convert", "--sensor-id", "ALL", "--sensor-id", "REACH-101"],
        ["simulate", "--seed", "1", "--seed", "2"],
        ["demo", "--output-dir", "a", "--output-dir", "b"],
    ],
    ids=" ".join,
)
def test_a_flag_of_one_value_is_told_once(command, capsys):
    """In no command does the last of two values win without a word."""
    with pytest.raises(SystemExit) as end:
        main(command)
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.count("\n") == 1
    assert f"argument {command[1]}: is " in said and "give it once" in said


def test_a_folder_of_the_name_of_the_package(tmp_path):
    """As where one has cloned it: what is installed is found, in a notebook beside the clone too."""
    (tmp_path / "reach_nb").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", "from reach_nb import run_download"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
