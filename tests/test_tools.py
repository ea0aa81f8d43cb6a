"""The project's own checks find what they are there to find: each defect is planted once."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import campaign
import pytest

from reach_nb.dataset import OUTPUT_FORMATS

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import check_docs  # noqa: E402
import check_site  # noqa: E402
import mutants  # noqa: E402
import nb_lint  # noqa: E402
import pages  # noqa: E402
import stale_outputs  # noqa: E402


def code(source, *outputs):
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def prose(source):
    return {"cell_type": "markdown", "source": source}


def shown(**data):
    return {
        "output_type": "display_data",
        "data": {kind.replace("_", "/"): value for kind, value in data.items()},
    }


LONG = "#| export\ndef f() -> None:\n    'doc'\n" + "    a = 1\n" * 59
A_WARNING = {"output_type": "stream", "name": "stderr", "text": ["x.py:1: UserWarning: no font\n"]}
TITLE = {"cell_type": "raw", "source": "---\ntitle: A page\noutput-file: page.html\n---\n"}


@pytest.fixture
def site(tmp_path):
    """A root with two notebooks and a page that includes the changelog; gives a function that checks it with one cell more."""
    (tmp_path / "nbs").mkdir()
    (tmp_path / "_proc").mkdir()
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.0\n\nIt is there.\n", encoding="utf-8"
    )
    (tmp_path / "mod.py").write_text("a = 1\nb = 2\n", encoding="utf-8")
    (tmp_path / "settings.ini").write_text(
        "[DEFAULT]\ndoc_host = https://a.example\ndoc_baseurl = /docs\ngit_url = https://b.example/c\nbranch = main\n"
    )
    (tmp_path / "_quarto.yml").write_text(
        "project: {render: ['nbs/*.ipynb', 'nbs/*.qmd', '*.ipynb', '*.qmd']}\n"
        "format: {html: {code-overflow: wrap}}\n"
        "website: {sidebar: [{id: pages, contents: [01_page.ipynb, {section: S, contents: [other.ipynb, {href: log.qmd}]}]}]}\n"
    )
    for folder in "nbs", "_proc":
        (tmp_path / folder / "log.qmd").write_text(
            "---\npagetitle: L\n---\n{{< include ../CHANGELOG.md >}}\n"
        )
    (tmp_path / "_proc" / "other.ipynb").write_text(
        json.dumps(
            {
                "cells": [
                    TITLE | {"source": TITLE["source"].replace("page.html", "other.html")},
                    prose("Words.\n\n## A `word`, *here*\n\n### `Class.method`\n\nWords."),
                ]
            }
        )
    )

    def check(*cells):
        (tmp_path / "_proc" / "01_page.ipynb").write_text(json.dumps({"cells": [TITLE, *cells]}))
        return check_docs.Checker(tmp_path, pages.pages_in(tmp_path / "_proc")).check()

    check.root = tmp_path
    return check


def test_a_sound_site_has_no_troubles(site):
    png, words = (
        shown(image_png="…"),
        "[a](other.ipynb#a-word-here) [b](log.qmd#section) [c](https://a.example/docs/other.html#class.method)",
    )
    assert (
        site(
            prose(
                words
                + " `[x](nowhere)` [d](https://b.example/c/blob/main/mod.py#L2) ![e](https://c.example/d.png){fig-alt='A line.'}"
            ),
            code("#| fig-alt: A line.\nplot()", png),
            code("print(1)", {"output_type": "stream", "text": ["1\n"]}),
        )
        == []
    )


@pytest.mark.parametrize(
    "cell, what",
    [
        (prose("[a](gone.ipynb)"), "leads to no page"),
        (prose("[a](other.ipynb#gone)"), "leads to no anchor"),
        (prose("[a](#gone)"), "leads to no anchor"),
        (prose("[`x`](https://a.example/docs/other.html#gone)"), "leads to no anchor"),
        (prose("[`x`](https://a.example/docs/gone.html)"), "leads to no page"),
        (prose("[s](https://b.example/c/blob/main/mod.py#L3)"), "beyond the end"),
        (prose("[s](https://b.example/c/blob/main/gone.py)"), "leads to no file"),
        (prose("![](https://c.example/d.png)"), "has no fig-alt"),
        (prose("![a caption](https://c.example/d.png)"), "has no fig-alt"),
        (prose("![words](gone.png){fig-alt='words'}"), "leads to no page"),
        (prose("Words.\n\n## A section\n\n## Another\n\nWords."), "nothing stands under"),
        (prose("Words.\n\n## The last"), "nothing stands under"),
        (prose("## A page that begins with a section\n\nWords."), "before its first heading"),
        (prose("Words.\n\n```python\ndef f(*args, **kwargs)\n```"), "a signature holds"),
        (prose("Words.\n\n```python\ndef f(\n    x:NoneType=None\n```"), "a signature holds"),
        (prose("Words.\n\n```python\nf(a) # [`g`](https://x.y)\n```"), "a signature holds"),
        (prose("Words.\n\n```{.text .wide}\n" + 93 * "─" + "\n```"), "wider than the page"),
        (code("#| fig-alt: Sixty. Across: how many\nf()", shown(image_png="…")), "are no YAML"),
        (code("plot()", shown(image_png="…")), "without `#| fig-alt:`"),
        (code("plot()", shown(text_html="<svg width='3'></svg>")), "picture in HTML"),
        (code("1 + 1"), "no output is stored"),
        (code("print(1)"), "no output is stored"),
        (code("#| fig-alt: A line.\nplot()"), "no output is stored"),
        (code("1 + 1", {"output_type": "error", "ename": "E"}), "a stored error"),
        (code("x", shown(text_plain="'/tmp/tmpabc/data'")), "a path of the machine"),
        (
            code("x", {"output_type": "stream", "text": "/home/me/x.csv: written"}),
            "a path of the machine",
        ),
    ],
)
def test_a_planted_defect_is_found(site, cell, what):
    troubles = site(cell)
    assert len(troubles) == 1 and what in troubles[0], troubles


@pytest.mark.parametrize(
    "formats, what",
    [
        ("{html: {}}", "code-overflow is not `wrap`"),
        ("{html: {code-overflow: wrap}, commonmark: default}", "commonmark without keep-md"),
    ],
)
def test_a_format_that_spoils_a_build_is_found(site, formats, what):
    config = site.root / "_quarto.yml"
    text = config.read_text().replace("{html: {code-overflow: wrap}}", formats)
    config.write_text(text)
    assert len(site(prose("Words."))) == 1 and what in site(prose("Words."))[0]


def test_the_sidebar_and_the_pages_are_the_same(site):
    extra = json.dumps({"cells": [TITLE, prose("Words.")]})
    (site.root / "_proc" / "extra.ipynb").write_text(extra)
    (site.root / "_proc" / "log.qmd").unlink()
    assert sorted(re.sub(r"^\S+ ", "", t) for t in site(prose("Words."))) == [
        "is not in the sidebar of _quarto.yml",
        "the sidebar names log.qmd, and there is no such page",
    ]


def test_an_include_must_resolve_from_both_places(site):
    (site.root / "_proc" / "log.qmd").write_text(
        "---\npagetitle: L\n---\n{{< include GONE.md >}}\n"
    )
    assert [t.partition(",")[0] for t in site(prose("Words."))] == ["log.qmd: includes GONE.md"] * 2


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_the_site_is_built_with_a_quarto_that_only_takes_notes(tmp_path):
    for name in "tools/docs.sh", "tools/site_pages.py", "settings.ini", "_quarto.yml":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "reach_nb", tmp_path / "reach_nb", ignore=lambda *_: {"__pycache__"})
    (tmp_path / "nbs" / "reach_nb_data").mkdir(parents=True)
    for name in "index.ipynb", "reach_nb_data/left_by_a_guide.ipynb":
        shutil.copy(ROOT / "nbs" / "dependencies.ipynb", tmp_path / "nbs" / name)
    quarto = tmp_path / "bin" / "quarto"
    quarto.parent.mkdir()
    quarto.write_text('#!/bin/sh\nif [ "$1" = render ]; then mkdir _docs; cp *.ipynb _docs; fi\n')
    quarto.chmod(0o755)
    path = os.pathsep.join(
        [str(quarto.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    script = ["bash", str(tmp_path / "tools" / "docs.sh")]
    done = subprocess.run(script, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in (tmp_path / "_docs").iterdir()] == ["index.ipynb"]
    assert not (tmp_path / "_proc" / "reach_nb_data").exists()
    assert sorted(p.suffix for p in (tmp_path / "nbs").iterdir()) == ["", ".ipynb"]


def test_a_built_site_is_checked(tmp_path):
    (tmp_path / "index.html").write_text(
        "<h1 id='top'>a</h1><a href='#top'>b</a><a href='sub/'>c</a><img src='x.png' alt='words'>"
    )
    (tmp_path / "x.png").write_bytes(b"")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_text("<a href='../index.html#top'>d</a>")
    assert check_site.check_site(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        "<a href='gone.html'>a</a><a href='index.html#gone'>b</a><img src='x.png'>"
    )
    assert [t.partition(": ")[2].split(" ")[-3:] for t in check_site.check_site(tmp_path)] == [
        ["no", "text", "alternative"],
        ["gone.html", "leads", "nowhere"],
        ["to", "no", "anchor"],
    ]


def as_quarto_splits(command):
    """How Quarto takes the command of a filter apart: at spaces, but for those in double quotes."""
    return [
        part.replace("\0", " ")
        for part in re.sub(r'"([^"]*)"?', lambda m: m[1].replace(" ", "\0"), command).split(" ")
        if part
    ]


@pytest.mark.parametrize("folder", ["nbs", "nbs/tutorials", "_proc", "_proc/tutorials"])
def test_the_filter_runs_in_the_folder_of_any_page(folder, tmp_path):
    import shutil

    import yaml

    command = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["ipynb-filters"][0]
    (tmp_path / "tools").mkdir()
    for name in ("quarto_filter.py", "site_pages.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / folder).mkdir(parents=True)
    page = json.dumps(
        {
            "cells": [prose("# A title\n\n> And more") | {"metadata": {}, "id": "a"}],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    (tmp_path / folder / "01_page.ipynb").write_text(page, encoding="utf-8")
    program, *arguments = as_quarto_splits(command)
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path / folder,
        input=page,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    first = pages.text_of(json.loads(done.stdout)["cells"][0]["source"])
    assert (
        first == "# A title\n\n> And more"
        if folder.startswith("_proc")
        else "title: A title" in first and "page.html" in first
    )


@pytest.mark.parametrize(
    "cells, what",
    [
        ([code(LONG), code("shown()")], "61 exported lines"),
        ([code("#| export\ndef shown() -> None: pass"), code("assert 1")], "shown has none"),
        ([code("#| export\ndef f(a) -> None: 'doc'")], "f has a parameter or a result"),
        ([code("#| export\ndef f(*a) -> None: 'doc'")], "f has a parameter or a result"),
        ([code("#| export\ndef f(): 'doc'")], "f has a parameter or a result"),
        ([code("#| export\nfrom os import *")], "everything is imported"),
        ([code("#| export\nimport os\ndef _f() -> None: pass")], "imports and definitions"),
        ([code("#| export\nclass _A: pass\nclass B(_A): 'doc'")], "_A is a base class with one"),
        ([code("#| export\nclass B(_A, _C): 'doc'")], "put together from private mixins"),
        ([code("plot()", shown(image_png="…"))], "without `#| fig-alt:`"),
        ([code("#| fig-alt: Sixty kills: how many\nplot()")], "is not quoted"),
        ([code("#| eval: false\nassert True")], "not run"),
        ([code("time.sleep(1)\nassert True")], "sleeps"),
        ([code("1 / 0", {"output_type": "error"})], "a stored error"),
        ([code("plot();", A_WARNING)], "a stored warning"),
        ([code("#| export\ndef shown() -> None: 'doc'")], "no tests beside"),
        ([code("a" * 101)], "1 lines of over 100"),
        ([prose("As here:"), code("#| hide\na")], "ends in ':'"),
        ([prose("As here:"), prose("more")], "ends in ':'"),
    ],
)
def test_the_lint_finds_what_is_planted(cells, what):
    found = nb_lint.Page([prose("# Title\n\n> One sentence"), *cells]).troubles()
    assert any(what in trouble for _, trouble in found), found


def test_the_title_stands_alone():
    for first, what in (("# Title\n\n> One\n\nMore.", "the site drops"), ("T", "does not begin")):
        assert any(what in trouble for _, trouble in nb_lint.Page([prose(first)]).troubles())


def test_a_guide_has_short_lines_and_no_tests_in_sight():
    cells = [prose("# Title\n\n> One sentence"), code("assert True"), code("a" * 77)]
    said = [trouble for _, trouble in nb_lint.Page(cells, guide=True).troubles()]
    assert said == ["a test in sight in a guide", "1 lines of over 76 characters"]
    assert nb_lint.Page(cells).troubles() == []
    hidden = [cells[0], code("#| hide\nassert True" + "a" * 77)]
    assert nb_lint.Page(hidden, guide=True).troubles() == []


def test_an_argued_exception_is_one():
    wide = code("#| export\nTABLE = '" + "a" * 100 + "'")
    title, why = prose("# Title\n\n> One sentence"), "it is a table of constants"
    argued = [title, prose(f"Why.\n\n<!-- lint: width, because {why} -->"), wide]
    assert nb_lint.Page(argued).troubles() == []
    bare = [title, prose("<!-- lint: width -->"), wide]
    assert nb_lint.Page(bare).troubles() == [(3, "1 lines of over 100 characters")]


def test_what_is_shown_in_between_counts():
    half = code("#| export\ndef f() -> None:\n    'doc'\n" + "    a = 1\n" * 38)
    cells = [prose("# Title\n\n> One sentence"), half, code("f()"), half, code("assert f")]
    assert nb_lint.Page(cells).troubles() == []
    cells.remove(cells[2])
    assert [what for _, what in nb_lint.Page(cells).troubles()] == [
        "80 exported lines from here before anything is shown"
    ]


@pytest.mark.parametrize("metadata, troubles", [({}, 0), ({"widgets": {"state": {}}}, 1)])
def test_no_widget_state_is_stored(metadata, troubles, tmp_path, capsys):
    path = tmp_path / "page.ipynb"
    cells = [prose("# Title\n\n> One sentence"), prose("Why."), code("a;"), code("b;")]
    path.write_text(json.dumps({"cells": cells, "metadata": metadata}))
    assert nb_lint.main([path]) == troubles
    assert ("widget state" in capsys.readouterr().out) == bool(troubles)


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.words)
def test_a_mutant_finds_the_text_that_it_breaks(mutant):
    """A name that changes would leave a mutant that can no longer be tried."""
    text = (ROOT / "reach_nb" / f"{mutant.module}.py").read_text(encoding="utf-8")
    assert text.count(mutant.before) == 1 and mutant.before != mutant.after


A_RUN = '{}/a.csv of run {}: <Client at 0x{}>, http://127.0.0.1:{}, {} s, {} MiB <i id="{}">'
AN_ID, ANOTHER = "0" * 8 + 3 * "-0000" + "-" + "0" * 12, "1f" * 4 + 3 * "-abcd" + "-" + "f" * 12


def said(text):
    return {"output_type": "stream", "name": "stdout", "text": [text]}


@pytest.mark.parametrize(
    "stored, fresh, same",
    [
        ("3 days, 0.31 s", "3 days, 12 s", True),
        ("3 sensors, 0.31 s", "4 sensors, 0.31 s", False),
        ("3 days, 0.31 s", "3 days, 0.31 MB", False),
        ("12:30:01 begun", "01:00:59 begun", True),
        ("2025-01-31T12:30:01Z", "2025-01-31T12:30:02Z", False),
        (
            A_RUN.format("/tmp/tmpab_d3fg8", AN_ID, "1e", 8080, 1, 7, "t1"),
            A_RUN.format("/var/tmp/tmpqwertyui", ANOTHER, "2f", 9, 2.5, "1,024", "t2"),
            True,
        ),
    ],
)
def test_what_differs_from_run_to_run_is_not_stale(stored, fresh, same):
    old, new = ({"cells": [prose("Words."), code("f()", said(text))]} for text in (stored, fresh))
    assert (not list(stale_outputs.differences(old, new))) == same


@pytest.mark.skipif(os.name != "posix", reason="kernels in threads want it")
def test_a_page_with_another_output_is_told(tmp_path, capsys):
    """It is run in a copy, and neither its file nor its folder is changed."""
    page = tmp_path / "nbs" / "page.ipynb"
    page.parent.mkdir()
    cells = [
        code("from module import days\nprint(days)", said("41\n")),
        code("open('left', 'w').close()\nprint('0.5 s')", said("0.3 s\n")),
        code("1 + 1", shown(text_plain="2") | {"output_type": "execute_result"}),
    ]
    for cell in cells:
        cell |= {"metadata": {}, "execution_count": None}
    cells[2]["outputs"][0] |= {"metadata": {}, "execution_count": None}
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    page.write_text(json.dumps(whole), encoding="utf-8")
    (tmp_path / "module.py").write_text("days = 42\n")
    assert stale_outputs.main([], tmp_path) == 1
    assert capsys.readouterr().out == "nbs/page.ipynb, cell 1\n-41\n+42\n\n"
    assert json.loads(page.read_text(encoding="utf-8")) == whole
    assert [path.name for path in page.parent.iterdir()] == ["page.ipynb"]


def own_lists(source):
    """The lines of a program on which a list of formats is written out."""
    for node in ast.walk(nb_lint.parsed(source)):
        held = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", ())
        firsts = [(getattr(one, "elts", None) or [one])[0] for one in held]
        texts = {str(one.value).lstrip(".") for one in firsts if isinstance(one, ast.Constant)}
        if len(texts & set(OUTPUT_FORMATS)) >= 3:
            yield node.lineno


@pytest.mark.parametrize(
    "source, lines",
    [
        ("for kind in ('csv', 'json', 'parquet'): pass", [1]),
        ("a = 1\nb = ['.parquet', '.csv', '.json', '.lock']", [2]),
        ("{'json': 1, 'csv': 2, 'parquet': 3}", [1]),
        ("[('csv', 8), ('json', 4), ('parquet', 4)]", [1]),
        ("('csv', 'json')", []),
        ("for kind in OUTPUT_FORMATS: pass", []),
    ],
)
def test_a_list_of_formats_is_found(source, lines):
    assert list(own_lists(source)) == lines


def test_no_test_has_a_list_of_formats_of_its_own():
    """One that it has would leave out the next format; `dataset.OUTPUT_FORMATS` and `FORMATS` name all."""
    programs = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    for path in (ROOT / "nbs").rglob("*.ipynb"):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"], 1):
            source = nb_lint.text(cell)
            if cell["cell_type"] == "code" and "export" not in nb_lint.marks(source):
                programs[f"{path} cell {number}"] = source
    assert [f"{place}:{n}" for place in programs for n in own_lists(programs[place])] == []


def test_no_format_is_taken_for_another(tmp_path):
    """What reads the files of a campaign knows each format, or says that it does not."""
    with pytest.raises(NotImplementedError, match="say here how a file of this format is read"):
        campaign.read_records(tmp_path / "day.arrow")
    with pytest.raises(NotImplementedError, match="arrow: say here what becomes of a record"):
        campaign.as_stored({"id": "a"}, "arrow")


def test_what_is_lost_as_told_counts_apart(tmp_path, monkeypatch):
    """A loss that the telemetry tells of is expected of some services; any other is a defect."""
    monkeypatch.setattr(campaign, "COMPARED", Counter())
    path = tmp_path / "day.json"
    path.write_text('[{"id": "a"}]')
    for told in (False, True, True):
        with pytest.raises(AssertionError, match="1 lost, 0 invented"):
            campaign.compare(path, [{"id": "a"}, {"id": "b"}], "json", told=told)
    figures = {"artifacts": 3, "records": 6, "lost": 1, "lost_as_told": 2, "twice": 0}
    assert dict(campaign.COMPARED) == figures


def test_a_run_of_the_tests_leaves_no_files_behind(tmp_path):
    """Notebooks make folders of files to look at; the two test commands left 0.9 GB of them."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    notebook = "nbs/look/by_day.ipynb"  # one of them
    assert "mkdtemp()" in (ROOT / notebook).read_text(encoding="utf-8")
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTEST_DEBUG_TEMPROOT": str(tmp_path.parent)}
    subprocess.run([*command, notebook], cwd=ROOT, env=env, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []
