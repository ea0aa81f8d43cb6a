"""Analyses run unchanged on a Dask cluster: a real one, of two workers, with the same results."""

import json
from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest

from reach_nb import (
    SimulatedUDL,
    daily_dose,
    dose_map,
    dose_statistics,
    gaps,
    scan_archive,
    sensor_days,
)
from reach_nb.dataset import Dataset

distributed = pytest.importorskip("dask.distributed")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Three days of an hour each of one sensor, in JSON."""
    folder, simulated = tmp_path_factory.mktemp("days"), SimulatedUDL(now="2025-12-31")
    for n in (28, 29, 30):
        start = datetime(2025, 1, n, tzinfo=timezone.utc)
        records = simulated.expected_records(
            "REACH-135", start, start + timedelta(hours=1), "QUICKLOOK"
        )
        path = Dataset("REACH-135", output_format="json").artifact_path(folder, start.date())
        path.write_text(json.dumps(records))
    return scan_archive(folder, "2025-01-28", "2025-01-30", sensor_id="REACH-135")


def test_a_dask_cluster_gives_the_same_results(archive):
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        for analysis in (gaps, sensor_days, daily_dose, dose_statistics):
            here, there = analysis(archive), analysis(archive, executor=executor)
            pd.testing.assert_frame_equal(there, here)
            assert there.attrs == here.attrs
        here = dose_map(archive, flavor="X")
        pd.testing.assert_frame_equal(dose_map(archive, flavor="X", executor=executor), here)
