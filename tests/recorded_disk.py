"""A disk that remembers each write and each flush in order, so that the disk of any moment can be had afterwards.

What `dm-log-writes` does, without the device mapper: the disk is the only file of a small FUSE file system, which is this
process, and a loop device makes a block device of it. A file system on it sends its writes here, and a flush where it
wants to be sure. What was written before the last flush is on the disk; of the rest a loss of power may keep any part.
It needs Linux and root.
"""

import ctypes
import errno
import os
import random
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

SECTOR = 4096  # bytes that a drive of today writes as a whole or not at all
NAME, ROOT, DISK = "disk", 1, 2  # the file, and the two nodes
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = (
    1,
    2,
    3,
    4,
    14,
    15,
    16,
    17,
    18,
)
FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, DESTROY, BATCH_FORGET = (
    20,
    25,
    26,
    27,
    28,
    29,
    38,
    42,
)


@dataclass(frozen=True)
class Written:
    """Bytes that reached the disk."""

    start: int
    data: bytes


@dataclass(frozen=True)
class Flushed:
    """What was written before is there for good."""


@dataclass(frozen=True)
class Marked:
    """What somebody had been promised by then."""

    note: object


Entry = Written | Flushed | Marked


def kept_writes(log: list[Entry], position: int, way: str, chance: random.Random) -> list[Written]:
    """What of the log is on the disk after a loss of power at a position.

    Parameters
    ----------
    log : list of Entry
        All there is.
    position : int
        So many of them had come.
    way : str
        What of the writes after the last flush is there: `all`, `none`, `some` by chance, or all but half of the `last`.
    chance : random.Random
        Decides on some.
    """
    flushed = max((n + 1 for n in range(position) if isinstance(log[n], Flushed)), default=0)
    safe = [entry for entry in log[:flushed] if isinstance(entry, Written)]
    loose = [entry for entry in log[flushed:position] if isinstance(entry, Written)]
    if way == "none":
        return safe
    if way == "some":
        return safe + [entry for entry in loose if chance.random() < 0.5]
    if way == "last" and loose:
        *others, last = loose
        half = len(last.data) // SECTOR // 2 * SECTOR
        return [*safe, *others, Written(last.start, last.data[:half])]
    return safe + loose


class _Server:
    """Answers the kernel's questions about the file system, one after another."""

    def __init__(self, device: int, data: bytearray) -> None:
        self.device, self.data, self.log = device, data, list[Entry]()

    def serve(self) -> None:
        while True:
            try:
                asked = os.read(self.device, 2**21)
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                raise
            _, operation, number, node = struct.unpack_from("<IIQQ", asked)
            if operation in (FORGET, BATCH_FORGET):
                continue
            try:
                answer, failure = self._answer(operation, node, memoryview(asked)[40:]), 0
            except OSError as error:
                answer, failure = b"", -error.errno
            os.write(self.device, struct.pack("<IiQ", 16 + len(answer), failure, number) + answer)

    def _answer(self, operation: int, node: int, body: memoryview) -> bytes:
        if operation == INIT:
            big_writes, max_pages = 1 << 5, 1 << 22
            head = struct.pack(
                "<IIIIHHIIHH", 7, 31, 2**17, big_writes | max_pages, 64, 48, 2**20, 1, 256, 0
            )
            return head.ljust(64, b"\0")
        if operation == LOOKUP:
            if bytes(body).rstrip(b"\0") != NAME.encode():
                raise OSError(errno.ENOENT, NAME)
            return struct.pack("<QQQQII", DISK, 1, 3600, 3600, 0, 0) + self._status(DISK)
        if operation in (GETATTR, SETATTR):
            return struct.pack("<QII", 3600, 0, 0) + self._status(node)
        if operation in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, 0, 0)
        if operation == READ:
            _, start, size = struct.unpack_from("<QQI", body)
            return bytes(self.data[start : start + size])
        if operation == WRITE:
            _, start, size = struct.unpack_from("<QQI", body)
            data = bytes(body[40 : 40 + size])
            self.data[start : start + size] = data
            self.log.append(Written(start, data))
            return struct.pack("<II", size, 0)
        if operation == FSYNC:
            self.log.append(Flushed())
            return b""
        if operation == STATFS:
            return bytes(40) + struct.pack("<II", 4096, 255) + bytes(32)
        if operation in (RELEASE, RELEASEDIR, FLUSH, DESTROY, READDIR):
            return b""
        raise OSError(errno.ENOSYS, str(operation))

    def _status(self, node: int) -> bytes:
        mode, size = (
            (stat.S_IFREG | 0o600, len(self.data)) if node == DISK else (stat.S_IFDIR | 0o700, 0)
        )
        return struct.pack(
            "<6Q10I", node, size, -(-size // 512), 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0
        )


def _serve(image: Path, folder: Path, link: Connection) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,max_read=131072"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"recorded", os.fsencode(folder), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount", str(folder))
    server = _Server(device, bytearray(image.read_bytes()))
    thread = threading.Thread(target=server.serve)
    thread.start()
    link.send(None)
    while (note := link.recv()) is not None:
        server.log.append(Marked(note))
        link.send(len(server.log))
    link.send(server.log)
    thread.join()  # until the folder is unmounted


class RecordedDisk:
    """A disk that is recorded."""

    def __init__(self, path: Path, link: Connection) -> None:
        self.path, self._link = path, link
        self._lock = threading.Lock()  # one talks on the link at a time

    def mark(self, note: object) -> None:
        """Put a note into the log, behind all that was written and flushed by now."""
        with self._lock:
            self._link.send(note)
            self._link.recv()

    def log(self) -> list[Entry]:
        """All that came. It is over then."""
        with self._lock:
            self._link.send(None)
            return self._link.recv()


def unmount(folder: Path) -> None:
    """Unmount a folder, once nobody uses it any more."""
    for _ in range(100):
        if subprocess.run(["umount", folder], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    raise OSError(errno.EBUSY, "stays in use", str(folder))


@contextmanager
def recorded_disk(image: Path, folder: Path) -> Iterator[RecordedDisk]:
    """A disk with the content of an image, in an empty folder, while the `with` lasts."""
    link, other = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(image, folder, other), daemon=True)
    process.start()
    other.close()
    link.recv()
    try:
        yield RecordedDisk(folder / NAME, link)
    finally:
        unmount(folder)
        process.join(10)
        process.terminate()


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system in an image, while the `with` lasts."""
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        unmount(folder)
