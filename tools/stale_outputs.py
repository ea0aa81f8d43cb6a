"""Says which stored outputs of the pages are not what their code says now: stale_outputs.py [NOTEBOOK…]

All pages, or those that are named, are run in a copy of the project, and their texts are held against those that are
stored. What differs from run to run is not looked at: times, sizes, folders, ports, ids. No picture is compared.
"""

import difflib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
# what is hidden, what is made, and what the guides and the demo leave on disk
LEFT_OUT = shutil.ignore_patterns(".*", "_proc", "_docs", "__pycache__", "reach_nb_d*")
UNITS = "s|ms|µs|min|h|seconds?|minutes?|hours?|kB|MB|GB|KiB|MiB|GiB"
VOLATILE = {
    r"(?<![\w.])/[\w./-]*?/tmp\w{8}|\btmp\w{8}": "FOLDER",
    r"(?<=127\.0\.0\.1:)\d+": "PORT",
    r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "ID",
    r" at 0x[0-9a-f]+": "",
    r'\bid="[^"]*"': 'id="ID"',
    r"(?<!\d[T ])\b\d\d:\d\d:\d\d\b": "TIME",  # without a date
    rf"\b\d[\d,.]*\s?(?=(?:{UNITS})\b)": "N ",
}


def steady(text: str) -> str:
    """A text, with one word in place of each kind of what differs from run to run."""
    for pattern, word in VOLATILE.items():
        text = re.sub(pattern, word, text)
    return text


def shown(cell: dict) -> str:
    """All text that the outputs of a cell show; a picture in HTML is none."""
    parts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        shown = ["".join(data[kind]) + "\n" for kind in sorted(data) if kind.startswith("text/")]
        parts += [text for text in shown if "<svg" not in text]
        parts.append("".join(output.get("text", "")))  # one stream may come in pieces
    return "".join(parts)


def differences(stored: dict, fresh: dict) -> Iterator[str]:
    """What each cell shows otherwise than it is stored, as lines that are gone and lines that are new."""
    for number, (old, new) in enumerate(zip(stored["cells"], fresh["cells"], strict=True), 1):
        before, after = (steady(shown(cell)).splitlines() for cell in (old, new))
        if before != after:
            lines = difflib.unified_diff(before, after, lineterm="", n=0)
            changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
            yield "\n".join([f"cell {number}", *changed])


def run(path: Path, root: Path) -> dict:
    """A page of a copy of the project, run in its folder with the modules of the copy."""
    import nbformat  # two seconds
    from nbclient import NotebookClient

    page = nbformat.read(path, as_version=4)
    told = page.copy()
    told.cells = [cell for cell in page.cells if "nbdev_export(" not in cell.source]
    client = NotebookClient(told, timeout=600, store_widget_state=False, kernel_name="python3")
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.execute(env=os.environ | {"PYTHONPATH": str(root)})
    return page


def stale(name: Path, root: Path, copy: Path) -> list[str]:
    """What a page shows otherwise, or why it could not be run."""
    stored = json.loads((root / name).read_text(encoding="utf-8"))
    try:
        found = differences(stored, run(copy / name, copy))
        return [f"{name.as_posix()}, {difference}" for difference in found]
    except Exception as error:
        why = (str(error).strip() or repr(error)).splitlines()[-1]
        return [f"{name.as_posix()} does not run: {why}"]


def main(names: list[str], root: Path = ROOT) -> int:
    """How many outputs are stale."""
    paths = [Path(name).resolve() for name in names] or sorted((root / "nbs").rglob("[!.]*.ipynb"))
    pages = [path.relative_to(root) for path in paths if ".ipynb_checkpoints" not in path.parts]
    count = 0
    with TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        copy = Path(shutil.copytree(root, Path(folder) / "copy", ignore=LEFT_OUT))
        for found in pool.map(partial(stale, root=root, copy=copy), pages):
            count += len(found)
            print(*found, sep="\n\n", end="\n\n" if found else "", flush=True)
    return count


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
