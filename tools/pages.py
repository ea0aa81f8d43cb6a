"""Reads the pages of the site as nbdev makes them in _proc/: their Markdown, links, anchors and outputs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import PurePosixPath

import yaml

# what the guides leave on disk is no page
MAKE = "from nbdev.serve import proc_nbs; proc_nbs(skip_folder_re='^([_.]|reach_nb_data$)')"
LINK = re.compile(
    r"(?<!\\)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^()\s>]+(?:\([^()]*\))?)>?"
    r"(?:\s+\"[^\"]*\")?\s*\)(\{[^}]*\})?"
)
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$", re.MULTILINE)
INCLUDE = re.compile(r"\{\{<\s*include\s+(\S+)\s*>\}\}")
OWN_ID = re.compile(r"\bid=[\"']([^\"']+)[\"']|\{#([\w.:-]+)")


def text_of(value):
    return value if isinstance(value, str) else "".join(value or [])


def heading_id(heading):
    """The identifier that pandoc gives a heading."""
    if explicit := re.search(r"\{[^}]*#([\w.:-]+)[^}]*\}\s*$", heading):
        return explicit[1]
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"\s*\{[^}]*\}\s*$", "", heading))
    plain = re.sub(r"[^\w\s.-]", "", re.sub(r"[*`]", "", plain))
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", plain.strip()).lower()) or "section"


def anchors_in(texts):
    """Every anchor of a page's Markdown (a set)."""
    seen, anchors = {}, set()
    for text in texts:
        anchors |= {quoted or braced for quoted, braced in OWN_ID.findall(text)}
        for _, heading in HEADING.findall(FENCE.sub("", text)):
            anchor = heading_id(heading)
            anchors.add(f"{anchor}-{seen[anchor]}" if anchor in seen else anchor)
            seen[anchor] = seen.get(anchor, 0) + 1
    return anchors


def links_in(text):
    """`(is image, words, target, attributes)` of each Markdown link outside of code."""
    prose = FENCE.sub("", text)
    spans = [m.span() for m in CODE_SPAN.finditer(prose)]
    for match in LINK.finditer(prose):
        if not any(start <= match.start() and match.end() <= end for start, end in spans):
            yield bool(match[1]), match[2], match[3], match[4] or ""


class Page:
    """One processed page: its Markdown, its anchors, where it will be on the site."""

    def __init__(self, path, folder):
        self.path, self.name = path, path.relative_to(folder).as_posix()
        self.cells, raw = [], path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            self.cells = json.loads(raw)["cells"]
            raw = next((text_of(c["source"]) for c in self.cells if c["cell_type"] == "raw"), "")
            self.texts = [text_of(c["source"]) for c in self.cells if c["cell_type"] == "markdown"]
        else:
            self.includes = INCLUDE.findall(raw)
            self.texts = [
                INCLUDE.sub(self._included, re.sub(r"\A---.*?\n---", "", raw, flags=re.S))
            ]
        data = [o.get("data", {}) for c in self.cells for o in c.get("outputs", [])]
        self.shown = [text_of(d.get("text/markdown")) for d in data]
        self.html = [text_of(d.get("text/html")) for d in data]
        front = re.match(r"---\s*\n(.*?)\n---", raw.strip(), re.DOTALL)
        self.front = yaml.safe_load(front[1]) if front else {}
        place = self.front.get("output-file", path.stem + ".html")
        self.output = PurePosixPath(self.name).with_name(place).as_posix()
        self.anchors = anchors_in(self.texts + self.shown + self.html)

    def _included(self, match):
        there = self.path.parent / match[1]
        return there.read_text(encoding="utf-8") if there.is_file() else ""

    def outline(self):
        """The page as one Markdown text, in which `code` stands for whatever is code."""
        if not self.cells:
            return FENCE.sub("code", self.texts[0])
        kinds = [c for c in self.cells if c["cell_type"] != "raw"]
        parts = [text_of(c["source"]) if c["cell_type"] == "markdown" else "code" for c in kinds]
        return re.sub(r"<!--.*?-->", "", FENCE.sub("code", "\n\n".join(parts)), flags=re.DOTALL)


def make_pages(root):
    """What `nbdev_docs` gives Quarto: the folder _proc/."""
    shutil.rmtree(root / "_proc", ignore_errors=True)
    shutil.copy(root / "_quarto.yml", root / "nbs")
    path = os.pathsep.join([str(root / "tools"), os.environ.get("PYTHONPATH", "")])
    try:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE],
            cwd=root,
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONWARNINGS": "ignore", "PYTHONPATH": path},
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
