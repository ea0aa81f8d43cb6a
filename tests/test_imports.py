"""What the package imports, and when: matplotlib with the first picture, and never pyplot, which keeps every figure."""

import subprocess
import sys

DRAW_NOTHING = """backfill cli verify archive.reading look.by_day look.coverage look.days look.dose
    look.dose_map look.keogram look.looks look.text""".split()

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
assert sorted(pictures) == [name for name in r.__all__ if name.startswith("plot_")]
for name, shown in pictures.items():
    figure = getattr(r, name)(shown).figure
    figure._repr_mimebundle_()
    theme_svg(figure)
sys.exit("matplotlib.pyplot" in sys.modules)
"""


def run_alone(code):
    """How a process of its own ends, and what it has to say of that."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_what_draws_nothing_imports_no_matplotlib():
    rooms = ", ".join(f"reach_nb.{room}" for room in DRAW_NOTHING)
    assert run_alone(f"import sys, {rooms}; sys.exit('matplotlib' in sys.modules)") == (0, "")


def test_a_panel_is_there_before_matplotlib_could_draw():
    code = "import sys, reach_nb.panel.explorer; sys.exit('matplotlib.axes' in sys.modules)"
    assert run_alone(code) == (0, "")


def test_no_picture_needs_pyplot():
    assert run_alone(EVERY_PICTURE) == (0, "")
