"""Losses of power under real file systems: a disk is recorded during a run, and looked at as it was at moments in between.

    sudo python tests/power_cuts.py 36 tests/results/power_cuts.json

cuts so many times in each scene and format on ext4, XFS and btrfs. Each time the file system is mounted as the cut left
it, and held against what `test_power_loss` promises. A neighbour on the same disk writes all the while. It syncs one file
after each row: a row that was promised there and is lost is the method's fault, or the file system's. Now and then it only
looks lost, and the same disk, mounted again, has it; so a second look counts. Another file it never syncs: if no row of that
were lost, the method would prove nothing. It needs Linux, root and the tools that make file systems.
"""

import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import product
from pathlib import Path

from recorded_disk import (
    Entry,
    Marked,
    RecordedDisk,
    Written,
    kept_writes,
    mounted,
    recorded_disk,
)
from test_power_loss import (
    DAY,
    NOON,
    SCENES,
    Acknowledging,
    Run,
    Service,
    check_promises,
)

from reach_nb.dataset import OUTPUT_FORMATS

FILE_SYSTEMS = {
    "ext4": ("64M", "mkfs.ext4 -q -E nodiscard"),
    "xfs": ("64M", "mkfs.xfs -q -K --unsupported"),
    "btrfs": ("128M", "mkfs.btrfs -q -K"),
}
WAYS = ("all", "none", "some", "last")  # what is kept of what was not flushed


def rows_in(path: Path) -> int:
    """How many of the neighbour's rows are there, from the first without a gap."""
    data = path.read_bytes() if path.exists() else b""
    count = 0
    while data[7 * count : 7 * count + 7] == b"%06d\n" % count:
        count += 1
    return count


@contextmanager
def neighbour(folder: Path, disk: RecordedDisk) -> Iterator[None]:
    """Somebody who appends rows to two files, of which he syncs one, while the `with` lasts."""
    over = threading.Event()

    def write() -> None:
        count = 0
        with open(folder / "synced", "ab", 0) as synced, open(folder / "loose", "ab", 0) as loose:
            while not over.wait(0.005):
                for file in (synced, loose):
                    file.write(b"%06d\n" % count)
                os.fsync(synced.fileno())
                count += 1
                disk.mark(count)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Cuts:
    """A scene on a file system, and what cuts of its power leave.

    Parameters
    ----------
    run : Run
        Its root is in `folder`.
    folder : Path
        Where the file system is mounted.
    scratch : Path
        Room for images.
    kind : str
        A key of `FILE_SYSTEMS`.
    """

    def __init__(self, run: Run, folder: Path, scratch: Path, kind: str) -> None:
        self.run, self.folder, self.kind = run, folder, kind
        self.image, self.left = scratch / "image", scratch / "left"
        self.disk_folder = scratch / "recorded"
        self.before: dict[date, list] = {}

    def record(self) -> list[Entry]:
        """The log of the disk during the run; what was before it is in the image."""
        size, make = FILE_SYSTEMS[self.kind]
        self.image.unlink(missing_ok=True)
        subprocess.run(["truncate", "-s", size, self.image], check=True)
        subprocess.run([*make.split(), self.image], check=True, capture_output=True)
        with mounted(self.image, self.folder):
            self.run.root.mkdir()
            self.run.scene.prepare(self.run)
            if self.run.artifact(DAY).exists():
                truth = self.run.service.truth(DAY)
                self.before = {DAY: [r for r in truth if r["obTime"] < NOON.isoformat()]}
            for name in ("synced", "loose"):
                (self.folder / name).touch()
        self.run.prompt()
        with recorded_disk(self.image, self.disk_folder) as disk:
            with mounted(disk.path, self.folder):
                telemetry = Acknowledging(self.run.config.telemetry_file, disk.mark)
                with neighbour(self.folder, disk):
                    self.run.go(telemetry=telemetry)
                disk.mark("over")
            return disk.log()

    def put_together(self, kept: list[Written]) -> None:
        """The disk that a cut left, as an image."""
        subprocess.run(["cp", "--sparse=always", self.image, self.left], check=True)
        with open(self.left, "r+b", 0) as file:
            for written in kept:
                file.seek(written.start)
                file.write(written.data)

    def look(
        self, log: list[Entry], position: int, way: str, chance: random.Random
    ) -> Counter[str]:
        """What came of one cut; it is mounted once more if a synced row of the neighbour seems lost."""
        kept = kept_writes(log, position, way, chance)
        marks = [entry.note for entry in log[:position] if isinstance(entry, Marked)]
        promised = max((note for note in marks if isinstance(note, int)), default=0)
        cut = f"{self.kind}, {self.run.scene}, entry {position}, {way}"
        self.put_together(kept)
        with mounted(self.left, self.folder):
            synced = rows_in(self.folder / "synced")
            if synced >= promised:
                return self.found_in_it(marks, promised, cut)
            print(f"{cut}: the neighbour has {synced} of {promised} rows; once more", flush=True)
        self.put_together(kept)
        with mounted(self.left, self.folder):
            return self.found_in_it(marks, promised, cut)

    def found_in_it(self, marks: list[object], promised: int, cut: str) -> Counter[str]:
        """What is there of what was promised, in the file system that is mounted."""
        rows = tuple(note for note in marks if isinstance(note, tuple))
        found = Counter(
            cuts=1,
            before_the_last_row=len(rows) < 2 * self.run.scene.days,
            neighbour_lost=rows_in(self.folder / "synced") < promised,
            unsynced_lost=rows_in(self.folder / "loose") < promised,
            broken=0,
        )
        try:
            check_promises(self.run, rows, self.before)
        except Exception as error:
            found["broken"] += 1
            print(f"{cut}: {error!r}"[:400], flush=True)
        return found


def figures_of(cuts: Cuts, number: int, chance: random.Random) -> Counter[str]:
    """What came of so many cuts at moments of a run, drawn by chance."""
    log = cuts.record()
    over = log.index(Marked("over"))
    found: Counter[str] = Counter()
    for n in range(number):
        found.update(cuts.look(log, chance.randint(1, over), WAYS[n % len(WAYS)], chance))
    return found


def figures_in(kind: str, output_format: str, number: int) -> dict[str, object]:
    """What came of so many cuts in each scene on a file system, in a process of its own."""
    logging.disable(logging.CRITICAL)
    service, found = Service(), Counter[str]()
    chance = random.Random(f"{kind} {output_format}")
    with service.udl, tempfile.TemporaryDirectory(dir="/dev/shm") as room:
        folder = Path(room) / "mounted"
        for name in ("mounted", "recorded"):
            (Path(room) / name).mkdir()
        for scene in SCENES:
            run = Run(scene, output_format, service, folder / "run")
            found.update(figures_of(Cuts(run, folder, Path(room), kind), number, chance))
    return {"file system": kind, "format": output_format, **found}


def main(number: int, results: Path) -> int:
    """How many cuts broke a promise."""
    kinds, formats = zip(*product(FILE_SYSTEMS, OUTPUT_FORMATS), strict=True)
    figures = []
    with ProcessPoolExecutor(3) as pool:
        for found in pool.map(figures_in, kinds, formats, [number] * len(kinds)):
            figures.append(found)
            print(*found.items(), flush=True)
            results.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return sum(found["broken"] for found in figures)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
