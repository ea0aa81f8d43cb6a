"""Checks the docs without Quarto: check_docs.py

In the pages that nbdev makes it finds what ends or spoils a build: options that are no YAML, a sidebar without a page,
links and includes that lead nowhere, pictures without words, empty sections, signatures without types, bad outputs.
"""

import ast
import os
import re
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urldefrag

import yaml
from pages import FENCE, HEADING, links_in, make_pages, pages_in, text_of

ROOT = Path(__file__).parents[1]
MACHINE_PATH = re.compile(
    r"(?<![\w.…])(?:/(?:home|Users|root|tmp|work|private|var/folders)/|[A-Z]:\\\\?)[\w.-]"
    r"|site-packages"
)
UNREADABLE = re.compile(r"\*args, \*\*kwargs|:NoneType=None|\]\(https?:")  # in a signature
LONG = re.compile(r"^.{93,}$", re.MULTILINE)  # as many characters as a page has room for
FIGURES = {"image/png", "image/jpeg", "image/svg+xml"}
WORDS = re.compile(r"\b(?:alt|aria-label|aria-labelledby)=[\"'][^\"']+|aria-hidden=[\"']true")


def sidebar_entries(contents):
    for item in contents:
        if isinstance(item, str):
            yield item
        elif "contents" in item:
            yield from sidebar_entries(item["contents"])
        elif "href" in item:
            yield item["href"]


class Checker:
    """Looks at all pages of a root; `check` gives the troubles, a line each."""

    def __init__(self, root, pages):
        self.root, self.pages, self.troubles = root, {p.name: p for p in pages}, []
        self.config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
        settings = ConfigParser(delimiters=["="])
        settings.read(root / "settings.ini", encoding="utf-8")
        self.settings = settings["DEFAULT"]
        self.by_output = {p.output: p for p in pages}

    def trouble(self, where, what):
        self.troubles.append(f"{where}: {what}")

    def check(self):
        self.check_format(self.config["format"])
        self.check_sidebar(self.config["website"]["sidebar"][0]["contents"])
        for page in self.pages.values():
            self.check_prose(page)
            self.check_sections(page)
            for number, cell in enumerate(page.cells, 1):
                if cell["cell_type"] == "code":
                    for what in about_cell(text_of(cell["source"]), cell.get("outputs", [])):
                        self.trouble(f"{page.name} cell {number}", what)
        return self.troubles

    def check_format(self, formats):
        if "commonmark" in formats and "keep-md" not in formats["commonmark"]:
            self.trouble("_quarto.yml", "commonmark without keep-md: its pages go too soon")
        if formats["html"].get("code-overflow") != "wrap":
            self.trouble("_quarto.yml", "code-overflow is not `wrap`: long lines are cut off")

    def check_sidebar(self, contents):
        entries, patterns = list(sidebar_entries(contents)), self.config["project"]["render"]
        for entry in entries:
            if entry not in self.pages:
                self.trouble("_quarto.yml", f"the sidebar names {entry}, and there is no such page")
            if entries.count(entry) > 1:
                self.trouble("_quarto.yml", f"the sidebar names {entry} twice")
        for name, page in self.pages.items():
            if name not in entries:
                self.trouble(name, "is not in the sidebar of _quarto.yml")
            if not page.front.get("title") and not page.front.get("pagetitle"):
                self.trouble(name, "has no title")
            for place in (name, f"nbs/{name}"):
                level = place.count("/")
                if not any(fnmatch(place, p) and level == p.count("/") for p in patterns):
                    self.trouble("_quarto.yml", f"no pattern of `render` takes in {place}")

    def check_prose(self, page):
        for text in page.texts + page.shown:
            for is_image, words, target, attributes in links_in(text):
                if is_image and "fig-alt=" not in attributes:
                    self.trouble(page.name, f"the picture {target} ({words}) has no fig-alt")
                self.check_target(page, target, is_image)
            for fence in FENCE.finditer(text):
                if found := UNREADABLE.search(fence[0]):
                    self.trouble(page.name, f"a signature holds {found[0]!r}")
                wide = "text" in fence[0].partition("\n")[0] and LONG.search(fence[0])
                if wide:
                    self.trouble(page.name, f"a drawing is wider than the page: {wide[0][:40]!r}")
        for target in re.findall(r"<a\s[^>]*href=[\"']([^\"']+)", "".join(page.html)):
            self.check_target(page, target, False)
        homes = {page.path.parent, self.root / "nbs" / PurePosixPath(page.name).parent}
        for name in getattr(page, "includes", []):
            for home in homes:
                if not (home / name).is_file():
                    self.trouble(page.name, f"includes {name}, which is not in {home.name}/")

    def check_sections(self, page):
        outline = page.outline()
        found = list(HEADING.finditer(outline))
        if page.cells and not outline[: found[0].start() if found else None].strip():
            self.trouble(page.name, "says nothing before its first heading")
        for heading, following in pairwise([*found, None]):
            deeper = following and len(following[1]) > len(heading[1])
            if not deeper and not outline[heading.end() : following and following.start()].strip():
                self.trouble(page.name, f"nothing stands under {heading[2]!r}")

    def check_target(self, page, target, is_image):
        site = self.settings["doc_host"] + self.settings["doc_baseurl"]
        source = f"{self.settings['git_url']}/blob/{self.settings['branch']}/"
        if target.startswith(source):
            self.check_source(page, target, *urldefrag(target.removeprefix(source)))
        elif target.startswith(site):
            place = target.removeprefix(site).lstrip("/") or "index.html"
            self.check_anchor(page, target, *urldefrag(place))
        elif not re.match(r"[\w+.-]+:|//", target):
            self.check_local(page, target, is_image, *urldefrag(target))

    def check_source(self, page, target, path, fragment):
        file = self.root / unquote(path)
        if not file.is_file():
            self.trouble(page.name, f"the source link {target} leads to no file")
        elif fragment and int(fragment[1:].split("-")[0]) > len(file.read_bytes().splitlines()):
            self.trouble(page.name, f"the source link {target} leads beyond the end of the file")

    def check_local(self, page, target, is_image, path, fragment):
        if not path:
            return self.check_anchor(page, target, page.output, fragment)
        there = (PurePosixPath(page.name).parent / unquote(path)).as_posix()
        name = os.path.normpath(there).replace(os.sep, "/")
        if not (is_image and (page.path.parent / unquote(path)).is_file()):
            output = self.pages[name].output if name in self.pages else name
            self.check_anchor(page, target, output, fragment)

    def check_anchor(self, page, target, path, fragment):
        if path not in self.by_output:
            self.trouble(page.name, f"the link {target} leads to no page")
        elif fragment and unquote(fragment) not in self.by_output[path].anchors:
            name = self.by_output[path].name
            self.trouble(page.name, f"the link {target} leads to no anchor of {name}")


def about_cell(source, outputs):
    """What is wrong with a code cell and its outputs."""
    options = "\n".join(m[1] for m in re.finditer(r"^#\|(.*)$", source, re.MULTILINE))
    try:
        yaml.safe_load(options)
    except yaml.YAMLError:
        yield f"its options are no YAML, and end the build: {options.strip()[:60]}"
    if any(o.get("output_type") == "error" for o in outputs):
        yield "a stored error"
    data = [o.get("data", {}) for o in outputs]
    html = [d.get("text/html") for d in data]
    texts = [text_of(text) for d in data for kind, text in d.items() if kind.startswith("text/")]
    said = "\n".join([source, *(text_of(o.get("text")) for o in outputs), *texts])
    if found := MACHINE_PATH.search(said):
        yield f"a path of the machine: {said[found.start() : found.start() + 40]!r}"
    if any(FIGURES & set(d) for d in data) and not re.search(r"^#\|\s*fig-alt:", source, re.M):
        yield "a figure without `#| fig-alt:`"
    pictures = re.findall(r"<(?:img|svg)\b[^>]*>", "".join(map(text_of, html)))
    if not all(map(WORDS.search, pictures)):
        yield "a picture in HTML without a text alternative"
    if not outputs and shows(source):
        yield "it shows something, and no output is stored: run the notebook"


def shows(source):
    """Whether a cell surely has an output: it prints, ends in an expression that is no call, or draws."""
    if re.search(r"^#\|\s*(?:eval|output):\s*false", source, re.MULTILINE):
        return False  # Quarto shows no output of such a cell
    try:
        body = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)).body
    except SyntaxError:
        return False
    if not body or source.rstrip().endswith(";"):
        return False
    prints = any(ast.unparse(node).startswith("print(") for node in body)
    last = body[-1].value if isinstance(body[-1], ast.Expr) else None
    return prints or "fig-alt:" in source or not isinstance(last, ast.Call | ast.Constant | None)


if __name__ == "__main__":
    found = pages_in(make_pages(ROOT))
    troubles = Checker(ROOT, found).check()
    print(*troubles, sep="\n", end="\n" if troubles else "")
    print(f"{len(found)} pages, {len(troubles)} troubles")
    sys.exit(1 if troubles or not found else 0)
