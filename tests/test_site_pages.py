"""A notebook becomes a page: references with types, folded code and tests, links that lead to the thing meant."""

import re
import sys
from pathlib import Path

import pytest
from execnb.nbio import dict2nb

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import site_pages  # noqa: E402
from nbdev.process import NBProcessor  # noqa: E402

PRINTED = [{"output_type": "stream", "name": "stdout", "text": "1"}]


def made(*cells, path="nbs/look/days.ipynb"):
    """The sources of the cells that a page is made of; cells are Markdown unless they begin with `#|` or `>>>`."""
    kinds = ["code" if c.startswith(("#|", ">>>")) else "markdown" for c in cells]
    nb = dict2nb(
        {
            "cells": [
                {"cell_type": kind, "source": c.removeprefix(">>>"), "metadata": {}, "id": str(n)}
                | ({"outputs": PRINTED * ("print(" in c)} if kind == "code" else {})
                for n, (kind, c) in enumerate(zip(kinds, cells, strict=True))
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    nb.path_ = ROOT / path
    NBProcessor(nb=nb, procs=[site_pages.show_reference, site_pages.link_names], process=True)
    return [cell.source for cell in nb.cells]


MODULE = "#| default_exp look.days"


def reference(source):
    return made(MODULE, "#| export\n" + source)[0]


def test_a_function_has_its_types_and_a_table_of_parameters():
    shown = reference('''def read_rows(path: Path | str, *, most: int = 3) -> dict[str, int]:
    """The rows.

    Parameters
    ----------
    path : Path or str
        Where they
        are.
    most : int
        How many.

    Returns
    -------
    dict of str to int
        Rows by name.
    """
    return {}
''')
    assert "def read_rows(path: Path | str, *, most: int = 3) -> dict[str, int]\n" in shown
    assert "| `path` | Path or str | Where they are. |" in shown
    assert "*Returns* dict of str to int: Rows by name." in shown
    assert "### read_rows {#reach_nb.look.days.read_rows .api}" in shown
    assert "reach_nb/look/days.py#L" in shown


def test_a_long_signature_has_a_parameter_a_line():
    long = ", ".join(f"a_name_of_some_length_{n}: int = {n}" for n in range(4))
    shown = reference(f"def f({long}) -> None:\n    'Text.'\n")
    assert "def f(\n    a_name_of_some_length_0: int = 0,\n" in shown and "\n) -> None\n" in shown


@pytest.mark.parametrize(
    "source, signature",
    [
        ("class Look(NamedTuple):\n    'A.'\n    label: str\n    mark: str = ''", "class Look(label: str, mark: str = '')"),
        ("@dataclass\nclass C:\n    'A.'\n    a: Given[date, str] = Given()\n    b: str = field(default='', repr=False)", "class C(a: Given[date, str], b: str = '')"),
        ("class E(ReachError, ValueError):\n    'A.'", "class E(ReachError, ValueError)"),
        ("class F(IntFlag):\n    'A.'\n    ONE = 1  # the first", "class F(IntFlag)"),
        ("class P:\n    'A.'\n    def __init__(self, width: float) -> None:\n        pass", "class P(width: float)"),
    ],
)  # fmt: skip
def test_a_class_says_how_it_is_made(source, signature):
    shown = reference(source)
    assert f"```python\n{signature}\n```" in shown and "*args" not in shown


def test_fields_are_explained_by_their_comments_where_nothing_else_does():
    shown = reference("class F(NamedTuple):\n    'A.'\n    one: int = 1  # the first")
    assert "| `one` |  | the first |" in shown


def test_methods_and_properties_are_there():
    shown = reference('''class C:
    "A."

    @property
    def name(self) -> str | None:
        """What it is called."""

    def go(self, far: int) -> None:
        """Go."""

    def _hidden(self) -> None:
        pass
''')
    assert r"| `name` | str \| None | What it is called. |" in shown
    assert (
        "#### C.go {#reach_nb.look.days.C.go .api}" in shown and "C.go(far: int) -> None" in shown
    )
    assert "_hidden" not in shown


def test_code_is_folded_without_the_docstring_that_stands_above_it():
    code = made(MODULE, "#| export\ndef f() -> int:\n    'Text.'\n    return 1")[1]
    assert code == '#| code-fold: true\n#| code-summary: "Code"\ndef f() -> int:\n    return 1'
    private = made(MODULE, "#| export\ndef _f() -> int:\n    'Text.'\n    return 1")
    assert len(private) == 1 and "'Text.'" in private[0]


def test_imports_are_left_out_and_constants_are_seen():
    assert made(MODULE, "#| export\nimport os\nfrom a import b") == []
    for_checkers = "if TYPE_CHECKING:\n    import pandas as pd"
    assert made(MODULE, f"#| export\nfrom a import b\n{for_checkers}") == []
    assert made(MODULE, "#| export\nWIDTH = 3") == ["WIDTH = 3"]
    both = "#| export\nimport os\nfrom a import (\n    b,\n)\n\nWIDTH = b  # c"
    assert made(MODULE, both) == ["WIDTH = b  # c"]
    assert made(MODULE, "#| export\n" + 31 * "WIDTH = 3\n")[0].startswith("#| code-fold: true")
    assert made(MODULE, "#| export\nif WIDTH:\n    HEIGHT = 3") == ["if WIDTH:\n    HEIGHT = 3"]


def test_tests_are_folded_and_what_shows_something_is_not():
    assert made(MODULE, ">>>test_eq(1, 1)")[0].startswith("#| code-fold: true")
    assert made(MODULE, ">>>x = 1\nassert x")[0].startswith("#| code-fold: true")
    assert made(MODULE, ">>>for x in y:\n    assert x")[0].startswith("#| code-fold: true")
    assert made(MODULE, ">>>print(1)") == ["print(1)"]
    assert '"Code and tests"' in made(MODULE, ">>>print(1)\nassert x")[0]


def test_a_word_is_a_link_where_it_is_public_or_explained_here():
    export = "#| export\ndef helper() -> None:\n    'Text.'"
    words = "`helper`, `read_archive()`, `dose_rate`, [`gaps`](x.ipynb), `a b`"
    shown = made(MODULE, export, words + "\n\n```text\n`helper`\n```\n\n## `helper`")[-1]
    assert shown.startswith("[`helper`](#reach_nb.look.days.helper), ")
    there = "../archive/reading.ipynb#reach_nb.archive.reading.read_archive"
    assert f"[`read_archive()`]({there}), `dose_rate`, [`gaps`](x.ipynb), `a b`" in shown
    assert shown.endswith("```text\n`helper`\n```\n\n## `helper`")
    there = "../archive/frames.ipynb#reach_nb.archive.frames.readings"
    assert made(MODULE, "`readings`, `readings()`")[0] == f"`readings`, [`readings()`]({there})"


def test_a_parameter_is_no_link_to_something_of_its_name():
    export = """#| export
def helper() -> None:
    'Text.'

def user(helper: int) -> None:
    \'\'\'As `helper` does.

    Parameters
    ----------
    helper, other : int
        See `helper`.
    \'\'\'
    return helper"""
    shown = "\n".join(made(MODULE, export))
    link = "[`helper`](#reach_nb.look.days.helper)"
    assert f"As {link} does." in shown
    assert f"| `helper`, `other` | int | See {link}. |" in shown


def test_words_that_announce_tests_end_in_a_full_stop_where_these_are_folded():
    assert made(MODULE, "It refuses:", ">>>assert x")[0] == "It refuses."
    assert made(MODULE, "It says:", ">>>print(1)")[0] == "It says:"
    assert made(MODULE, "::: note\nIt says\n:::", ">>>assert x")[0].endswith(":::")


def test_a_wide_drawing_is_small_and_a_narrow_one_is_left():
    narrow, wide = (f"Words.\n\n```text\n{n * '─'}\n```" for n in (80, 81))
    assert made(MODULE, narrow) == [narrow]
    assert made(MODULE, wide) == [wide.replace("```text", "```{.text .wide}")]


def test_a_property_that_can_be_set_is_explained_once():
    export = """#| export
class Field:
    'A field.'
    @property
    def error(self) -> str:
        'What is wrong.'
    @error.setter
    def error(self, text: str) -> None:
        'Say it.'
"""
    shown = made(MODULE, export)[0]
    assert "| `error` | str | What is wrong. |" in shown and "Say it." not in shown


def test_pictures_of_the_panels_stand_in_pairs():
    """A page that shows a light picture shows its dark one too, and each pair is shown somewhere."""
    pages = {page: page.read_text() for page in (ROOT / "nbs").rglob("*.ipynb")}
    shown = set()
    for page, text in pages.items():
        light, dark = (
            re.findall(rf"images/([a-z-]+)-{theme}\.png", text) for theme in ("light", "dark")
        )
        assert light == dark, page.name
        shown |= set(light)
    there = {path.name.rpartition("-")[0] for path in (ROOT / "nbs" / "images").glob("*-*.png")}
    assert shown == there
