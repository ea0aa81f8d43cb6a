"""A folder that was moved, copied, or is used from elsewhere is as good as before; what is not there is told truthfully."""

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from campaign import START, day_after
from test_edges import config_for, rows_of

from reach_nb import (
    Dataset,
    DownloadRunConfig,
    HistoricalTelemetry,
    plan_run,
    read_archive,
    run_download,
    verify_archive,
)
from reach_nb.cli import main
from reach_nb.dataset import OUTPUT_FORMATS
from reach_nb.day.runlock import run_lock
from reach_nb.errors import RunLockedError
from reach_nb.events import ChunkDone
from reach_nb.telemetry import COLUMNS

SENSOR = "REACH-135"
DAYS = ["--start-date", str(START), "--end-date", str(day_after(START))]


@pytest.fixture
def at(service, tmp_path, monkeypatch):
    """Runs a command line in a folder of its own, with the login of the service; the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASICAUTH", service.auth_token)

    def run(*argv):
        return main([str(a) for a in argv])

    run.download = ["download", "--base-url", service.base_url, "--sensor-id", SENSOR, *DAYS]
    run.download += ["--initial-rate", "25", "--output-dir"]
    return run


def test_a_folder_that_was_moved(at, service, tmp_path, monkeypatch, capsys):
    """By its new name, from its telemetry file, and from another working directory."""
    assert at(*at.download, "a") == 0
    shutil.move("a", "c")
    (tmp_path / "elsewhere").mkdir()
    for folder in (tmp_path, tmp_path / "elsewhere"):
        monkeypatch.chdir(folder)
        there = os.path.relpath(tmp_path / "c")
        for command in ("status", "verify"):
            for flags in (
                ["--output-dir", there],
                ["--telemetry-file", f"{there}/download_telemetry.csv"],
            ):
                capsys.readouterr()
                assert at(command, *flags) == 0
                said = capsys.readouterr().out
                assert "2 artifacts" in said if command == "status" else "all agree" in said
                assert "gone" not in said
        asked = len(service.requests)
        assert at(*at.download, there) == 0
        assert len(service.requests) == asked


def test_an_artifact_that_only_the_noted_path_has(at, service, tmp_path, capsys):
    """The day is not fetched again, and everybody says where it is."""
    assert at(*at.download, "a") == 0
    artifact = next(Path("a").glob(f"*{START:%Y%m%d}T000000_*"))
    Path("b").mkdir()
    shutil.copy("a/download_telemetry.csv", "b")
    asked, elsewhere = len(service.requests), str(tmp_path / "a")
    capsys.readouterr()
    assert at(*at.download, "b", "--dry-run") == 0
    assert capsys.readouterr().out.count(elsewhere) == 2
    assert at(*at.download, "b") == 0 and len(service.requests) == asked
    assert at("status", "--output-dir", "b") == 0
    assert elsewhere in capsys.readouterr().out
    assert at("verify", "--output-dir", "b") == 1
    said = capsys.readouterr().out
    assert said.count("elsewhere") == 2 and f"{START}" in said and str(artifact.name) in said


@pytest.mark.parametrize("kind", OUTPUT_FORMATS)
def test_what_status_finds_is_read(kind, at, tmp_path, capsys):
    """Under the noted name, beside the telemetry or at the noted path: it is read and converted."""
    assert at(*at.download, "a", "--output-format", kind) == 0
    whole = read_archive("a", *DAYS[1::2])
    first, second = sorted(Path("a").glob(f"REACH-*.{kind}"))
    telemetry = HistoricalTelemetry("a/download_telemetry.csv")
    later = {"started_at_utc": "2099-01-01T00:00:00.000000+00:00"}
    Path("attic").mkdir()
    for artifact, place in ((first, f"a/mine.{kind}"), (second, f"attic/{second.name}")):
        artifact.rename(place)
        (day,) = (d for d, r in telemetry.load_state().items() if artifact.name in r.csv_path)
        row = replace(telemetry.load_state()[day], csv_path=str(tmp_path / place), **later)
        telemetry.append_row(row)
    shutil.move("a", "b")
    capsys.readouterr()
    assert at("status", "--output-dir", "b") == 0
    assert "2 artifacts" in capsys.readouterr().out
    pd.testing.assert_frame_equal(read_archive("b", *DAYS[1::2]), whole)
    assert at("convert", "b", "c") == 0, capsys.readouterr()
    pd.testing.assert_frame_equal(read_archive("c", *DAYS[1::2]), whole)


def test_days_of_two_services_meet_with_a_word(at, tmp_path, capsys):
    """Those of a simulator are not passed over in silence by a run against the real service."""
    assert at(*at.download, "data") == 0
    assert "holds days from" not in capsys.readouterr().err
    dry = ["download", "--sensor-id", SENSOR, *DAYS, "--output-dir", "data", "--dry-run"]
    assert at(*dry) == 0
    said = capsys.readouterr().err
    assert "data holds days from this-machine, and this run asks unifieddatalibrary.com" in said
    (tmp_path / "data" / ".from-unifieddatalibrary.com").touch()
    assert at(*at.download, "data") == 0
    said = capsys.readouterr().err
    assert "data holds days from unifieddatalibrary.com, and this run asks this-machine" in said


def test_the_working_directory_changes_under_way(service, tmp_path, monkeypatch):
    """A run holds absolute paths from its first moment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    config = replace(config_for(service, "data", 3), max_concurrent_requests=1)
    moved = threading.Event()

    def move(event):
        if isinstance(event, ChunkDone) and not moved.is_set():
            moved.set()
            os.chdir(tmp_path / "other")

    assert run_download(config, on_event=move, progress=False).days_downloaded == 3
    assert moved.is_set() and not list((tmp_path / "other").iterdir())
    left = sorted(path.suffix for path in (tmp_path / "data").iterdir())
    assert left == ["", "", *[".csv"] * 4, *[".lock"] * 2]  # sums, origin, artifacts, telemetry
    monkeypatch.chdir(tmp_path)
    assert {Path(row.csv_path).parent for row in rows_of(config) if row.csv_path} == {
        tmp_path / "data"
    }


def test_home_is_expanded(service, tmp_path, monkeypatch):
    """`~` is the home folder for a function, the command line, and a telemetry file."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    config = config_for(service, "~/reach", 1)
    assert run_download(config, progress=False).days_downloaded == 1
    folder = ["--output-dir", "~/reach"]
    assert main(["status", *folder]) == main(["verify", *folder]) == 0
    assert len(HistoricalTelemetry("~/reach/download_telemetry.csv").load_state()) == 1
    assert not Path("~").exists() and (tmp_path / "home" / "reach").is_dir()


def test_a_folder_of_another_system(tmp_path):
    """The telemetry was written on Windows, with a path of that machine."""
    config = DownloadRunConfig(START, START, tmp_path, sensor_id=SENSOR)
    name = "taken_over.csv"
    (tmp_path / name).write_text("a,b\r\n1,2\r\n")
    row = {"chunk_date_utc": START, "status": "DOWNLOADED", "csv_path": rf"C:\data\{name}"}
    stamp = {"started_at_utc": "2025-02-01T00:00:00.000000+00:00"}
    HistoricalTelemetry(config.telemetry_file).append_row({**row, **stamp, **vars(config.dataset)})
    (planned,) = plan_run(config)
    assert (planned.action, planned.artifact) == ("skip_existing", tmp_path / name)
    assert verify_archive(HistoricalTelemetry(config.telemetry_file), sensor_id=SENSOR) == []


def test_rows_of_later_stages(service, tmp_path, capsys):
    """A failed later stage had an artifact; a day that was never downloaded misses none."""
    config = config_for(service, tmp_path, 2)
    run_download(config, progress=False)
    telemetry = HistoricalTelemetry(config.telemetry_file)
    done = telemetry.load_state()
    later = {"started_at_utc": "2099-01-01T00:00:00.000000+00:00"}
    first = done[START]
    telemetry.append_row(replace(first, status="FAILED", error_type="CdfError", **later))
    never = {"chunk_date_utc": day_after(START, 5), "status": "SKIPPED_NO_INPUT"}
    telemetry.append_row({**never, **later, **vars(config.dataset)})
    assert main(["verify", "--output-dir", str(tmp_path)]) == 0, capsys.readouterr().out
    second = done[day_after(START)]
    telemetry.append_row(replace(second, status="SKIPPED_NO_INPUT", csv_path="", **later))
    Path(second.csv_path).unlink()
    capsys.readouterr()
    assert main(["verify", "--output-dir", str(tmp_path)]) == 1
    assert f"{day_after(START)}  missing" in capsys.readouterr().out


def test_a_day_that_was_written_off_wrongly(at, service, tmp_path, capsys):
    """`verify --count` asks about days without data, too."""
    telemetry = HistoricalTelemetry(tmp_path / "a" / "download_telemetry.csv")
    row = {"chunk_date_utc": START, "status": "SKIPPED_NO_DATA", **vars(Dataset(SENSOR))}
    telemetry.append_row({**row, "started_at_utc": "2025-02-01T00:00:00.000000+00:00"})
    check = ["verify", "--output-dir", "a", "--base-url", service.base_url]
    assert at(*check) == 0
    capsys.readouterr()
    assert at(*check, "--count") == 1
    said = capsys.readouterr().out
    held = service.expected_count(SENSOR, START, day_after(START))
    assert f"{START}  count" in said and f"{held} records" in said


def test_dates_that_a_spreadsheet_rewrote(at, tmp_path, capsys):
    """Nothing is fetched again without a word: the file is refused, and the message says why."""
    assert at(*at.download, "a") == 0
    path = tmp_path / "a" / "download_telemetry.csv"
    for day in (START, day_after(START)):
        text = path.read_text().replace(f",{day},", f",{day.month}/{day.day}/{day.year},")
        path.write_text(text)
        capsys.readouterr()
        if day == START:  # some can be read: the others are counted, once, without a flag
            for command in ([*at.download, "a", "--dry-run"], ["status", "--output-dir", "a"]):
                assert at(*command) == 0
                said = capsys.readouterr().err
                assert said.count("\n") == 1 and "2 rows passed over" in said, said
    for command in ([*at.download, "a"], ["status", "--output-dir", "a"]):
        assert at(*command) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "'1/1/2025'" in said and "spreadsheet" in said, said
    assert at("verify", "--output-dir", "a") == 2


def test_some_dates_that_cannot_be_read_are_counted(tmp_path, caplog):
    config = DownloadRunConfig(START, day_after(START), tmp_path, sensor_id=SENSOR)
    telemetry = HistoricalTelemetry(config.telemetry_file)
    for day in (str(START), "1/2/2025", "1/3/2025"):
        telemetry.append_row({"chunk_date_utc": day, "status": "FAILED", **vars(config.dataset)})
    for _ in range(2):
        assert [planned.action for planned in plan_run(config, telemetry)] == ["skip_failed", "run"]
    (record,) = caplog.records
    assert "2 rows" in record.getMessage() and "'1/2/2025'" in record.getMessage()


def test_a_product_has_its_own_time_to_settle(tmp_path):
    """PROVISIONAL appears up to 99 days late: a day that has nothing yet is not written off."""
    config = DownloadRunConfig(START, START, tmp_path, sensor_id=SENSOR, descriptor="provisional")
    assert config.descriptor == "PROVISIONAL"
    row = {"chunk_date_utc": START, "status": "SKIPPED_NO_DATA", **vars(config.dataset)}
    HistoricalTelemetry(config.telemetry_file).append_row(
        {**row, "started_at_utc": "2025-01-10T00:00:00.000000+00:00"}
    )

    def action(now, **changes):
        from datetime import datetime

        moment = datetime.fromisoformat(f"{now}+00:00")
        return plan_run(replace(config, **changes), now=moment)[0].action

    assert action("2025-01-10T12:00:00") == "skip_terminal"
    assert action("2025-01-11T12:00:00") == "run"  # noted more than a day ago, not settled yet
    assert action("2025-06-01T00:00:00") == "run"  # settled since: one refresh
    assert action("2025-06-01T00:00:00", settle_hours=0) == "skip_terminal"
    assert action("2025-06-01T00:00:00", descriptor="QUICKLOOK", settle_hours=None) == "run"


def test_status_of_many_datasets_is_one_pass(tmp_path, capsys, monkeypatch):
    telemetry = tmp_path / "download_telemetry.csv"
    from reach_nb.telemetry import COLUMNS

    lines = [",".join(COLUMNS)]
    for n in range(12):
        for day in range(1, 32):
            row = dict.fromkeys(COLUMNS, "")
            row |= {"chunk_date_utc": f"2025-01-{day:02}", "status": "FAILED"}
            row |= {"sensor_id": f"REACH-{n}", "descriptor": "QUICKLOOK", "output_format": "csv"}
            lines.append(",".join(row.values()))
    telemetry.write_text("\n".join(lines) + "\n")
    opened = []
    real = open

    def counting(file, *args, **kwargs):
        if str(file) == str(telemetry):
            opened.append(file)
        return real(file, *args, **kwargs)

    monkeypatch.setattr("builtins.open", counting)
    for command in ("status", "verify"):
        opened.clear()
        main([command, "--output-dir", str(tmp_path)])
        assert capsys.readouterr().out.count("REACH-11") >= 1
        assert 1 <= len(opened) <= 2, (command, len(opened))


def test_one_bad_row_costs_one_line(at, service, tmp_path, capsys):
    """An id that is none, a day of year 9999, escape sequences: nothing of it reaches a terminal."""
    assert at(*at.download, "a") == 0
    telemetry = HistoricalTelemetry("a/download_telemetry.csv")
    row = telemetry.load_state()[START]
    capsys.readouterr()
    assert at("status", "--output-dir", "a") == 0
    usual = capsys.readouterr().out
    escape = "\x1b[2J\x1b]0;all is well\x07"
    for changes in (
        {"sensor_id": f"../../{escape}"},
        {"output_format": escape},
        {"chunk_date_utc": "9999-12-31"},
        {"chunk_date_utc": f"2025{escape}"},
    ):
        telemetry.append_row(replace(row, **changes))
    for command, lines in (("status", usual), ("verify", "2 days, all agree\n")):
        assert at(command, "--output-dir", "a") == 0
        said = capsys.readouterr()
        assert lines in said.out or lines.strip() in said.out
        more = said.out.count("\n") - (lines.count("\n"))
        assert (more, said.err.count("\n")) == (2, 1), said
        assert said.out.count("passed over") == 2 and "2 rows passed over" in said.err
        assert (said.out + said.err).replace("\n", "").isprintable()


def test_a_hostile_error_is_shown_and_not_obeyed(at, tmp_path, capsys):
    """In the words of status, verify, a plan, and the log."""
    config = DownloadRunConfig(START, START, tmp_path / "a", sensor_id=SENSOR)
    row = {"chunk_date_utc": START, "sensor_id": SENSOR, **vars(config.dataset)}
    hostile = "\x1b[2Jall agree\u202e"
    telemetry = HistoricalTelemetry(config.telemetry_file)
    for status in ("FAILED", "DOWNLOADED"):
        telemetry.append_row(
            {**row, "status": status, "error_type": hostile, "error_message": hostile}
        )
        for command in (
            ["status", "--output-dir", "a"],
            ["verify", "--output-dir", "a"],
            [*at.download, "a", "--dry-run", "-vv"],
        ):
            capsys.readouterr()
            assert at(*command) in (0, 1)
            said = "".join(capsys.readouterr())
            assert said.replace("\n", "").isprintable(), (command, said)
            assert r"\x1b[2J" in said or "verify" in command or status == "DOWNLOADED"


def test_a_remark_is_shown(at, tmp_path, capsys):
    """A day that is there, but the service counts otherwise; until its count agrees."""
    assert at(*at.download, "a") == 0
    telemetry = HistoricalTelemetry("a/download_telemetry.csv")
    remark = "the service counts 32,294 records, 32,100 were received"
    later = {"started_at_utc": "2099-01-01T00:00:00.000000+00:00", "error_message": remark}
    telemetry.append_row(replace(telemetry.load_state()[START], **later))
    capsys.readouterr()
    assert at("status", "--output-dir", "a") == 0
    assert f"  {START} {remark}\n" in capsys.readouterr().out
    assert at("verify", "--output-dir", "a") == 1
    assert f"{START}  remark     {remark}" in capsys.readouterr().out
    assert at("verify", "--output-dir", "a", "--count", *at.download[1:3]) == 0


def test_telemetry_in_another_folder(at, tmp_path, capsys):
    """Both places are told, and the folder has to be whole; or the telemetry alone."""
    assert at(*at.download, "a", "--telemetry-file", "log/t.csv") == 0
    for flags in (["--telemetry-file", "log/t.csv"], ["--output-dir", "a"]):
        capsys.readouterr()
        both = [*flags, "--telemetry-file", "log/t.csv"]
        assert at("verify", *both) == 0, capsys.readouterr().out
        assert at("status", *both) == 0
        assert "2 artifacts" in capsys.readouterr().out
    next(Path("a").glob("*.csv")).unlink()
    assert at("verify", "--output-dir", "a", "--telemetry-file", "log/t.csv") == 1
    assert at("status") == at("verify") == 2


@pytest.mark.skipif(os.name != "posix", reason="a shell of its own")
def test_closed_pipes_and_no_standard_error(at, service, tmp_path):
    """`status | head -1`, `2>&-`: no error, and the exit code is what it would have been."""
    assert at(*at.download, "a") == 0
    program = f"{sys.executable} -m reach_nb"
    for shell, code in (
        (f"set -o pipefail; {program} status --output-dir a | head -1", 0),
        (f"set -o pipefail; {program} verify --output-dir a | true", 0),
        (f"{program} {' '.join(at.download)} b >&- 2>&-", 0),
        (f"{program} status --output-dir nowhere 2>&-", 2),
    ):
        ran = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (code, ""), (shell, ran)
    assert len(list(Path("b").glob("*.csv"))) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_that_forks_under_way(service, tmp_path):
    """A child that lives on holds no lock of its parent's run."""
    import signal

    config, children = config_for(service, tmp_path, 1), []

    def fork(event):
        if isinstance(event, ChunkDone) and not children:
            if not (child := os.fork()):
                signal.pause()
            children.append(child)

    try:
        assert run_download(config, on_event=fork, progress=False).days_downloaded == 1
        assert run_download(config, progress=False).days_skipped_existing == 1
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_crash_blocks_nobody_though_its_children_live_on(tmp_path):
    """A pool's workers that outlive a killed process hold no lock of it: a run can begin."""
    import signal

    telemetry = tmp_path / "download_telemetry.csv"
    telemetry.write_text(",".join(COLUMNS) + "\n")
    program = (
        "import os, signal, sys\n"
        "from reach_nb.day.runlock import run_lock\n"
        "with run_lock(sys.argv[1]):\n"
        "    if child := os.fork():\n"
        "        print(child, flush=True)\n"
        "        signal.pause()\n"
        "    os.close(1)\n"
        "    signal.pause()\n"
    )
    command = [sys.executable, "-c", program, str(telemetry)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        try:
            with pytest.raises(RunLockedError), run_lock(telemetry):
                pass
            parent.kill()
            parent.wait()
            with run_lock(telemetry):
                os.kill(child, 0)  # it is there
        finally:
            os.kill(child, signal.SIGKILL)
