"""Readings in the hands of other tools, one line each; a tool that is not installed is skipped."""

import json
from pathlib import Path

import pandas as pd
import pytest
from astropy import units as u

from reach_nb import (
    SimulatedUDL,
    daily_dose,
    gaps,
    read_artifact,
    read_l1c,
    readings,
    to_qtable,
    to_xarray,
    write_l1c,
)
from reach_nb.archive.exchange import rad_unit

RECORDS = SimulatedUDL(now="2025-12-31").expected_records(
    "REACH-135", "2025-01-31T00:00:00Z", "2025-01-31T01:00:00Z"
)


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "hour.json").write_text(json.dumps(RECORDS))
    return read_artifact(tmp_path / "hour.json")


@pytest.fixture
def artifact(tmp_path: Path) -> str:
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    from reach_nb.archive.flat_rows import arrow_batch

    pq.write_table(pa.Table.from_batches([arrow_batch(RECORDS)]), tmp_path / "hour.parquet")
    return str(tmp_path / "hour.parquet")


def test_netcdf_and_back(frame: pd.DataFrame, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    to_xarray(frame).to_netcdf(tmp_path / "hour.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "hour.nc") as again:
        xarray.testing.assert_identical(again.load(), to_xarray(frame))
        back = again["dose_rate"].to_series().dropna()
    rates = frame.set_index(["sensor_id", "dosimeter", "ob_time"])["dose_rate"].dropna()
    assert back.to_numpy().tolist() == rates.sort_index().to_numpy().tolist()


def test_netcdf_says_what_a_number_is(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Seen by a program that knows HDF5 and the CF conventions, and nothing of us."""
    pytest.importorskip("xarray")
    h5py = pytest.importorskip("h5py")
    to_xarray(frame).to_netcdf(tmp_path / "hour.nc", engine="h5netcdf")
    with h5py.File(tmp_path / "hour.nc") as file:
        assert file["time"].attrs["units"] == "microseconds since 1970-01-01"
        assert file["dose_rate"].attrs["units"] == "cGy s-1"
        assert file["dose_rate"].attrs["ancillary_variables"] == "quality flags"
        masks, meanings = (file["flags"].attrs[f"flag_{name}"] for name in ("masks", "meanings"))
        assert dict(zip(meanings.split(), masks.tolist(), strict=True))["vehicle_163_b"] == 16


def test_sunpy(frame: pd.DataFrame) -> None:
    timeseries = pytest.importorskip("sunpy.timeseries")
    one = frame[frame["dosimeter"] == 1]
    series = timeseries.TimeSeries(to_qtable(one)["ob_time", "dose_rate"])
    assert series.units["dose_rate"] == rad_unit() / u.s
    assert len(series.time) == len(one)
    assert series.time[0].isot == "2025-01-31T00:00:00.000"
    late = series.truncate("2025-01-31T00:30:00", "2025-01-31T01:00:00")
    expected = one[one["ob_time"] >= "2025-01-31T00:30:00Z"]["dose_rate"]
    assert late.quantity("dose_rate").value.tolist() == pytest.approx(
        expected.tolist(), nan_ok=True
    )


def test_hvplot(frame: pd.DataFrame) -> None:
    pytest.importorskip("hvplot.pandas")
    drawn = frame.hvplot.line("ob_time", "dose_rate", by="flavor")
    assert sorted(map(str, drawn.keys())) == sorted(set(frame["flavor"]))


def test_cdf_and_back(frame: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("cdflib")
    again = read_l1c(write_l1c(frame, tmp_path / "hour.cdf"))
    known = frame.dropna(subset="dose_rate").reset_index(drop=True)
    same = ["ob_time", "sensor_id", "dosimeter", "flavor", "dose_rate", "quality", "lat", "lon"]
    pd.testing.assert_frame_equal(again[same], known[same])


def test_duckdb(frame: pd.DataFrame, artifact: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    pd.testing.assert_frame_equal(readings(duckdb.sql(f"from '{artifact}'")), frame)
    chosen = readings(duckdb.sql(f"from '{artifact}' where obDescription like '%Flavor X%'"))
    assert set(chosen["flavor"]) == {"X"}


def test_polars(frame: pd.DataFrame, artifact: str) -> None:
    polars = pytest.importorskip("polars")
    pd.testing.assert_frame_equal(readings(polars.read_parquet(artifact)), frame)
    pd.testing.assert_frame_equal(readings(polars.scan_parquet(artifact)), frame)


def test_arrow_goes_into_every_analysis(frame: pd.DataFrame, artifact: str) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    table = readings(pq.read_table(artifact))
    pd.testing.assert_frame_equal(daily_dose(table), daily_dose(frame))
    window = ("2025-01-31", "2025-02-01")
    pd.testing.assert_frame_equal(gaps(table, window=window), gaps(frame, window=window))


def test_a_frame_of_another_tool_is_told_the_way() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(ValueError, match=r"readings\(…\) makes one of another tool's frame"):
        daily_dose(polars.DataFrame({"obTime": ["2025-01-31T00:00:00Z"]}))
