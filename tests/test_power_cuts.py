"""What a disk keeps when the power goes; and, where it is allowed, the power of a real file system is cut a few times."""

import os
import random

import pytest

if os.name == "nt":
    pytest.skip("a recorded disk needs Linux", allow_module_level=True)
import power_cuts
from recorded_disk import SECTOR, Flushed, Marked, Written, kept_writes
from test_power_loss import SCENES, Run, Service

A, B, C = (Written(n * SECTOR, bytes([n]) * 4 * SECTOR) for n in range(3))
LOG = [A, Flushed(), Marked("A is there"), B, C, Flushed()]


@pytest.mark.parametrize("way", power_cuts.WAYS)
def test_what_was_flushed_is_there_and_the_rest_may_be(way):
    def kept(position, seed=1):
        return kept_writes(LOG, position, way, random.Random(seed))

    assert kept(0) == [] and kept(2) == kept(3) == [A] and kept(6) == [A, B, C]
    half = Written(C.start, C.data[: 2 * SECTOR])
    wanted = {"all": [[A, B, C]], "none": [[A]], "last": [[A, B, half]]}
    wanted["some"] = [[A], [A, B], [A, B, C], [A, C]]
    found = [kept(5, seed) for seed in range(50)]
    assert all(some in wanted[way] for some in found)
    assert all(some in found for some in wanted[way])


@pytest.mark.skipif("REACH_NB_POWER_CUTS" not in os.environ, reason="mounts file systems, as root")
@pytest.mark.parametrize("kind", power_cuts.FILE_SYSTEMS)
def test_a_file_system_whose_power_is_cut(kind, tmp_path):
    mounted = tmp_path / "mounted"
    for folder in (mounted, tmp_path / "recorded"):
        folder.mkdir()
    service = Service()
    with service.udl:
        run = Run(SCENES[0], "csv", service, mounted / "run")
        cuts = power_cuts.Cuts(run, mounted, tmp_path, kind)
        found = power_cuts.figures_of(cuts, 8, random.Random(1))
    assert found["cuts"] == 8 and found["broken"] == found["neighbour_lost"] == 0
    assert found["unsynced_lost"] > 0
