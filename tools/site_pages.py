"""How a notebook becomes a page of the site: nbdev calls the processors that `settings.ini` names under `procs`.

nbdev alone shows signatures without their types' names, parameters as comments, no methods, and links every word in
backticks to whatever has that name. Here an exported cell becomes its reference and its folded source, tests are
folded, drawings in characters fit, and a name in backticks is a link where it is public or explained on the same page.
"""

import ast
import os.path
import re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

from execnb.nbio import mk_cell

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 76  # characters of a signature's line
LONG = 30  # lines of constants that a reader rather unfolds
TEST = re.compile(r"\b(test_\w+|expect_fail)\(|^\s*assert\b", re.MULTILINE)
COLUMNS = {
    "readings",
    "flagged",
}  # of tables, too: only with a bracket, or at home, the function is meant
ENUMS = {"Enum", "IntEnum", "IntFlag", "Flag", "StrEnum"}
OWN = re.compile(r"^### (\w+) \{#", re.MULTILINE)
DRAWING = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIXED = r"^```.*?^```\s*$|^#[^\n]*$"  # no name in these becomes a link
WORD = re.compile(r"(?<![\[`\\])`([A-Za-z_]\w*)(\(\))?`(?![\]`])")


@cache
def settings():
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


@cache
def public_names():
    """The module of each name of the package's root, as `__init__.pyi` says."""
    tree = ast.parse((ROOT / "reach_nb" / "__init__.pyi").read_text(encoding="utf-8"))
    found = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.level == 1)
    return {alias.name: node.module for node in found for alias in node.names}


@cache
def lines_of(module):
    """Where a module defines its functions and classes: name to number of the line."""
    tree = ast.parse((ROOT / "reach_nb" / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node.lineno for node in tree.body if isinstance(node, kinds)}


def page_of(module):
    return module.replace(".", "/") + ".ipynb"


class Source:
    """The text of one exported cell, and what it says about the things it defines."""

    def __init__(self, text, module):
        self.text, self.module, self.tree = text, module, ast.parse(text)

    def segment(self, node):
        return " ".join(ast.get_source_segment(self.text, node).split())

    def parameters(self, arguments, skip_first=False):
        """`name: type = default` of each parameter of a function, with the marks `*` and `/`."""
        a = arguments
        plain = [*a.posonlyargs, *a.args]
        defaults = [None] * (len(plain) - len(a.defaults)) + a.defaults
        shown = [self.one(arg, default) for arg, default in zip(plain, defaults, strict=True)]
        shown = shown[skip_first:]
        if a.vararg or a.kwonlyargs:
            shown.append("*" + (self.one(a.vararg) if a.vararg else ""))
        shown += map(self.one, a.kwonlyargs, a.kw_defaults)
        return shown + (["**" + self.one(a.kwarg)] if a.kwarg else [])

    def one(self, arg, default=None):
        text = arg.arg + (f": {self.segment(arg.annotation)}" if arg.annotation else "")
        if default is None:
            return text
        return text + (" = " if arg.annotation else "=") + self.segment(default)

    def fields(self, node):
        """The annotated fields of a dataclass or NamedTuple, as parameters."""
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and not self.segment(item.annotation).startswith(
                "Class"
            ):
                text = f"{item.target.id}: {self.segment(item.annotation)}"
                value = item.value
                if isinstance(value, ast.Call) and self.segment(value.func) in ("field", "Given"):
                    given = [k.value for k in value.keywords if k.arg == "default"] + value.args
                    value = given[0] if given else None
                yield text + (f" = {self.segment(value)}" if value else "")

    def constants(self):
        """The public names that are neither functions nor classes."""
        targets = (
            t for n in self.tree.body for t in getattr(n, "targets", [getattr(n, "target", 0)])
        )
        return [t.id for t in targets if isinstance(t, ast.Name) and t.id in public_names()]

    def without_imports(self):
        """The text without the statements that import."""
        lines = self.text.splitlines()
        for node in reversed([node for node in self.tree.body if is_import(node)]):
            del lines[node.lineno - 1 : node.end_lineno]
        return "\n".join(lines).strip("\n")

    def bare(self, documented):
        """The text without the docstrings of what has been explained before."""
        lines = self.text.splitlines()
        explained = [n for node in documented for n in [node, *getattr(node, "body", [])]]
        for node in sorted(explained, key=lambda n: -n.lineno):
            kinds = (ast.FunctionDef, ast.ClassDef)
            if isinstance(node, kinds) and ast.get_docstring(node) and len(node.body) > 1:
                first, end = node.body[0].lineno - 1, node.body[0].end_lineno
                del lines[first : end + (not lines[end].strip())]
        return "\n".join(lines)

    def signature(self, node, owner=""):
        """A definition as one writes it, a parameter a line where it is long."""
        if isinstance(node, ast.ClassDef):
            bases = [self.segment(base) for base in node.bases]
            init = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
            fields = list(self.fields(node))
            given = self.parameters(init.args, True) if init else fields
            if not given or ENUMS & set(bases):
                return f"class {node.name}" + (f"({', '.join(bases)})" if bases else "")
            return wrapped(f"class {node.name}", given, "")
        static = any("static" in self.segment(d) for d in node.decorator_list)
        given = self.parameters(node.args, bool(owner) and not static)
        result = f" -> {self.segment(node.returns)}" if node.returns else ""
        return wrapped(f"def {node.name}" if not owner else f"{owner}.{node.name}", given, result)

    def comments(self, node):
        """What is said of fields in comments behind them: name to text."""
        lines = self.text.splitlines()
        for item in node.body:
            comment = (
                lines[item.end_lineno - 1].partition("  # ")[2]
                if hasattr(item, "end_lineno")
                else ""
            )
            target = getattr(item, "target", None) or next(iter(getattr(item, "targets", [])), None)
            if comment and isinstance(target, ast.Name):
                yield target.id, "", comment


def wrapped(head, parameters, tail):
    line = f"{head}({', '.join(parameters)}){tail}"
    if len(line) <= WIDTH or not parameters:
        return line
    return "\n".join([f"{head}(", *(f"    {p}," for p in parameters), f"){tail}"])


def sections(docstring):
    """A numpydoc docstring as `(prose, {heading: text})`."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return parts[0].strip(), dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(text):
    """`(name, type, meaning)` of each entry of a section."""
    for entry in re.split(r"\n(?=\S)", text.strip("\n")):
        head, _, meaning = entry.partition("\n")
        name, _, kind = head.partition(" : ")
        yield name, kind, " ".join(meaning.split())


def table(heading, rows):
    cell = lambda text: text.replace("|", r"\|")
    lines = [f"| {heading} | | |", "| --- | ---- | -------- |"]
    for name, kind, meaning in rows:
        names = ", ".join(f"`{n.strip()}`" for n in name.split(","))
        lines.append(f"| {names} | {cell(kind)} | {cell(meaning)} |")
    return "\n".join(lines)


def explained(docstring, fields=()):
    """The parts of a docstring as Markdown: prose, a table of parameters, what is returned."""
    prose, named = sections(docstring)
    parts = [prose]
    if rows := [*entries(named["Parameters"])] if "Parameters" in named else list(fields):
        parts.append(table("parameter" if "Parameters" in named else "field", rows))
    for heading in ("Returns", "Yields"):
        if heading in named:
            kind, _, meaning = named[heading].strip("\n").partition("\n")
            said = " ".join(meaning.split())
            parts.append(f"*{heading}* {kind}" + (f": {said}" if said else "."))
    return parts


def reference(source, node):
    """The reference of a function or class as Markdown: signature, parameters, methods."""
    line = lines_of(source.module).get(node.name)
    path = f"reach_nb/{source.module.replace('.', '/')}.py"
    link = f"{settings()['git_url']}/blob/{settings()['branch']}/{path}#L{line}"
    anchor = f"reach_nb.{source.module}.{node.name}"
    parts = [f"### {node.name} {{#{anchor} .api}}", f"[source]({link}){{.source}}"]
    parts.append(f"```python\n{source.signature(node)}\n```")
    is_class = isinstance(node, ast.ClassDef)
    parts += explained(ast.get_docstring(node) or "", source.comments(node) if is_class else ())
    public = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"]
    marks = lambda n: {source.segment(d) for d in n.decorator_list}
    methods = [n for n in public if is_class and f"{n.name}.setter" not in marks(n)]
    decorators = {n.name: marks(n) for n in methods}
    is_property = lambda n: bool({"property", "cached_property"} & decorators[n.name])
    properties = [n for n in methods if is_property(n)]
    if properties:
        said = lambda n: sections(ast.get_docstring(n) or "")[0].replace("\n", " ")
        kind = lambda n: source.segment(n.returns) if n.returns else ""
        parts.append(table("property", [(n.name, kind(n), said(n)) for n in properties]))
    for method in methods:
        if not is_property(method) and "overload" not in decorators[method.name]:
            parts.append(f"#### {node.name}.{method.name} {{#{anchor}.{method.name} .api}}")
            parts.append(f"```python\n{source.signature(method, node.name)}\n```")
            parts += explained(ast.get_docstring(method) or "")
    return "\n\n".join(part for part in parts if part)


class Page:
    """A notebook while it is made into a page."""

    def __init__(self, nb):
        self.nb = nb
        marks = (c.directives_.get("default_exp") for c in nb.cells)
        self.module = next((m[0] for m in marks if m), None)
        self.path = Path(nb.path_).resolve()

    def own(self):
        """The names that the page's exported cells define."""
        for cell in self.nb.cells:
            if "export" in cell.directives_:
                yield from (n.name for n in ast.parse(cell.source).body if hasattr(n, "name"))


def is_import(node):
    """Whether a statement imports, and be it for type checkers only."""
    inner = node.body if isinstance(node, ast.If) else []
    return (
        isinstance(node, ast.Import | ast.ImportFrom) or bool(inner) and all(map(is_import, inner))
    )


def fitting(drawing):
    """A drawing in characters, in a smaller type where it is wider than code."""
    is_wide = max(map(len, drawing[1].splitlines())) > 80
    return drawing[0].replace("```text", "```{.text .wide}", 1) if is_wide else drawing[0]


class show_reference(Page):
    """Exported cells become what a reader wants of them; tests are folded."""

    def begin(self):
        cells = []
        for cell in self.nb.cells:
            marks = set(cell.directives_)
            if "default_exp" in marks:
                continue
            if "export" in marks:
                cells += self.shown(cell.source)
            else:
                if cell.cell_type == "markdown":
                    cell.source = DRAWING.sub(fitting, cell.source)
                elif TEST.search(cell.source) and cell.cell_type == "code":
                    cell.source = folded(cell.source, "Code and tests" if cell.outputs else "Tests")
                    if cells and cells[-1].cell_type == "markdown" and not cell.outputs:
                        # what the notebook announces is not in sight here
                        cells[-1].source = re.sub(r"(?<!:):\s*$", ".", cells[-1].source)
                cells.append(cell)
        for cell in cells:
            cell.directives_ = getattr(cell, "directives_", {})
        self.nb.cells = cells

    def shown(self, text):
        """The cells of the site for an exported one."""
        source = Source(text, self.module)
        if all(map(is_import, source.tree.body)):
            return []
        defined = [n for n in source.tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        public = [n for n in defined if not n.name.startswith("_")]
        cells = [mk_cell(reference(source, node), "markdown") for node in public]
        constants = [f"[]{{#reach_nb.{self.module}.{name}}}" for name in source.constants()]
        cells += [mk_cell(" ".join(constants), "markdown")] if constants else []
        plain = source.without_imports()
        in_the_way = defined or len(plain.splitlines()) > LONG
        return [*cells, mk_cell(folded(source.bare(public), "Code") if in_the_way else plain)]

    def __call__(self, cell):
        pass


def folded(text, summary):
    return f'#| code-fold: true\n#| code-summary: "{summary}"\n{text}'


class link_names(Page):
    """A name in backticks is a link where it is public, or has its reference on the page."""

    def begin(self):
        texts = (cell.source for cell in self.nb.cells if cell.cell_type == "markdown")
        self.here = {name for text in texts for name in OWN.findall(text)}

    def __call__(self, cell):
        if cell.cell_type == "markdown":
            within = OWN.findall(cell.source)
            # a parameter or field that is called as something else is not that
            fixed = f"({FIXED}|^\\| `[^|]*)" if within else f"({FIXED})"
            chunks = re.split(fixed, cell.source, flags=re.MULTILINE | re.DOTALL)
            replace = lambda match: self.link(match, within)
            cell.source = "".join(
                c if n % 2 else WORD.sub(replace, c) for n, c in enumerate(chunks)
            )

    def link(self, match, within):
        name, call = match[1], match[2] or ""
        if name in within:
            return match[0]
        if name in self.here:
            return f"[`{name}{call}`](#reach_nb.{self.module}.{name})"
        if name not in public_names() or (name in COLUMNS and not call):
            return match[0]
        target = ROOT / "nbs" / page_of(public_names()[name])
        path = os.path.relpath(target, self.path.parent).replace(os.sep, "/")
        return f"[`{name}{call}`]({path}#reach_nb.{public_names()[name]}.{name})"
