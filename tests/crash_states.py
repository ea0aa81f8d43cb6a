"""What may be on the disk after the power failed: the operations of a run, and the states that a crash can leave of them.

In the manner of ALICE (Pillai et al., OSDI 2014) and CrashMonkey (Mohan et al., OSDI 2018). A `Recorder` watches a
folder while something runs in this process. Between two of its steps a crash is assumed. Then what was synced is there.
Of what was not, each file may have its old content, its new one, half of what was added, or zeros in its place. Each
folder may hold the names up to any of its later changes. A rename is one change, and carries the file with it.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# functions written in C after which a file or a name may be another
WATCHED = frozenset(
    "open write writelines close flush truncate ftruncate fsync replace rename renames link symlink"
    " remove unlink mkdir rmdir sendfile copy_file_range".split()
)

Names = dict[str, int]  # the entries of a folder: name -> node


@dataclass(frozen=True)
class Change:
    """One change of names: in each folder concerned, which name leads to which node, or to none."""

    names: tuple[tuple[int, str, int | None], ...]  # folder, name, node

    def concerns(self, folder: int) -> bool:
        return any(f == folder for f, _, _ in self.names)


@dataclass
class Disk:
    """Nodes and their contents as the processes see them, and as far as they are on the disk for good."""

    folders: dict[int, Names] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    kept_folders: dict[int, Names] = field(default_factory=dict)
    kept_files: dict[int, bytes] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)  # changes of names not yet on the disk


@dataclass(frozen=True)
class CrashState:
    """A tree that a crash may leave.

    Parameters
    ----------
    files : dict of str to bytes
        Contents by path from the root.
    folders : frozenset of str
        Paths of folders.
    notes : tuple
        What had been promised by then, see `Recorder.note`.
    step, kind : int, str
        Where the crash was, and what was lost.
    """

    files: dict[str, bytes]
    folders: frozenset[str]
    notes: tuple
    step: int
    kind: str

    def build(self, root: Path) -> None:
        for name in sorted(self.folders):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (root / name).write_bytes(content)


class Recorder:
    """Watches what this process does to the files below a folder; a context manager.

    Parameters
    ----------
    root : Path
        All that is there when it begins counts as on the disk.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = Disk()
        self.states: dict[tuple, CrashState] = {}  # each once
        self.steps = 0
        self._notes: tuple = ()
        self._lock = threading.RLock()
        self._node_of: dict[int, int] = {}  # inode number -> node, while it has a name
        self._nodes = 0

    def note(self, promise: object) -> None:
        """From here on a crash must not break this promise."""
        with self._lock:
            self._notes += (promise,)
            self._add_states()

    def __enter__(self) -> "Recorder":
        self._look()
        self.disk.kept_folders = {n: dict(names) for n, names in self.disk.folders.items()}
        self.disk.kept_files = dict(self.disk.files)
        self.disk.pending.clear()
        self._add_states()
        self._fsync = os.fsync
        os.fsync = self._sync  # type: ignore[assignment]
        threading.setprofile(self._watch)
        sys.setprofile(self._watch)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        os.fsync = self._fsync
        self._step()

    def _watch(self, frame: object, event: str, function: object) -> None:
        if event in ("c_call", "c_return") and getattr(function, "__name__", "") in WATCHED:
            self._step()

    def _step(self) -> None:
        with self._lock, self._unwatched():
            if self._look():
                self.steps += 1
                self._add_states()

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        watching = sys.getprofile()
        sys.setprofile(None)
        try:
            yield
        finally:
            sys.setprofile(watching)

    def _sync(self, descriptor: int) -> None:
        self._step()
        with self._lock, self._unwatched():
            node = self._node_of.get(os.fstat(descriptor).st_ino)
            if node in self.disk.files:
                self.disk.kept_files[node] = self.disk.files[node]
            elif node in self.disk.folders:
                self._sync_names(node)
            self.steps += 1
            self._add_states()
        self._fsync(descriptor)

    def _sync_names(self, folder: int) -> None:
        """A folder's changes are on the disk now, each with its other half in another folder, and what came before that."""
        last = max((i for i, c in enumerate(self.disk.pending) if c.concerns(folder)), default=-1)
        done = _with_what_they_need(
            self.disk.pending,
            [i for i in range(last + 1) if self.disk.pending[i].concerns(folder)],
        )
        for i in done:
            _apply(self.disk.pending[i], self.disk.kept_folders)
        self.disk.pending = [c for i, c in enumerate(self.disk.pending) if i not in set(done)]

    def _look(self) -> bool:
        """Compares the folder with what is known of it; whether something has changed."""
        folders: dict[int, Names] = {}
        files: dict[int, bytes] = {}
        seen: dict[int, int] = {}
        self._read(self.root, folders, files, seen)
        before = self.disk
        changes = []
        for folder, names in folders.items():
            old = before.folders.get(folder, {})
            changes += [(folder, n, node) for n, node in names.items() if old.get(n) != node]
            changes += [(folder, n, None) for n in old if n not in names]
        if changes:
            before.pending.append(Change(tuple(changes)))
        changed = bool(changes) or files != before.files
        before.folders, before.files = folders, files
        for node in folders:
            before.kept_folders.setdefault(node, {})
        for node in files:
            before.kept_files.setdefault(node, b"")
        self._node_of = seen
        return changed

    def _read(
        self, path: Path, folders: dict[int, Names], files: dict[int, bytes], seen: dict[int, int]
    ) -> int:
        inode = path.stat().st_ino
        if inode not in seen:
            if inode not in self._node_of:
                self._nodes += 1
            seen[inode] = self._node_of.get(inode, self._nodes)
        node = seen[inode]
        if path.is_dir():
            names: Names = {}
            for child in sorted(path.iterdir()):
                try:
                    names[child.name] = self._read(child, folders, files, seen)
                except FileNotFoundError:
                    continue  # another thread took it away meanwhile
            folders[node] = names
        else:
            files[node] = path.read_bytes()
        return node

    def _add_states(self) -> None:
        top = self._node_of[self.root.stat().st_ino]
        for kind, folders, files in crash_states(self.disk):
            tree, places = _tree(top, folders, files)
            key = (frozenset(tree.items()), places, self._notes)
            if key not in self.states:
                self.states[key] = CrashState(tree, places, self._notes, self.steps, kind)


def _apply(change: Change, folders: dict[int, Names]) -> None:
    for folder, name, node in change.names:
        names = folders.setdefault(folder, {})
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _with_what_they_need(changes: list[Change], chosen: list[int]) -> list[int]:
    """The chosen changes and every earlier one of the folders that they concern: a folder's changes keep their order."""
    wanted: set[int] = set()
    limits: dict[int, int] = {}
    todo = list(chosen)
    while todo:
        index = todo.pop()
        if index in wanted:
            continue
        wanted.add(index)
        for folder, _, _ in changes[index].names:
            if limits.get(folder, -1) < index:
                limits[folder] = index
                todo += [i for i in range(index) if changes[i].concerns(folder)]
    return sorted(wanted)


def crash_states(disk: Disk) -> Iterator[tuple[str, dict[int, Names], dict[int, bytes]]]:
    """`(kind, folders, files)` of each state that a crash at this moment may leave."""
    all_names, no_names = disk.folders, disk.kept_folders
    old = disk.kept_files
    new = {**old, **disk.files}  # with those whose name is gone, but perhaps not for good
    loose = [node for node in disk.files if new[node] != old[node]]
    names_with = [("all names", all_names), ("no unsynced name", no_names)]
    for index in range(len(disk.pending)):
        names_with.append((f"names to {index}", _names_after(disk, range(index + 1))))
    for folder in {f for c in disk.pending for f, _, _ in c.names}:
        own = [i for i, c in enumerate(disk.pending) if c.concerns(folder)]
        for count in range(1, len(own) + 1):
            names_with.append((f"names of {folder} to {count}", _names_after(disk, own[:count])))
    for kind, folders in names_with:
        yield f"{kind}, all data", folders, new
        if loose:
            yield f"{kind}, no unsynced data", folders, old
            yield f"{kind}, zeros", folders, _with(new, {n: _zeros(old, new, n) for n in loose})
    for node in loose:
        yield f"all names, {node} old", all_names, _with(new, {node: old.get(node, b"")})
        yield f"all names, only {node} new", all_names, _with(old, {node: new[node]})
        yield f"all names, {node} cut", all_names, _with(new, {node: _cut(old, new, node)})
        yield f"all names, {node} zeros", all_names, _with(new, {node: _zeros(old, new, node)})


def _names_after(disk: Disk, chosen: range | list[int]) -> dict[int, Names]:
    folders = {node: dict(names) for node, names in disk.kept_folders.items()}
    for index in _with_what_they_need(disk.pending, list(chosen)):
        _apply(disk.pending[index], folders)
    return folders


def _with(files: dict[int, bytes], other: dict[int, bytes]) -> dict[int, bytes]:
    return {**files, **other}


def _cut(old: dict[int, bytes], new: dict[int, bytes], node: int) -> bytes:
    kept, content = old.get(node, b""), new[node]
    start = len(kept) if content.startswith(kept) else 0
    return content[: start + (len(content) - start) // 2]


def _zeros(old: dict[int, bytes], new: dict[int, bytes], node: int) -> bytes:
    kept, content = old.get(node, b""), new[node]
    start = len(kept) if content.startswith(kept) else 0
    return content[:start] + bytes(len(content) - start)


def _tree(
    top: int, folders: dict[int, Names], files: dict[int, bytes]
) -> tuple[dict[str, bytes], frozenset[str]]:
    tree: dict[str, bytes] = {}
    places: set[str] = set()

    def visit(node: int, path: str) -> None:
        for name, child in folders.get(node, {}).items():
            where = f"{path}/{name}" if path else name
            if child in folders:
                places.add(where)
                visit(child, where)
            else:
                tree[where] = files.get(child, b"")

    visit(top, "")
    return tree, frozenset(places)
