"""Prints the oldest supported version of every run-time dependency, as constraints for pip:

    python tools/oldest.py > oldest.txt && pip install -c oldest.txt -e '.[dev,aws]'

With `--names`, their names alone.
"""

import re
import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

SETTINGS = Path(__file__).parents[1] / "settings.ini"
GROUPS = ("requirements", "aws_requirements", "parquet_requirements")


def oldest():
    """Each run-time dependency and its lower bound in settings.ini: a dict."""
    settings = ConfigParser(delimiters=["="])
    settings.read(SETTINGS, encoding="utf-8")
    bounds = {}
    for requirement in (r for group in GROUPS for r in shlex.split(settings["DEFAULT"][group])):
        name, bound = re.fullmatch(r"([\w.-]+)>=([\d.]+)(?:,<[\d.]+)?", requirement).groups()
        bounds[name] = bound
    return bounds


if __name__ == "__main__":
    for name, bound in oldest().items():
        print(name if sys.argv[1:] == ["--names"] else f"{name}=={bound}")
