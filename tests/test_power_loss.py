"""The power fails at any step of a run. What may be on the disk then is built, and each time the next run has to manage.

Some states of each scene; `REACH_NB_CRASH_STATES=all` tries every one. The model is in `crash_states`.

    python tests/test_power_loss.py 200 tests/results/crash_states.json

tries so many of each scene, or `all`, two scenes at a time, and writes down what came of it.
"""

import json
import logging
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from campaign import compare, left_behind, read_records
from crash_states import CrashState, Recorder

from reach_nb import DownloadRunConfig, HistoricalTelemetry, SimulatedUDL, run_download
from reach_nb.archive.checksums import read_sums, sha256_of
from reach_nb.archive.convert import Conversion, convert_archive
from reach_nb.archive.spool import spool_folder
from reach_nb.dataset import OUTPUT_FORMATS
from reach_nb.events import ChunkDone, DayWitnessed, Retrying
from reach_nb.telemetry import STATUS_DOWNLOADED

STATES = os.environ.get("REACH_NB_CRASH_STATES", "12")  # of each scene, or `all`
DAY = date(2025, 1, 1)
EMPTY_DAY = date(2025, 1, 3)
SENSOR = "REACH-135"
NOON = datetime(2025, 1, 1, 12, tzinfo=timezone.utc)
LATER = datetime(2025, 1, 1, 15, 30, tzinfo=timezone.utc)  # the same day


class Service:
    """A service with some twenty records a day, whose clock can be put back to the first day."""

    def __init__(self) -> None:
        self.now = datetime.now(timezone.utc)
        settings = {"availability": 0.0006, "outage_rate": 0.0, "late": 0.0}
        self.udl = SimulatedUDL(seed=3, no_data=(str(EMPTY_DAY),), now=lambda: self.now, **settings)

    def answer_in_part(self) -> None:
        """Two chunks of the first day are answered once with less than there is: one with half, one with nothing."""
        for kind, start in (("fewer", "00:00"), ("empty_list", "06:00")):
            self.udl.inject(kind, match=asks_for(f"{DAY}T{start}"))

    def answer_late(self, start: str = "00:00") -> None:
        """A chunk of the first day is refused once, so that the others are there before it."""
        self.udl.inject(503, match=asks_for(f"{DAY}T{start}"))

    def truth(self, day: date) -> list:
        return self.udl.expected_records(SENSOR, day, day + timedelta(days=1))


def asks_for(start: str) -> Callable[[object], bool]:
    """Whether a request asks for the records of a chunk, rather than for a count or for one record."""
    return lambda asked: (
        asked.params["obTime"].startswith(start) and asked.params.get("maxResults", "1") != "1"
    )


@pytest.fixture(scope="module")
def service():
    service = Service()
    with service.udl:
        yield service


class Acknowledging(HistoricalTelemetry):
    """Tells of every row that was acknowledged."""

    def __init__(self, path: Path, note: Callable[[object], None]) -> None:
        super().__init__(path)
        self.note = note

    def append_row(self, row):
        super().append_row(row)
        values = row if isinstance(row, dict) else vars(row)
        self.note((str(values["chunk_date_utc"]), values["status"]))


@dataclass
class Scene:
    """What is run, and where; `prepare` brings about what was there before."""

    name: str
    days: int = 1
    first: date = DAY
    elsewhere: bool = False  # whether the telemetry has a folder of its own
    prepare: Callable[["Run"], None] = lambda run: None
    replaced: int = 0  # chunks that are answered in part at first, and asked for again
    late: bool = False  # whether the first chunk comes last, so that answers wait for their turn
    now: datetime | None = None  # when it is run; the present unless given

    def __str__(self) -> str:
        return self.name


@dataclass
class Run:
    """A scene in one format, in a folder."""

    scene: Scene
    output_format: str
    service: Service
    root: Path

    def __post_init__(self) -> None:
        self.service.now = self.scene.now or datetime.now(timezone.utc)

    @property
    def config(self) -> DownloadRunConfig:
        scene = self.scene
        return DownloadRunConfig(
            scene.first,
            scene.first + timedelta(days=scene.days - 1),
            self.root / "data",
            telemetry_path=self.root / "logs" / "of" / "runs.csv" if scene.elsewhere else None,
            sensor_id=SENSOR,
            output_format=self.output_format,
            base_url=self.service.udl.base_url,
            auth_token=self.service.udl.auth_token,
            initial_rate=1000,
            max_rate=1000,
        )

    def go(self, **arguments):
        return run_download(
            self.config, progress=False, clock=lambda: self.service.now, **arguments
        )

    def prompt(self) -> None:
        """Has the service answer as the scene wants it."""
        if self.scene.replaced:
            self.service.answer_in_part()
        if self.scene.late:
            self.service.answer_late()

    def states(self) -> list[CrashState]:
        self.prompt()
        seen: list[object] = []
        with Recorder(self.root) as recorder:
            telemetry = Acknowledging(self.config.telemetry_file, recorder.note)
            self.go(telemetry=telemetry, on_event=seen.append)
        assert self.scene.replaced == asked_again(seen)
        states = list(recorder.states.values())
        assert not self.scene.late or any(map(holds_answers, states))
        return states

    def artifact(self, day: date) -> Path:
        return self.config.dataset.artifact_path(self.config.output_dir, day)

    def rows(self) -> list:
        telemetry = HistoricalTelemetry(self.config.telemetry_file)
        return list(telemetry.iter_rows())


def asked_again(events: list[object]) -> int:
    """How many chunks differed from the service's count, and were asked for again."""
    return sum(event.asked_again for event in events if isinstance(event, DayWitnessed))


def holds_answers(state: CrashState) -> bool:
    """Whether answers wait for their turn in it."""
    return any(Path(name).name.startswith("chunk-") for name in state.files)


def stop_after(run: Run, chunks: int) -> None:
    """A run that is stopped when so many chunks were appended."""
    stop = threading.Event()

    def on_event(event: object) -> None:
        if isinstance(event, ChunkDone) and event.chunks_done >= chunks:
            stop.set()

    run.go(stop=stop, on_event=on_event)


def stop_in_the_middle(run: Run) -> None:
    """A run that is stopped after two chunks, while the third is late."""
    run.service.answer_late("12:00")
    stop_after(run, 2)


def stop_when_witnessed(run: Run) -> None:
    """A run in which chunks are asked for again and replaced, and which is stopped before the file is made whole."""
    stop, seen = threading.Event(), []

    def on_event(event: object) -> None:
        seen.append(event)
        if isinstance(event, DayWitnessed):
            stop.set()

    run.service.answer_in_part()
    run.go(stop=stop, on_event=on_event)
    assert asked_again(seen) == 2 and not run.artifact(DAY).exists()


def stop_when_early(run: Run) -> None:
    """A run that is stopped when three answers wait for the first one."""
    stop, spool = threading.Event(), spool_folder(run.artifact(DAY))

    def waiting() -> int:
        return len(list(spool.glob("chunk-*")))

    def on_event(event: object) -> None:
        if isinstance(event, Retrying):
            until = time.monotonic() + 30
            while waiting() < 3 and time.monotonic() < until:
                time.sleep(0.01)
            stop.set()

    run.service.answer_late()
    run.go(stop=stop, on_event=on_event)
    assert waiting() == 3


def at_noon(act: Callable[[Run], object]) -> Callable[[Run], None]:
    def prepare(run: Run) -> None:
        later, run.service.now = run.service.now, NOON
        act(run)
        run.service.now = later

    return prepare


SCENES = [
    Scene("fresh"),
    Scene("two days", days=2),
    Scene("telemetry elsewhere", elsewhere=True),
    Scene("empty day", first=EMPTY_DAY),
    Scene("resumed", prepare=stop_in_the_middle),
    Scene("begun before it had settled", prepare=at_noon(lambda run: stop_after(run, 2))),
    Scene(
        "begun at noon, and not over", prepare=at_noon(lambda run: stop_after(run, 2)), now=LATER
    ),
    Scene("refreshed", prepare=at_noon(Run.go)),
    Scene("answers that come early", late=True),
    Scene("resumed with answers that wait", prepare=stop_when_early),
    Scene("chunks replaced", replaced=2),
    Scene("resumed with chunks replaced", prepare=stop_when_witnessed),
]


def is_whole(run: Run, day: date, truths: list[list]) -> None:
    """The file of a day holds one of the truths, and nothing else."""
    count = len(read_records(run.artifact(day)))
    truth = next((truth for truth in truths if len(truth) == count), truths[0])
    compare(run.artifact(day), truth, run.output_format)


def sums_are_true(run: Run) -> dict[str, str]:
    """The checksums that are noted; each is that of its file."""
    noted = read_sums(run.config.output_dir)
    for name, digest in noted.items():
        assert sha256_of(run.config.output_dir / name) == digest, f"the checksum of {name}"
    return noted


def check(run: Run, state: CrashState, before: dict[date, list]) -> None:
    """Builds the state, and holds it against what is promised."""
    state.build(run.root)
    check_promises(run, state.notes, before)


def check_promises(run: Run, notes: tuple, before: dict[date, list]) -> None:
    """What a crash may not break, given the rows acknowledged by then, and what the next run has to bring about."""
    days = [run.scene.first + timedelta(days=n) for n in range(run.scene.days)]
    seen = [(row.chunk_date_utc, row.status) for row in run.rows()]
    for note in notes:
        assert seen.count(note) >= notes.count(note), f"the row {note} was acknowledged"
    sums_are_true(run)
    for day in days:
        if run.artifact(day).exists():
            is_whole(run, day, [run.service.truth(day), *([before[day]] if day in before else [])])
        if (str(day), STATUS_DOWNLOADED) in seen:
            assert run.artifact(day).exists(), f"{day} is noted as downloaded, and has no file"
    summary = run.go()
    assert not summary.days_failed, [day.error for day in summary.failed]
    noted = sums_are_true(run)
    last = {row.chunk_date_utc: row for row in run.rows()}
    for day in days:
        truth = run.service.truth(day)
        if truth:
            is_whole(run, day, [truth])
            assert run.artifact(day).name in noted, f"{day} has no checksum"
            assert last[str(day)].status == STATUS_DOWNLOADED
            assert int(last[str(day)].records_downloaded) == len(truth)
        else:
            assert not run.artifact(day).exists()
            assert last[str(day)].status == "SKIPPED_NO_DATA"
    assert not [
        name for name in left_behind(run.config.output_dir) if not name.startswith("download_tel")
    ]


def explore(scene: Scene, output_format: str, service: Service, folder: Path, limit: str = STATES):
    """`(state, error)` of each state that was tried; the error is `None` where all promises hold."""
    root = folder / "recorded"
    root.mkdir()
    run = Run(scene, output_format, service, root)
    scene.prepare(run)
    before = {}
    if run.artifact(DAY).exists():
        before[DAY] = [r for r in service.truth(DAY) if r["obTime"] < NOON.isoformat()]
    states = run.states()
    chosen = states
    if limit != "all":
        chosen = random.Random(f"{scene} {output_format}").sample(
            states, min(int(limit), len(states))
        )
    found = []
    for number, state in enumerate(chosen):
        trial = Run(scene, output_format, service, folder / f"state {number}")
        trial.root.mkdir()
        try:
            check(trial, state, before)
            found.append((state, None))
        except Exception as error:  # a state that breaks a promise is told with all the others
            found.append((state, error))
        shutil.rmtree(trial.root)
    return len(states), found


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_no_crash_state_breaks_a_promise(scene, output_format, service, tmp_path):
    _, found = explore(scene, output_format, service, tmp_path)
    broken = [
        f"step {state.step}, {state.kind}: {error!r}" for state, error in found if error is not None
    ]
    assert not broken, f"{len(broken)} of {len(found)}: {broken[:3]}"


def tables(archive: Path) -> dict[str, pa.Table]:
    """What a converted archive holds; a file under a final name that is not whole is an error."""
    return {
        path.relative_to(archive).as_posix(): pq.read_table(path, partitioning=None)
        for path in archive.glob("day=*/*.parquet")
    }


def convert_states(run: Run, again: bool) -> tuple[list[CrashState], dict[str, pa.Table]]:
    """The states of a conversion of two days, of which one was converted before and has changed since if `again`."""
    source, archive = run.config.output_dir, run.root / "archive"
    run.go()
    if again:
        convert_archive(source, archive)
        first = run.artifact(DAY)
        first.write_bytes(b"".join(first.read_bytes().splitlines(keepends=True)[:-1]))
    with Recorder(run.root) as recorder:

        def on_event(done: Conversion) -> None:
            if done.status == "converted":
                recorder.note(tuple(path.relative_to(archive).as_posix() for path in done.targets))

        convert_archive(source, archive, on_event=on_event)
    return list(recorder.states.values()), tables(archive)


@pytest.mark.parametrize("again", [False, True], ids=["fresh", "again"])
def test_no_crash_state_breaks_a_conversion(again, service, tmp_path):
    """What was called converted is there and whole, no file is half of one, and the next conversion completes it."""
    run = Run(Scene("convert", days=2), "csv", service, tmp_path / "recorded")
    run.root.mkdir()
    states, whole = convert_states(run, again)
    assert len(whole) == 2
    chosen = (
        states
        if STATES == "all"
        else random.Random("convert").sample(states, min(int(STATES), len(states)))
    )
    for state in chosen:
        root = tmp_path / "state"
        state.build(root)
        archive = root / "archive"
        found = tables(archive) if archive.is_dir() else {}
        for promised in state.notes:
            assert all(found[name].equals(whole[name]) for name in promised), state.kind
        convert_archive(root / "data", archive)
        assert tables(archive) == whole, f"step {state.step}, {state.kind}"
        assert not list(archive.rglob("*.new"))
        shutil.rmtree(root)
    print(f"convert: {len(states)} states, {len(chosen)} tried")


def figures_of(scene: str, output_format: str, limit: str) -> dict[str, object]:
    """What came of a scene in one format, in a process of its own."""
    logging.disable(logging.CRITICAL)
    service = Service()
    with service.udl, tempfile.TemporaryDirectory() as folder:
        wanted = next(known for known in SCENES if known.name == scene)
        states, found = explore(wanted, output_format, service, Path(folder), limit)
    broken = [error for _, error in found if error is not None]
    for error in broken[:3]:
        print(scene, output_format, repr(error)[:300], flush=True)
    counts = {"states": states, "tried": len(found), "broken": len(broken)}
    return {"scene": scene, "format": output_format, **counts}


def main(limit: str, results: Path) -> None:
    """Tries so many states of each scene, and writes the figures down."""
    with ProcessPoolExecutor(2) as pool:
        todo = [(scene.name, kind) for scene, kind in product(SCENES, OUTPUT_FORMATS)]
        figures = []
        for found in pool.map(figures_of, *zip(*todo, strict=True), [limit] * len(todo)):
            figures.append(found)
            print(*found.values(), flush=True)
            results.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
