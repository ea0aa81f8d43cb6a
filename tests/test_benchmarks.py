"""The benchmarks run, and their clients download the same records. What they measure is not looked at."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("curl"), reason="they want POSIX and curl"
)
def test_smoke():
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "run.py", "--smoke"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "all clients agree" in done.stdout
