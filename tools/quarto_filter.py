"""Lets a plain `quarto render` at the top of the repository show the notebooks as `nbdev_docs` does."""

import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

text = sys.stdin.read()
if "_proc" in Path.cwd().parts:  # nbdev_docs has processed it already
    sys.stdout.write(text)
    sys.exit()
os.environ["IN_TEST"] = "1"
sys.path.insert(0, str(Path(__file__).parent))  # site_pages, which settings.ini names
from execnb.nbio import dict2nb, nb2str  # noqa: E402
from nbdev.processors import FilterDefaults  # noqa: E402

notebook = dict2nb(json.loads(text))
same = (p.resolve() for p in Path().glob("*.ipynb") if p.read_text(encoding="utf-8") == text)
notebook.path_ = next(same, Path("page.ipynb"))
with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
    FilterDefaults()(notebook)
sys.stdout.write(nb2str(notebook))
