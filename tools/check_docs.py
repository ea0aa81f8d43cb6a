"""Checks the docs without Quarto: check_docs.py [--site _docs]

nbdev makes the pages in _proc/ as it does for Quarto. Every page must be in the sidebar and every entry of it a page;
links, anchors, symbols, source lines and includes must lead somewhere; figures have a text alternative; outputs are
there, without errors and without paths of the machine that ran them. With `--site`, the HTML that Quarto wrote is
checked for links, anchors and text alternatives instead.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urldefrag

import yaml

ROOT = Path(__file__).parents[1]
MACHINE_PATH = re.compile(
    r"(?<![\w.…])(?:/(?:home|Users|root|tmp|work|private|var/folders)/|[A-Z]:\\\\?)[\w.-]|site-packages"
)
LINK = re.compile(
    r"(?<!\\)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^()\s>]+(?:\([^()]*\))?)>?(?:\s+\"[^\"]*\")?\s*\)"
)
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
INCLUDE = re.compile(r"\{\{<\s*include\s+(\S+)\s*>\}\}")
MAKE_PAGES = (  # what the guides leave on disk is no page
    "from nbdev.serve import proc_nbs; proc_nbs(skip_folder_re='^([_.]|reach_nb_data$)')"
)
FIGURE_TYPES = {"image/png", "image/jpeg", "image/svg+xml"}


def text_of(value):
    return value if isinstance(value, str) else "".join(value or [])


def heading_id(heading):
    """The identifier that pandoc gives a heading."""
    explicit = re.search(r"\{[^}]*#([\w.:-]+)[^}]*\}\s*$", heading)
    if explicit:
        return explicit[1]
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    plain = re.sub(r"[^\w\s.-]", "", re.sub(r"[*`]", "", plain))
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", plain.strip()).lower()) or "section"


def anchors_in(texts):
    """Every anchor of a page's Markdown (a set)."""
    seen, anchors = {}, set()
    for text in texts:
        anchors |= set(re.findall(r"\bid=[\"']([^\"']+)[\"']", text)) | set(
            re.findall(r"\{#([\w.:-]+)", text)
        )
        for heading in HEADING.findall(FENCE.sub("", text)):
            anchor = heading_id(heading)
            anchors.add(f"{anchor}-{seen[anchor]}" if anchor in seen else anchor)
            seen[anchor] = seen.get(anchor, 0) + 1
    return anchors


def links_in(text):
    """`(is image, words, target)` of each Markdown link outside of code."""
    prose = FENCE.sub("", text)
    spans = [(m.start(), m.end()) for m in CODE_SPAN.finditer(prose)]
    for match in LINK.finditer(prose):
        if not any(start <= match.start() and match.end() <= end for start, end in spans):
            yield bool(match[1]), match[2], match[3]


class Page:
    """One processed page: its Markdown, its anchors, where it will be on the site."""

    def __init__(self, path, folder):
        self.path, self.name = path, path.relative_to(folder).as_posix()
        self.cells, self.front = [], {}
        if path.suffix == ".ipynb":
            self.cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            raw = next((text_of(c["source"]) for c in self.cells if c["cell_type"] == "raw"), "")
            texts = [text_of(c["source"]) for c in self.cells if c["cell_type"] == "markdown"]
            outputs = [o.get("data", {}) for c in self.cells for o in c.get("outputs", [])]
            self.shown = [text_of(data.get("text/markdown")) for data in outputs]
            self.html = [text_of(data.get("text/html")) for data in outputs]
        else:
            raw = path.read_text(encoding="utf-8")
            texts, self.shown, self.html = [expand(raw, path.parent)], [], []
        front = re.match(r"---\s*\n(.*?)\n---", raw.strip(), re.DOTALL)
        self.front = yaml.safe_load(front[1]) if front else {}
        self.texts = texts
        output = PurePosixPath(self.name).with_name(
            self.front.get("output-file", path.stem + ".html")
        )
        self.output = output.as_posix()
        self.anchors = anchors_in(texts + self.shown + self.html)


def expand(text, folder):
    return INCLUDE.sub(
        lambda m: p.read_text(encoding="utf-8") if (p := folder / m[1]).is_file() else "", text
    )


def sidebar_entries(contents):
    for item in contents:
        if isinstance(item, str):
            yield item
        elif "contents" in item:
            yield from sidebar_entries(item["contents"])
        elif "href" in item:
            yield item["href"]


class Checker:
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
        self.check_sidebar()
        for page in self.pages.values():
            self.check_links(page)
            self.check_includes(page)
            for number, cell in enumerate(page.cells, 1):
                if cell["cell_type"] == "code":
                    self.check_cell(f"{page.name} cell {number}", cell)
        return self.troubles

    def check_sidebar(self):
        sidebar = self.config["website"]["sidebar"]
        first = sidebar[0] if isinstance(sidebar, list) else sidebar
        entries = list(sidebar_entries(first["contents"]))
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
                if not any(
                    fnmatch(place, p) and place.count("/") == p.count("/")
                    for p in self.config["project"]["render"]
                ):
                    self.trouble("_quarto.yml", f"no pattern of `render` takes in {place}")

    def check_links(self, page):
        for text in page.texts + page.shown:
            for is_image, words, target in links_in(text):
                if is_image and not words.strip():
                    self.trouble(page.name, f"the picture {target} has no text alternative")
                self.check_target(page, target, is_image)
        for text in page.html:
            for target in re.findall(r"<a\s[^>]*href=[\"']([^\"']+)", text):
                self.check_target(page, target, False)

    def check_target(self, page, target, is_image):
        site = self.settings["doc_host"] + self.settings["doc_baseurl"]
        source = f"{self.settings['git_url']}/blob/{self.settings['branch']}/"
        if target.startswith(source):
            self.check_source(page, target.removeprefix(source))
        elif target.startswith(site):
            self.check_anchor(page, target, target.removeprefix(site).lstrip("/") or "index.html")
        elif not re.match(r"[\w+.-]+:|//", target):
            self.check_local(page, target, is_image)

    def check_source(self, page, target):
        path, fragment = urldefrag(target)
        file = self.root / unquote(path)
        if not file.is_file():
            self.trouble(page.name, f"the source link {target} leads to no file")
        elif fragment and int(fragment[1:].split("-")[0]) > len(file.read_bytes().splitlines()):
            self.trouble(page.name, f"the source link {target} leads beyond the end of the file")

    def check_local(self, page, target, is_image):
        path, fragment = urldefrag(target)
        if not path:
            return self.check_anchor(page, target, f"{page.output}#{fragment}")
        name = os.path.normpath(
            (PurePosixPath(page.name).parent / unquote(path)).as_posix()
        ).replace(os.sep, "/")
        if name in self.pages:
            self.check_anchor(page, target, f"{self.pages[name].output}#{fragment}")
        elif not (is_image and (page.path.parent / unquote(path)).is_file()):
            self.check_anchor(page, target, f"{name}#{fragment}")

    def check_anchor(self, page, target, place):
        path, fragment = urldefrag(place)
        if path not in self.by_output:
            self.trouble(page.name, f"the link {target} leads to no page")
        elif fragment and unquote(fragment) not in self.by_output[path].anchors:
            self.trouble(
                page.name, f"the link {target} leads to no anchor of {self.by_output[path].name}"
            )

    def check_includes(self, page):
        if page.path.suffix == ".qmd":
            for name in INCLUDE.findall(page.path.read_text(encoding="utf-8")):
                for folder in (
                    page.path.parent,
                    self.root / "nbs" / PurePosixPath(page.name).parent,
                ):
                    if not (folder / name).is_file():
                        self.trouble(
                            page.name, f"includes {name}, which is not there from {folder.name}/"
                        )

    def check_cell(self, where, cell):
        source = text_of(cell["source"])
        outputs = cell.get("outputs", [])
        if any(o.get("output_type") == "error" for o in outputs):
            self.trouble(where, "a stored error")
        said = "\n".join(
            [
                source,
                *(text_of(o.get("text")) for o in outputs),
                *(
                    text_of(v)
                    for o in outputs
                    for k, v in o.get("data", {}).items()
                    if k.startswith("text/")
                ),
            ]
        )
        if found := MACHINE_PATH.search(said):
            self.trouble(
                where, f"a path of the machine: {said[found.start() : found.start() + 40]!r}"
            )
        html = "".join(text_of(o.get("data", {}).get("text/html")) for o in outputs)
        figure = any(FIGURE_TYPES & set(o.get("data", {})) for o in outputs)
        if figure and not re.search(r"^#\|\s*fig-alt:\s*\S", source, re.MULTILINE):
            self.trouble(where, "a figure without `#| fig-alt:`")
        for tag in re.findall(r"<(?:img|svg)\b[^>]*>", html):
            if not re.search(
                r"\b(?:alt|aria-label|aria-labelledby)=[\"'][^\"']+|aria-hidden=[\"']true", tag
            ):
                self.trouble(where, "a picture in HTML without a text alternative")
        if not outputs and shows(source):
            self.trouble(where, "it shows something, and no output is stored: run the notebook")


def shows(source):
    """Whether a cell surely has an output: it prints at the top level, ends in an expression that is no call, or draws."""
    if re.search(
        r"^#\|\s*(?:eval|output):\s*false", source, re.MULTILINE
    ):  # Quarto shows no output of such a cell
        return False
    try:
        body = ast.parse(
            "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))
        ).body
    except SyntaxError:
        return False
    if not body or source.rstrip().endswith(";"):
        return False
    called = [
        n.value.func.id
        for n in body
        if isinstance(n, ast.Expr)
        and isinstance(n.value, ast.Call)
        and isinstance(n.value.func, ast.Name)
    ]
    ends_in_value = isinstance(body[-1], ast.Expr) and not isinstance(
        body[-1].value, (ast.Call, ast.Constant)
    )
    return "print" in called or "show_doc" in called or ends_in_value or "fig-alt:" in source


def make_pages(root):
    """What `nbdev_docs` gives Quarto: the folder _proc/."""
    shutil.rmtree(root / "_proc", ignore_errors=True)
    shutil.copy(root / "_quarto.yml", root / "nbs")
    try:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE_PAGES],
            cwd=root,
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
    finally:
        (root / "nbs" / "_quarto.yml").unlink()
    return root / "_proc"


def pages_in(folder):
    return [
        Page(p, folder)
        for p in sorted(folder.rglob("*"))
        if p.suffix in (".ipynb", ".qmd")
        and not any(part.startswith((".", "_")) for part in p.relative_to(folder).parts)
    ]


class _Html(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.bare = set(), [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[k] for k in ("id", "name") if attrs.get(k)}
        self.links += [attrs[k] for k in ("href", "src") if attrs.get(k)]
        if (
            tag == "img"
            and not (attrs.get("alt") or "").strip()
            and attrs.get("aria-hidden") != "true"
        ):
            self.bare.append(attrs.get("src", "")[:60])


def check_site(site):
    """What is wrong with the HTML in `site`: links and anchors that lead nowhere, pictures without words."""
    parsed = {}
    for path in site.rglob("*.html"):
        parsed[path.resolve()] = _Html()
        parsed[path.resolve()].feed(path.read_text(encoding="utf-8"))
    troubles = []
    for path, html in parsed.items():
        name = path.relative_to(site.resolve()).as_posix()
        troubles += [f"{name}: the picture {src} has no text alternative" for src in html.bare]
        for target in html.links:
            if re.match(r"[\w+.-]+:|//", target):
                continue
            link, fragment = urldefrag(target)
            link = unquote(link.partition("?")[0])
            there = (
                (site / link.lstrip("/") if link.startswith("/") else path.parent / link)
                if link
                else path
            )
            there = (there / "index.html" if there.is_dir() else there).resolve()
            if not there.is_file():
                troubles.append(f"{name}: the link {target} leads nowhere")
            elif fragment and there in parsed and unquote(fragment) not in parsed[there].ids:
                troubles.append(f"{name}: the link {target} leads to no anchor")
    return troubles


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, help="check the HTML in this folder instead")
    site = parser.parse_args().site
    if site:
        count, troubles = len(list(site.rglob("*.html"))), check_site(site)
    else:
        pages = pages_in(make_pages(ROOT))
        count, troubles = len(pages), Checker(ROOT, pages).check()
    print(*troubles, sep="\n", end="\n" if troubles else "")
    print(f"{count} pages, {len(troubles)} troubles")
    return 1 if troubles or not count else 0


if __name__ == "__main__":
    sys.exit(main())
