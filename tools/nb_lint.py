"""Says where notebooks leave the anatomy that CONTRIBUTING asks for: nb_lint.py [NOTEBOOK…]

An exception is argued in the notebook, in the prose right above the cell: `<!-- lint: kind, because … -->`.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MOST_UNSEEN = 60  # exported lines between two places where something is shown or tested
WIDTH, GUIDE_WIDTH = 100, 76  # characters of a line that a reader sees
EXCUSE = re.compile(r"<!--\s*lint:\s*(\w+),\s*because\s+\S.{10,}?-->", re.DOTALL)
NOISE = re.compile(r"\w*Warning\b|\bfindfont\b")
TEST = re.compile(r"\btest_\w+\(|\bassert\b|raises\(|expect_fail\(")
FIGURES = {"image/png", "image/svg+xml"}

Trouble = tuple[int | None, str]  # the number of the cell, from 1, and what is wrong


def text(cell: dict) -> str:
    return "".join(cell["source"])


def options(source: str) -> list[str]:
    """The lines of a cell's `#|` block, without the mark."""
    return [line[2:].strip() for line in source.splitlines() if line.startswith("#|")]


def marks(source: str) -> set[str]:
    return {line.split()[0].rstrip(":") for line in options(source) if line}


def code_lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]


def parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def untyped(tree: ast.Module) -> Iterator[str]:
    """Names of functions that leave a parameter or the result without a type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            places = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            places += [a for a in (node.args.vararg, node.args.kwarg) if a]
            bare = [a.arg for a in places if a.annotation is None and a.arg not in ("self", "cls")]
            if bare or node.returns is None:
                yield node.name


def about_export(source: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """`(kind, what)` of each trouble that only an exported cell can have."""
    for name in untyped(tree):
        yield "types", f"{name} has a parameter or a result without a type"
    for node in tree.body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and not ast.get_docstring(node):
            yield "docstring", f"{node.name} has none"
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield "star", f"everything is imported from {node.module}"
    kinds = {type(node) for node in tree.body}
    if kinds & {ast.Import, ast.ImportFrom} and kinds & {ast.FunctionDef, ast.ClassDef}:
        yield "imports", "imports and definitions in one exported cell"


def about_code(cell: dict, width: int) -> Iterator[tuple[str, str]]:
    """`(kind, what)` of each trouble that any code cell can have."""
    source, outputs = text(cell), cell.get("outputs", [])
    if any(out.get("output_type") == "error" for out in outputs):
        yield "error", "a stored error"
    if any(out.get("name") == "stderr" and NOISE.search("".join(out["text"])) for out in outputs):
        yield "noise", "a stored warning of a library"
    if any(FIGURES & set(out.get("data", {})) for out in outputs):
        if "fig-alt" not in marks(source):
            yield "alt", "a figure without `#| fig-alt:`"
    for line in options(source):
        key, colon, value = line.partition(": ")
        if colon and re.fullmatch(r"[\w-]+", key) and re.match(r"[^\"'|>\[{].*(: | #)", value):
            yield "yaml", f"the option {key} holds ': ' or ' #' and is not quoted"
    wide = sum(len(line) > width for line in code_lines(source))
    if wide and "hide" not in marks(source):
        yield "width", f"{wide} lines of over {width} characters"
    if TEST.search(source) and "export" not in marks(source):
        if re.search(r"^#\|\s*eval:\s*false", source, re.MULTILINE):
            yield "eval", "a test that is not run"
        if re.search(r"\btime\.sleep\(|(?<![\w.])sleep\(", source):
            yield "sleep", "a test that sleeps"


class Page:
    """One notebook: its cells, and whether it is a guide, which shows no tests."""

    def __init__(self, cells: list[dict], guide: bool = False) -> None:
        self.cells, self.guide = cells, guide

    def troubles(self) -> list[Trouble]:
        found = [*self.first_cell(), *self.unseen(), *self.open_ends(), *self.classes()]
        above = ""
        for number, cell in enumerate(self.cells, 1):
            if cell["cell_type"] != "code":
                above = text(cell)
                continue
            about = list(about_code(cell, GUIDE_WIDTH if self.guide else WIDTH))
            if "export" in marks(text(cell)):
                about += about_export(text(cell), parsed(text(cell)))
            elif self.guide and "hide" not in marks(text(cell)) and TEST.search(text(cell)):
                about.append(("test", "a test in sight in a guide"))
            excused = set(EXCUSE.findall(above))
            found += [(number, what) for kind, what in about if kind not in excused]
            above = ""
        return found

    def first_cell(self) -> Iterator[Trouble]:
        first = text(self.cells[0]) if self.cells else ""
        if not re.match(r"# \S.*\n+> \S", first):
            yield None, "does not begin with `# Title` and a `>` sentence"
        if re.search(r"^[^#>\s]", first, re.MULTILINE):
            yield 1, "more than title and subtitle: the site drops the rest of this cell"
        exported = [text(c) for c in self.cells if "export" in marks(text(c))]
        defined = any(
            re.search(r"^(def|class) [a-zA-Z]", source, re.MULTILINE) for source in exported
        )
        tested = any(TEST.search(text(c)) for c in self.cells if "export" not in marks(text(c)))
        if defined and not tested:
            yield None, "no tests beside its code"

    def unseen(self) -> Iterator[Trouble]:
        """Stretches of exported lines before anything is shown or tested."""
        lines, begin = 0, None
        for number, cell in enumerate(self.cells, 1):
            if cell["cell_type"] != "code":
                continue
            source = text(cell)
            if "export" in marks(source):
                if any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in parsed(source).body):
                    begin = begin or number
                    lines += len(code_lines(source))
            elif code_lines(source):
                if lines > MOST_UNSEEN:
                    yield begin, f"{lines} exported lines from here before anything is shown"
                lines, begin = 0, None

    def open_ends(self) -> Iterator[Trouble]:
        """Prose that ends in a colon before something that the site does not show."""
        prose_only = {"cell_type": "markdown", "source": ""}
        for number, cell in enumerate(self.cells, 1):
            if cell["cell_type"] == "markdown" and re.search(r"(?<!:):\s*$", text(cell)):
                later = (c for c in self.cells[number:] if "hide" not in marks(text(c)))
                after = next(later, prose_only)
                if after["cell_type"] != "code" or "export" in marks(text(after)):
                    yield number, "ends in ':' and nothing that the site shows follows"

    def classes(self) -> Iterator[Trouble]:
        """Private base classes that exist only to cut another class into pieces."""
        bases: dict[str, list[str]] = {}
        for cell in self.cells:
            if "export" in marks(text(cell)):
                for node in parsed(text(cell)).body:
                    if isinstance(node, ast.ClassDef):
                        bases[node.name] = [ast.unparse(base) for base in node.bases]
        used = Counter(base for names in bases.values() for base in names)
        for name, above in bases.items():
            if name.startswith("_") and used[name] == 1:
                yield None, f"{name} is a base class with one subclass"
            if sum(base.startswith("_") for base in above) > 1:
                yield None, f"{name} is put together from private mixins"


def check(path: Path) -> list[Trouble]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    guide = "tutorials" in path.parts or path.stem == "index"
    stored = "widgets" in notebook["metadata"]
    widgets: list[Trouble] = [(None, "stored widget state: save it without")] * stored
    return Page(notebook["cells"], guide).troubles() + widgets


def main(paths: list[Path]) -> int:
    troubles = 0
    for path in paths:
        for number, what in check(path):
            print(f"{path}{f' cell {number}' if number else ''}: {what}")
            troubles += 1
    print(f"{len(paths)} notebooks, {troubles} troubles")
    return 1 if troubles or not paths else 0


if __name__ == "__main__":
    nbs = Path(__file__).parents[1] / "nbs"
    everything = (p for p in nbs.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    sys.exit(main([Path(arg) for arg in sys.argv[1:]] or sorted(everything)))
