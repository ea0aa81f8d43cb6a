"""The same readings give the same results, whatever index, zone and types their frame has."""

import json

import numpy as np
import pandas as pd
import pytest

from reach_nb import (
    SimulatedUDL,
    add_coordinates,
    daily_dose,
    describe_dose,
    dose_map,
    dose_statistics,
    gaps,
    keogram,
    plot_daily_dose,
    plot_dose_map,
    plot_dose_series,
    plot_gaps,
    plot_keogram,
    plot_sensor_days,
    read_artifact,
    sensor_days,
    to_xarray,
)
from reach_nb import readings as readings_of


def drawn(ax):
    """The numbers and words of a picture."""
    lines = [np.asarray(line.get_xydata(), float).tolist() for line in ax.lines]
    meshes = [np.ma.filled(mesh.get_array(), -1).tolist() for mesh in ax.collections[:1]]
    return str([ax.get_title(loc="left"), ax.figure.alt, ax.get_xlim(), lines, meshes])


FUNCTIONS = {
    "daily_dose": daily_dose,
    "dose_statistics": dose_statistics,
    "describe_dose": describe_dose,
    "dose_map": lambda frame: dose_map(frame, flavor="X"),
    "median of dose_map": lambda frame: dose_map(frame, flavor="X", statistic="median"),
    "keogram": lambda frame: keogram(frame, "X"),
    "gaps": gaps,
    "sensor_days": sensor_days,
    "plot_dose_series": lambda frame: drawn(plot_dose_series(frame)),
    "days of plot_dose_series": lambda frame: drawn(plot_dose_series(frame, by="day")),
    "plot_dose_map": lambda frame: drawn(plot_dose_map(frame, flavor="X")),
    "plot_daily_dose": lambda frame: drawn(plot_daily_dose(daily_dose(frame))),
    "plot_gaps": lambda frame: drawn(plot_gaps(gaps(frame))),
    "plot_sensor_days": lambda frame: drawn(plot_sensor_days(sensor_days(frame))),
    "plot_keogram": lambda frame: drawn(plot_keogram(keogram(frame, "X"))),
    "add_coordinates": lambda f: add_coordinates(f)[["magnetic_lat", "mlt"]].to_numpy().tolist(),
}
OF_NO_READINGS = {"plot_calendar", "plot_days", "plot_plan", "plot_rate"}  # of a log, a run


def with_times(change):
    return lambda frame: frame.assign(ob_time=change(frame["ob_time"].dt))


NUMBERS = ("dose_rate", "lat", "lon", "alt_km")
FORMS = {
    "an index with every label twice": lambda frame: frame.set_index(np.arange(len(frame)) // 2),
    "times as the index, too": lambda frame: frame.set_index("ob_time", drop=False),
    "an index named as a column": lambda frame: frame.rename_axis("flavor"),
    "times of New York": with_times(lambda times: times.tz_convert("America/New_York")),
    "times without a zone": with_times(lambda times: times.tz_localize(None)),
    "times in ns": with_times(lambda times: times.as_unit("ns")),
    "numbers of Python": lambda frame: frame.astype(dict.fromkeys(NUMBERS, object)),
    "texts that are no categories": lambda f: f.astype(dict.fromkeys(("sensor_id", "flavor"), str)),
    "a dosimeter in text": lambda frame: frame.astype({"dosimeter": str}),
    "a dosimeter that may be missing": lambda frame: frame.astype({"dosimeter": "Int64"}),
}


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    """Four hours of one sensor around midnight UTC, which is another day in New York.

    The first hundred readings of its dosimeter B are flagged.
    """
    path = tmp_path_factory.mktemp("readings") / "four_hours.json"
    simulated = SimulatedUDL(now="2025-12-31")
    records = simulated.expected_records("REACH-135", "2025-02-05T22:00", "2025-02-06T02:00")
    path.write_text(json.dumps(records))
    frame = read_artifact(path)
    frame.attrs = {}
    frame["quality"] = pd.Categorical(np.where(np.arange(len(frame)) < 200, "4", "0"))
    return frame


@pytest.fixture(scope="module")
def usual(readings):
    return {name: function(readings) for name, function in FUNCTIONS.items()}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_a_frame_changes_nothing(readings, usual, form):
    frame = FORMS[form](readings)
    for name, function in FUNCTIONS.items():
        found, expected = function(frame), usual[name]
        if not isinstance(expected, pd.DataFrame):
            assert found == expected, name
            continue
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, obj=name)
        assert found.attrs == expected.attrs, name


def outcome(function, frame):
    """What a function makes of a frame, or why it refuses it."""
    try:
        return function(frame)
    except ValueError as error:
        return str(error)


NEED_NO_VALUE = ("gaps", "sensor_days", "plot_gaps", "plot_sensor_days", "add_coordinates")


@pytest.mark.parametrize("column", ["quality", "dose_rate"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_column_that_was_left_out_is_missed_by_its_name(readings, usual, name, column):
    found = outcome(FUNCTIONS[name], readings_of(readings.drop(columns=column)))
    if name not in NEED_NO_VALUE:
        assert f"has no column '{column}'" in str(found)
    elif isinstance(found, pd.DataFrame):
        pd.testing.assert_frame_equal(found, usual[name])
    else:
        assert found == usual[name]


def test_a_cube_has_no_quality_that_was_left_out(readings):
    cube = to_xarray(readings_of(readings.drop(columns="quality")))
    assert not {"quality", "flags"} & set(cube)
