"""Checks a built wheel and sdist: check_package.py DIST

What is in them, what they say of themselves, and that each installs and works in an environment without notebook
tools, with a root import that costs next to nothing.
"""

import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from statistics import median

IMPORT_SECONDS = 0.3  # the most that `import reach_nb` may cost over bare Python


def expect(what, holds, found=""):
    if not holds:
        sys.exit(f"{what}: no. {found}")
    print(f"{what}: yes")


def check_contents(wheel, sdist):
    names = zipfile.ZipFile(wheel).namelist()
    inside = {n for n in names if n.startswith("reach_nb/")}
    foreign = [n for n in names if n not in inside and ".dist-info/" not in n]
    expect("the wheel holds the package and nothing else", not foreign, foreign)
    expect("it is marked as typed", "reach_nb/py.typed" in inside)
    root = Path(__file__).parents[1]
    files = [p for p in (root / "reach_nb").rglob("*") if p.suffix in (".py", ".pyi")]
    here = {p.relative_to(root).as_posix() for p in [*files, root / "reach_nb" / "py.typed"]}
    expect("every module is in it", inside == here, inside ^ here)
    inside = {n.partition("/")[2] for n in tarfile.open(sdist).getnames()}
    expect(
        "the sdist can be built from",
        {"setup.py", "settings.ini", "README.md", "LICENSE"} <= inside,
        inside,
    )
    expect(
        "the sdist holds no notebooks or tests",
        not [n for n in inside if n.startswith(("nbs", "tests"))],
        inside,
    )


def check_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        meta = Parser().parsestr(archive.read(name).decode())
    links = {line.split(",")[0] for line in meta.get_all("Project-URL", [])}
    expect(
        "links to docs, source, changes, issues",
        {"Documentation", "Source", "Changelog", "Issues"} <= links,
        links,
    )
    classifiers = meta.get_all("Classifier", [])
    pythons = {
        c.rpartition(" ")[2]
        for c in classifiers
        if c.startswith("Programming Language :: Python :: 3.")
    }
    expect(
        "classifiers of every Python",
        {"3.10", "3.11", "3.12", "3.13", "3.14"} <= pythons,
        classifiers,
    )
    expect(
        "an entry point for nbdev's links",
        "reach_nb._modidx:d" in archive_text(wheel, "entry_points.txt"),
    )


def archive_text(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith(ending))).decode()


def seconds(python, code, folder):
    """The median over seven runs of what `code`, which prints seconds, prints."""
    return median(
        float(
            subprocess.run(
                [python, "-c", code], cwd=folder, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(7)
    )


def check_installed(package, folder, *options):
    scripts = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = next(p for p in (scripts / "python.exe", scripts / "python") if p.exists())
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--quiet"]
    subprocess.run([*pip, *options, package], check=True)

    def run(*command):
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    version = run(python, "-c", "import reach_nb; print(reach_nb.__version__)")
    expect(f"{package.name} installs and is imported", version in package.name, version)
    expect("`reach_nb --version`", version in run(next(scripts.glob("reach_nb*")), "--version"))
    expect("`python -m reach_nb --version`", version in run(python, "-m", "reach_nb", "--version"))
    names = "import reach_nb\nfor name in reach_nb.__all__: getattr(reach_nb, name)\nprint(len(reach_nb.__all__))"
    print(f"{run(python, '-c', names)} public names are imported")
    start = "import time; t = time.perf_counter(); "
    cost = seconds(python, start + "import reach_nb; print(time.perf_counter() - t)", folder)
    expect(
        f"`import reach_nb` costs {1000 * cost:.1f} ms, under {1000 * IMPORT_SECONDS:.0f}",
        cost < IMPORT_SECONDS,
    )


def main(dist):
    wheel, sdist = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
    check_contents(wheel, sdist)
    check_metadata(wheel)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder) / "venv", with_pip=True)
        check_installed(wheel.resolve(), Path(folder))
        check_installed(
            sdist.resolve(), Path(folder), "--force-reinstall", "--no-deps"
        )  # in place of the wheel


if __name__ == "__main__":
    main(Path(sys.argv[1]))
