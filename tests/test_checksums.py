"""A bit that changes in an artifact is told: by `verify`, and by everybody's `sha256sum -c`."""

import random
import shutil
import subprocess

import pytest
from test_edges import config_for

from reach_nb import HistoricalTelemetry, run_download, verify_archive
from reach_nb.dataset import OUTPUT_FORMATS

FLIPS = 40


def sha256sum(folder):
    return subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=folder, capture_output=True
    )


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_every_flipped_bit_is_told(output_format, service, tmp_path):
    """Forty bits, one after another, anywhere in a day's file; the folder is moved before."""
    config = config_for(service, tmp_path / "first", 1, output_format=output_format)
    assert run_download(config).days_downloaded == 1
    folder = (tmp_path / "first").rename(tmp_path / "moved")
    artifact = folder / config.dataset.artifact_path(folder, config.start_date).name
    telemetry = HistoricalTelemetry(folder / config.telemetry_file.name)
    whole, chance = artifact.read_bytes(), random.Random(output_format)

    def told():
        found = verify_archive(
            telemetry, folder, sensor_id=config.sensor_id, output_format=output_format
        )
        return {finding.trouble for finding in found}

    assert told() == set()
    for number in range(FLIPS):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        artifact.write_bytes(flipped)
        assert "checksum" in told()
        if number == 0 and shutil.which("sha256sum"):
            assert sha256sum(folder).returncode == 1
    artifact.write_bytes(whole)
    assert told() == set()
    assert not shutil.which("sha256sum") or sha256sum(folder).returncode == 0


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum")
def test_several_datasets_share_a_folder(service, tmp_path):
    """Formats and sensors beside each other, days that are fetched again: one file of checksums, all of them true."""
    for sensor in ("REACH-135", "REACH-101"):
        for output_format in ("csv", "json"):
            config = config_for(service, tmp_path, 2, output_format=output_format)
            config.sensor_id = sensor
            assert run_download(config).days_downloaded == 2
    config.telemetry_file.unlink()
    assert run_download(config).days_downloaded == 2  # once more, in place of the files there
    assert len((tmp_path / "SHA256SUMS").read_text().splitlines()) == 8
    assert sha256sum(tmp_path).returncode == 0
