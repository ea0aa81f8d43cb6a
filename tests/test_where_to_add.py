"""Whoever adds something is told which place was forgotten.

One test for each line of "Where would you add …" in `nbs/how_it_is_built.ipynb`, but for those whose page has a test itself.
"""

import argparse
import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import named
import pytest
import test_any_frame
import test_habits
import test_legible

import reach_nb
from reach_nb import DownloadRunConfig
from reach_nb.cli import make_parser
from reach_nb.errors import ReachError, UDLError
from reach_nb.panel.form import ADVANCED_FIELDS, BASIC_FIELDS
from reach_nb.simulated.habits import Habits

ROOT = Path(__file__).parents[1]
LIST = "“Where would you add …” in nbs/how_it_is_built.ipynb names all places"
COMMANDS = next(
    action.choices
    for action in make_parser()._actions
    if isinstance(action, argparse._SubParsersAction)
)


def nothing_forgotten(what, there, known, place):
    """Fail, and name the place, unless all that is there is known in it."""
    missing = sorted(set(there) - set(known))
    assert not missing, f"{what} {', '.join(missing)}: not in {place}; {LIST}"


def page(name, kind="markdown"):
    """The text of a notebook's cells of a kind, one below the other."""
    cells = json.loads((ROOT / "nbs" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)


def last_words(names):
    """The functions that a list of `median of dose_map` and the like tries."""
    return {name.split()[-1] for name in names}


def below(kind):
    for child in kind.__subclasses__():
        if child.__module__.startswith("reach_nb"):
            yield child
            yield from below(child)


def test_a_kind_of_error():
    kinds = {kind.__name__ for kind in below(ReachError)}
    nothing_forgotten("error", kinds, reach_nb.__all__, "reach_nb/__init__.pyi")
    branches = {kind.__name__ for root in (ReachError, UDLError) for kind in root.__subclasses__()}
    table = re.findall(r"`(\w+)`", page("errors"))
    nothing_forgotten("branch", branches - {"UDLError"}, table, "the table of nbs/errors.ipynb")


def test_a_setting_of_a_run():
    settings = {field.name for field in fields(DownloadRunConfig)}
    flags = {action.dest for action in COMMANDS["download"]._actions}
    place = "add_download of nbs/commands/download.ipynb, as a flag"
    nothing_forgotten("setting", settings - {"auth_token"}, flags, place)
    form = {**BASIC_FIELDS, **ADVANCED_FIELDS}
    place = "BASIC_FIELDS or ADVANCED_FIELDS of nbs/panel/form.ipynb"
    nothing_forgotten("setting", settings - {"auth_token", "dry_run"}, form, place)
    told = re.findall(r"\w+", inspect.getdoc(DownloadRunConfig))
    nothing_forgotten("setting", settings, told, "the docstring of DownloadRunConfig")


def test_a_command():
    sections = re.findall(r"^## (\S+)$", page("command_line"), re.MULTILINE)
    nothing_forgotten("command", COMMANDS, sections, "nbs/command_line.ipynb, as a section")
    flags = re.findall(r'^flags_of\("(\w+)"\)', page("command_line", "code"), re.MULTILINE)
    nothing_forgotten("command", COMMANDS, flags, "nbs/command_line.ipynb, with its flags")
    line = next(line for line in page("index").splitlines() if "**[Command line]" in line)
    nothing_forgotten("command", COMMANDS, re.findall(r"\w+", line), "the line of nbs/index.ipynb")


def test_an_analysis():
    """`test_by_day` and `benchmarks/year.py` find it by themselves."""
    tried = last_words(test_any_frame.FUNCTIONS)
    nothing_forgotten("analysis", named.analyses(), tried, "FUNCTIONS of tests/test_any_frame.py")


def test_a_picture():
    """`test_imports` says itself what its list lacks."""
    drawn = last_words(test_legible.PICTURES)
    nothing_forgotten("picture", named.pictures(), drawn, "PICTURES of tests/test_legible.py")
    tried = last_words(test_any_frame.FUNCTIONS) | test_any_frame.OF_NO_READINGS
    place = "FUNCTIONS of tests/test_any_frame.py, or OF_NO_READINGS there"
    nothing_forgotten("picture", named.pictures(), tried, place)
    shown = re.findall(r"^(plot_\w+)\(", page("gallery", "code"), re.MULTILINE)
    nothing_forgotten("picture", named.pictures(), shown, "nbs/gallery.ipynb")


def test_a_habit_of_the_simulator():
    habits = {field.name: field.default for field in fields(Habits)}
    table = re.findall(r"`(\w+)=", page("simulated/habits"))
    nothing_forgotten("habit", habits, table, "the table of nbs/simulated/habits.ipynb")
    tried = {
        name
        for settings in test_habits.HABITS.values()
        for name, usual in habits.items()
        if getattr(settings.get("habits", Habits()), name) != usual
    }
    nothing_forgotten("habit", habits, tried, "HABITS of tests/test_habits.py")


def test_what_is_forgotten_is_named():
    with pytest.raises(AssertionError, match="^picture plot_b: not in a list; “Where would you"):
        nothing_forgotten("picture", ["plot_a", "plot_b"], ["plot_a"], "a list")
