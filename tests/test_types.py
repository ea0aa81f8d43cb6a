"""What editors and type checkers know of the package, without running it."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import jedi
import pytest

import reach_nb

ROOT = Path(__file__).parents[1]
STUB = ast.parse((ROOT / "reach_nb" / "__init__.pyi").read_text(encoding="utf-8"))
PUBLIC = {
    alias.asname: node.module
    for node in STUB.body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
WRONG = """
from reach_nb import DownloadRunConfig, run_download
run_download("2025-01-01")
DownloadRunConfig("2025-01-01", "2025-01-02", "data", output_format="xlsx")
DownloadRunConfig(start_date=1, end_date="2025-01-02", output_dir="data")
"""


def test_the_stub_names_what_is_there():
    assert set(dir(reach_nb)) >= set(PUBLIC)
    assert sorted(reach_nb.__all__) == sorted(PUBLIC)
    for name, module in PUBLIC.items():
        home = importlib.import_module(f"reach_nb.{module}")
        assert getattr(reach_nb, name) is getattr(home, name), name


def readme_code():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """What `mypy --strict` says to a user's two files: the README's code, and wrong code."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "right.py").write_text(readme_code(), encoding="utf-8")
    (folder / "wrong.py").write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "--cache-dir", str(folder / "cache"), "right.py", "wrong.py"],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_the_readme_is_typed(strict):
    assert readme_code().count("\n") > 5
    assert "right.py" not in strict


def names_in(tree, *kinds):
    """The names of a module's definitions of some kinds."""
    for node in tree.body:
        if isinstance(node, kinds):
            yield getattr(node, "name", None) or getattr(node.target, "id", None)


def test_what_a_docstring_says_is_returned_is_known_in_its_module():
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "reach_nb").rglob("*.py"))
    }
    kinds = ast.ClassDef, ast.AnnAssign  # classes, and aliases of types
    ours = {name for tree in trees.values() for name in names_in(tree, *kinds)}
    strangers = []
    for path, tree in trees.items():
        known = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        known |= set(names_in(tree, *kinds))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                said = ast.get_docstring(function) or ""
                for kind in re.findall(r"^(?:Returns|Yields)\n-+\n(.*)$", said, re.MULTILINE):
                    words = re.findall(r"(?<![\w.])[A-Z]\w+", kind.partition(":")[0])
                    strangers += [(path, function.name, w) for w in words if w in ours - known]
    assert strangers == []


def test_wrong_use_is_found(strict):
    found = re.findall(r"wrong\.py:(\d): error", strict)
    assert found == ["3", "4", "5"], strict


def test_completion_needs_no_kernel():
    def completed(code):
        script = jedi.Script(code, project=jedi.Project(ROOT))
        return {name.name for name in script.complete()}

    assert "run_download" in completed("import reach_nb\nreach_nb.run_d")
    assert set(PUBLIC) <= completed("from reach_nb import ")
    assert "output_dir=" in completed("import reach_nb\nreach_nb.DownloadRunConfig(output_")
