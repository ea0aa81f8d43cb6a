"""What the package imports, and when: matplotlib with the first picture, and never pyplot, which keeps every figure."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1] / "reach_nb"
STUB = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
DRAW = {"look.figures", "look.cell_pictures", "demo"} | {
    node.module
    for node in STUB.body
    if isinstance(node, ast.ImportFrom)
    if any(alias.name.startswith("plot_") for alias in node.names)
}
ROOMS = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in sorted(ROOT.rglob("*.py"))
    if not path.name.startswith("_")
]
DRAW_NOTHING = [room for room in ROOMS if room not in DRAW and not room.startswith("panel.")]
IMPORT_EACH = """
import importlib, sys
for room in sys.argv[1:]:
    importlib.import_module(f"reach_nb.{room}")
    if "matplotlib" in sys.modules:
        sys.exit(f"{room} imports matplotlib: if it draws, DRAW of tests/test_imports.py names it")
"""

EVERY_PICTURE = """
import sys, tempfile
import reach_nb as r
from reach_nb.look.figures import theme_svg

one = {"sensor_id": "REACH-169", "output_format": "json"}
with r.SimulatedUDL(seed=1, availability=0.05) as udl, tempfile.TemporaryDirectory() as folder:
    access = {"auth_token": udl.auth_token, "base_url": udl.base_url}
    config = r.DownloadRunConfig("2025-01-31", "2025-01-31", folder, **one, **access)
    plan = r.plan_run(config)
    r.run_download(config, progress=False)
    readings = r.read_archive(folder, "2025-01-31", "2025-01-31", **one)
    days = r.availability_frame(config.telemetry_file)
pictures = {
    "plot_days": days,
    "plot_calendar": days,
    "plot_plan": plan,
    "plot_rate": [(0, 5, "start")],
    "plot_sensor_days": r.sensor_days(readings),
    "plot_gaps": r.gaps(readings),
    "plot_dose_series": readings,
    "plot_daily_dose": r.daily_dose(readings),
    "plot_dose_map": r.dose_map(readings, flavor="X"),
    "plot_keogram": r.keogram(readings, "X"),
}
missing = {name for name in r.__all__ if name.startswith("plot_")} - pictures.keys()
assert not missing, f"EVERY_PICTURE of tests/test_imports.py does not draw {missing}"
for name, shown in pictures.items():
    figure = getattr(r, name)(shown).figure
    figure._repr_mimebundle_()
    theme_svg(figure)
if "matplotlib.pyplot" in sys.modules:
    sys.exit("a picture imports pyplot")
"""


def run_alone(code, *arguments):
    """Run code in a process of its own, which has to end well and without a word."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_what_draws_nothing_imports_no_matplotlib():
    run_alone(IMPORT_EACH, *DRAW_NOTHING)


def test_a_panel_is_there_before_matplotlib_could_draw():
    run_alone(
        "import sys, reach_nb.panel.explorer\n"
        "if 'matplotlib.axes' in sys.modules: sys.exit('the explorer imports matplotlib.axes')"
    )


def test_no_picture_needs_pyplot():
    run_alone(EVERY_PICTURE)


def test_help_is_there_before_what_asks_or_reads_is_imported():
    run_alone(
        "import sys, reach_nb.cli as cli\n"
        "cli.make_parser()\n"
        "heavy = {'requests', 'numpy', 'pandas', 'astropy'} & set(sys.modules)\n"
        "if heavy: sys.exit(f'the parser imports {heavy}')"
    )
