"""Says where notebooks leave the anatomy that CONTRIBUTING asks for: nb_lint.py [NOTEBOOK…]

An exception is argued in the notebook: `<!-- lint: long, because … -->` in the prose right above the cell.
"""

import ast
import json
import re
import sys
from pathlib import Path

MOST_LINES, LONGEST_FUNCTION = 30, 40
MOST_HIDDEN = 0.25  # of the test cells
PROSE = (0.25, 0.55)  # share of the cells
EXCUSE = re.compile(r"<!--\s*lint:\s*(\w+),\s*because\s+\S.{10,}?-->", re.DOTALL)
NOISE = re.compile(r"\w*Warning\b|\bfindfont\b")
TEST = re.compile(r"\btest_\w+\(|\bassert\b|raises\(|expect_fail\(")


def directives(source):
    return {
        line[2:].split()[0].rstrip(":")
        for line in source.splitlines()
        if line.startswith("#|") and line[2:].strip()
    }


def body_lines(source):
    return sum(1 for line in source.splitlines() if line.strip() and not line.startswith("#|"))


def check_export(source, tree):
    """`(kind, what)` of each trouble with an exported cell."""
    if body_lines(source) > MOST_LINES:
        yield "long", f"{body_lines(source)} exported lines, {MOST_LINES} are the most"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
            yield "long", f"{node.name} is {node.end_lineno - node.lineno + 1} lines"
    for node in tree.body:
        if (
            isinstance(node, (ast.FunctionDef, ast.ClassDef))
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ):
            yield "docstring", f"{node.name} has none"
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield "star", f"everything is imported from {node.module}"
    kinds = {type(node) for node in tree.body}
    if kinds & {ast.Import, ast.ImportFrom} and kinds & {ast.FunctionDef, ast.ClassDef}:
        yield "imports", "imports and definitions in one exported cell"


def check_code(cell, source, marks):
    """`(kind, what)` of each trouble with a code cell of any kind."""
    outputs = cell.get("outputs", [])
    if any(out.get("output_type") == "error" for out in outputs):
        yield "error", "a stored error"
    if any(out.get("name") == "stderr" and NOISE.search("".join(out["text"])) for out in outputs):
        yield "noise", "a stored warning of a library"
    if (
        any({"image/png", "image/svg+xml"} & set(out.get("data", {})) for out in outputs)
        and "fig-alt" not in marks
    ):
        yield "alt", "a figure without `#| fig-alt:`"
    if TEST.search(source) and "export" not in marks:
        if re.search(r"^#\|\s*eval:\s*false", source, re.MULTILINE):
            yield "eval", "a test that is not run"
        if re.search(r"\btime\.sleep\(|(?<![\w.])sleep\(", source):
            yield "sleep", "a test that sleeps"


def parsed(source):
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def lint(cells):
    """Every trouble of a notebook: `(number of the cell or None, what)`."""
    troubles, tests, hidden, symbols, above = [], 0, 0, 0, ""
    for number, cell in enumerate(cells, 1):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            above = source
            continue
        marks, tree = directives(source), parsed(source)
        found = list(check_code(cell, source, marks))
        if "export" in marks:
            found += check_export(source, tree)
            symbols += any(
                isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name[0] != "_"
                for n in tree.body
            )
        elif TEST.search(source):
            tests, hidden = tests + 1, hidden + ("hide" in marks)
        excused = set(EXCUSE.findall(above))
        troubles += [(number, what) for kind, what in found if kind not in excused]
        above = ""
    troubles += [(None, what) for what in whole_page(cells, tests, hidden, symbols)]
    return troubles


def whole_page(cells, tests, hidden, symbols):
    first = "".join(cells[0]["source"]) if cells else ""
    if not re.match(r"# \S.*\n+> \S", first):
        yield "does not begin with `# Title` and a `>` sentence"
    if symbols and not tests:
        yield "no tests beside its code"
    if tests >= 4 and hidden / tests > MOST_HIDDEN:
        yield f"{hidden} of {tests} test cells are hidden"
    prose = sum(cell["cell_type"] == "markdown" for cell in cells) / max(len(cells), 1)
    if not PROSE[0] <= prose <= PROSE[1]:
        yield f"{prose:.0%} of the cells are prose"


def main(paths):
    troubles = 0
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        stored = [(None, "stored widget state: save it without")] * (
            "widgets" in notebook["metadata"]
        )
        for number, what in [*lint(notebook["cells"]), *stored]:
            print(f"{path}{f' cell {number}' if number else ''}: {what}")
            troubles += 1
    print(f"{len(paths)} notebooks, {troubles} troubles")
    return 1 if troubles or not paths else 0


if __name__ == "__main__":
    here = Path(__file__).parents[1] / "nbs"
    sys.exit(
        main(
            [Path(arg) for arg in sys.argv[1:]]
            or sorted(p for p in here.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
        )
    )
