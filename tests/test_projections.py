"""Maps on real projections of cartopy: degrees are turned, never drawn as metres. Without cartopy, skipped."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reach_nb import dose_map, plot_dose_map

ccrs = pytest.importorskip("cartopy.crs")

PROJECTIONS = {
    "Robinson": ccrs.Robinson(),
    "Mollweide": ccrs.Mollweide(),
    "PlateCarree": ccrs.PlateCarree(),
    "PlateCarree from 180": ccrs.PlateCarree(180),
    "north": ccrs.NorthPolarStereo(),
    "globe": ccrs.Orthographic(-50, -30),
}


@pytest.fixture(scope="module")
def found():
    """A map of one bright cell, one of zeros, one without a value; the rest is empty."""
    made = pd.DataFrame(
        {
            "ob_time": pd.Timestamp("2025-02-05T12:00Z"),
            "sensor_id": "REACH-135",
            "flavor": "X",
            "lat": [-26.0, 70.0, 5.0],
            "lon": [-50.0, -40.0, -60.0],
            "dose_rate": [1e-3, 0.0, np.nan],
            "quality": "0",
        }
    )
    return dose_map(made)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_bright_cell_is_where_it_belongs(found, name):
    projection = PROJECTIONS[name]
    figure = Figure((4, 4), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1), projection=projection)
    plot_dose_map(found, ax)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["0, as measured", "no reading with a value", "no reading"]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1]
    at = projection.transform_point(-50, -26, ccrs.PlateCarree())
    if name == "north":  # far beyond the edge of a picture that is drawn to scale
        return
    column, row = (int(round(x)) for x in ax.transData.transform(at))
    red, green, blue = (int(x) for x in pixels[row, column, :3])
    assert green > 150 and green > blue, (red, green, blue)  # viridis, four fifths up


def test_an_extent_stays(found):
    ax = Figure((4, 4)).add_subplot(projection=ccrs.NorthPolarStereo())
    ax.set_extent([-180, 180, 50, 90], ccrs.PlateCarree())
    before = ax.get_xlim()
    plot_dose_map(found, ax)
    assert ax.get_xlim() == before


def test_degrees_stand_along_straight_edges(found):
    ax = Figure((6, 4)).add_subplot(projection=ccrs.PlateCarree())
    plot_dose_map(found, ax)
    FigureCanvasAgg(ax.figure).draw()
    lines = [child for child in ax.get_children() if type(child).__name__ == "Gridliner"]
    said = {label.get_text() for artist in lines for label in artist.label_artists}
    assert {"30°N", "60°W"} <= said
