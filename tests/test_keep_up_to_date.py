"""The cron line and the systemd units of the tutorial "Keep it up to date", as they stand there, tried where they would run: with hardly any environment."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from reach_nb import HistoricalTelemetry, SimulatedUDL

PAGE = Path(__file__).parents[1] / "nbs" / "tutorials" / "keep_up_to_date.ipynb"
POSIX = pytest.mark.skipif(os.name != "posix", reason="cron and systemd are for POSIX")


def blocks(language):
    """The fenced blocks of the page in a language."""
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def executable(path, text):
    """A script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@POSIX
def test_the_cron_line(tmp_path):
    (script,) = (block for block in blocks("sh") if block.startswith("#!/bin/sh"))
    (line,) = (block for block in blocks("text") if "nightly.sh" in block)
    command = line.split(maxsplit=5)[5].strip()  # after minute, hour, day, month, weekday
    executable(tmp_path / "reach" / "nightly.sh", script)
    executable(
        tmp_path / "bin" / "mail", f'#!/bin/sh\n{{ echo "$@"; cat; }} >>"{tmp_path}/mails"\n'
    )
    mails, said = tmp_path / "mails", tmp_path / "reach" / "last_night.txt"

    def night():
        """What cron does: almost no environment, /bin/sh, the home folder."""
        few = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "LOGNAME": "me"}
        done = subprocess.run(
            ["/bin/sh", "-c", command], env=few, cwd=tmp_path, capture_output=True, timeout=120
        )
        assert done.stdout + done.stderr == b"", "cron would mail this"
        return done.returncode

    with SimulatedUDL(availability=0.01, outage_rate=0.0) as service:  # any week, none without data
        start = f'PYTHONPATH="{PAGE.parents[2]}" exec "{sys.executable}" -m reach_nb "$@"'
        executable(
            tmp_path / "reach" / "venv" / "bin" / "reach_nb",
            f"#!/bin/sh\n{start} --base-url {service.base_url} --max-rate 500 --initial-rate 500\n",
        )
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login demo password wrong\n")
        netrc.chmod(0o600)
        assert night() == 2
        assert mails.read_text().startswith("-s reach_nb ended with 2 me@example.org\n")
        assert "it was found in" in mails.read_text() and "wrong" not in mails.read_text()
        netrc.write_text("machine 127.0.0.1 login demo password demo\n")
        mails.unlink()
        assert night() == 0
        assert not mails.exists()
    assert "7 days planned: 7 downloaded" in said.read_text()
    today = datetime.now(timezone.utc).date()
    state = HistoricalTelemetry(tmp_path / "reach" / "data" / "download_telemetry.csv").load_state()
    assert (today - max(state)) in (timedelta(1), timedelta(2))  # 2 where midnight came meanwhile
    assert len(state) == 7


@POSIX
def test_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there to ask")
    executable(tmp_path / "reach" / "venv" / "bin" / "reach_nb", "#!/bin/sh\n")
    units = []
    for block in blocks("ini"):
        name, _, text = block.removeprefix("# ").partition("\n")
        units.append(tmp_path / name)
        units[-1].write_text(text)
    assert [unit.suffix for unit in units] == [".service", ".timer", ".service"]
    (tmp_path / "run").mkdir()
    home = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    asked = subprocess.run(
        ["systemd-analyze", "--user", "verify", *map(str, units)],
        env=os.environ | home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "Failed to initialize manager" in asked.stderr:
        pytest.skip("systemd-analyze finds no user manager here")
    assert (asked.returncode, asked.stderr.strip()) == (0, "")
    (when,) = re.findall("OnCalendar=(.*)", "".join(blocks("ini")))
    subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True)
