"""Analyses run unchanged on a Dask cluster (a real one, of two workers), in processes, in scripts and in workers of a pool."""

import inspect
import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta, timezone

import named
import pandas as pd
import pytest

from reach_nb import SimulatedUDL, dose_map, keogram, scan_archive
from reach_nb.dataset import Dataset


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


def same_results(archive, executor):
    """Of every analysis, here and through the executor."""
    for name, analysis in named.analyses().items():
        asks_for_one = "flavor" in inspect.signature(analysis).parameters
        chosen = {"flavor": "X"} if asks_for_one else {}
        here, there = analysis(archive, **chosen), analysis(archive, **chosen, executor=executor)
        pd.testing.assert_frame_equal(there, here, obj=name)
        assert there.attrs == here.attrs, name


@pytest.mark.parametrize("analysis", [dose_map, keogram])
def test_of_an_archive_one_flavor_is_read(archive, analysis):
    whole = analysis(archive, flavor="X")
    of_x = archive.where(flavors="X")
    pd.testing.assert_frame_equal(analysis(of_x, flavor="X"), whole)
    with pytest.raises(ValueError, match="scanned for X, not for Z"):
        analysis(of_x, flavor="Z")


def test_processes_give_the_same_results(archive):
    """Also where they share nothing with this one, which is the usual way on macOS and Windows."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        same_results(archive, executor)


def test_a_dask_cluster_gives_the_same_results(archive):
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        same_results(archive, client.get_executor())


L_OF_A_PLACE = """
import multiprocessing

import numpy as np

from reach_nb.look.magnetic import ShellMap


def l_of_a_place():
    place = np.array([45.0]), np.array([10.0]), np.array([780.0])
    return ShellMap(2024).l_shell(*place).round(2)

"""
# macOS and Windows start a process by running the script from its top again
WITHOUT_A_GUARD = "multiprocessing.set_start_method('spawn'); print(l_of_a_place())"
# as workers of Dask and of multiprocessing.Pool are
IN_A_DAEMON = """
if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        print(pool.apply(l_of_a_place))
"""


def run_script(text, folder, **environment):
    """A Python script in a process of its own, as a user runs it."""
    script = folder / "script.py"
    script.write_text(text)
    command, environment = [sys.executable, script], {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("how", [WITHOUT_A_GUARD, IN_A_DAEMON], ids=["without a guard", "daemon"])
def test_l_in_a_script_starts_no_process(how, tmp_path):
    done = run_script(L_OF_A_PLACE + how, tmp_path)
    assert (done.stderr, done.stdout) == ("", "[1.99]\n")


def test_l_without_a_home_says_what_to_do(tmp_path):
    done = run_script(L_OF_A_PLACE + "l_of_a_place()", tmp_path, SPACEPY=tmp_path / "script.py")
    assert "SPACEPY name a folder that can be written" in done.stderr.splitlines()[-1]
    done = run_script(L_OF_A_PLACE + "print(l_of_a_place())", tmp_path, SPACEPY=tmp_path)
    assert (done.stderr, done.stdout) == ("", "[1.99]\n")
