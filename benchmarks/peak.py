"""The most memory this process has held."""

import resource
import sys
from pathlib import Path


def peak_mb():
    """In MB. On Linux from `/proc`: there `ru_maxrss` is never less than what the parent held when it started this process."""
    if sys.platform == "linux":
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
