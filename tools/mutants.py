"""Breaks the code in one way after another, each of which a test has to see.

    python tools/mutants.py            all of them
    python tools/mutants.py receipt    those whose words hold a text

A mutant is a change of a module's text. The tests that are named run on it, and have to fail. Then the text is put back.
Each of them once survived. Whoever removes a line for which there is a mutant finds out here what the line was for.
"""

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def outcome(tests: tuple[str, ...]) -> int:
    """How pytest ends on some tests."""
    as_module = ["--as-module"] if tests[0].endswith(".ipynb") else []
    command = [sys.executable, "-m", "pytest", "-q", "-x", *as_module, *tests]
    return subprocess.run(command, cwd=ROOT, capture_output=True).returncode


@cache
def passed(tests: tuple[str, ...]) -> bool:
    """Whether tests passed on the code as it is, when that was first asked."""
    return outcome(tests) == 0


@dataclass(frozen=True)
class Mutant:
    """One way to break a module."""

    words: str
    module: str  # below reach_nb
    before: str
    after: str
    tests: tuple[str, ...] = ()  # the notebook of the module unless given

    def run(self) -> bool:
        """Whether a test fails."""
        path = ROOT / "reach_nb" / f"{self.module}.py"
        whole = path.read_text(encoding="utf-8")
        if whole.count(self.before) != 1:
            raise SystemExit(
                f"{self.words}: {path} holds its text {whole.count(self.before)} times"
            )
        tests = self.tests or (f"nbs/{self.module}.ipynb",)
        if not passed(tests):
            raise SystemExit(f"{self.words}: {tests} fail on the code as it is")
        changed = whole.replace(self.before, self.after)
        compile(changed, path, "exec")  # what is no Python would be seen by any test
        path.write_text(changed, encoding="utf-8")
        try:
            return outcome(tests) == 1
        finally:
            path.write_text(whole, encoding="utf-8")


MUTANTS = [
    Mutant(
        "no fsync of the receipt",
        "archive/spool",
        "        self._journal.sync()\n",
        "",
    ),
    Mutant(
        "no fsync of the file before its receipt",
        "archive/spool",
        "            os.fsync(file.fileno())\n        receipt =",
        "            pass\n        receipt =",
    ),
    Mutant(
        "the name is given before the receipt is written",
        "archive/spool",
        "        self._journal.append(msgspec.to_builtins(receipt))\n",
        "        final = self._pieces.folder.with_suffix('')\n        os.replace(whole, final)\n"
        "        self._journal.append(msgspec.to_builtins(receipt))\n        os.replace(final, whole)\n",
    ),
    Mutant(
        "a part is not cut to its last whole entry",
        "archive/part",
        "            self._file.truncate(self.size)\n",
        "            pass\n",
    ),
    Mutant(
        "a line of the journal that the part does not bear out is kept",
        "archive/spool",
        "        journal.keep(1 + len(good))\n",
        "        journal.keep(len(journal.notes))\n",
    ),
    Mutant(
        "a line of the journal in which a bit has changed is believed",
        "archive/journal",
        "        if line != _with_checksum(text):\n",
        "        if len(line) != len(_with_checksum(text)):\n",
    ),
    Mutant(
        "what was taken up is not in the checksum of the artifact",
        "archive/part",
        "            self._checksum = after\n",
        "            pass\n",
    ),
    Mutant(
        "a chunk is taken up though the one before it is missing",
        "archive/part",
        "        chunks += said.chunk == chunks  #",
        "        chunks += 1  #",
    ),
    Mutant(
        "an answer is appended before its turn",
        "archive/spool",
        "            its_turn = chunk == self.next and growing.takes_more\n",
        "            its_turn = growing.takes_more\n",
    ),
    Mutant(
        "two threads append at the same time",
        "archive/spool",
        "        with self._turn:\n            chunk, growing = self.next, self.growing\n",
        "        if True:\n            chunk, growing = self.next, self.growing\n",
    ),
    Mutant(
        "an answer does not wait for those before it",
        "archive/spool",
        "            self._turn.wait_for(lambda: self.next >= chunk or not growing.takes_more, TURN_SECONDS)\n",
        "",
    ),
    Mutant(
        "threads that wait for their turn are not told",
        "archive/spool",
        "        self._turn.notify_all()\n",
        "",
    ),
    Mutant(
        "a thread that was left behind appends",
        "archive/spool",
        "        self.takes_more = False\n        self._encoder.close()\n",
        "        self._encoder.close()\n",
    ),
    Mutant(
        "a checksum that a crash kept from being noted is never noted",
        "archive/spool",
        "    note_sum(artifact, receipt.sha256)",
        "    pass",
    ),
    Mutant(
        "a receipt is believed whatever the size",
        "archive/part",
        "status.st_size == self.size and",
        "True and",
    ),
    Mutant(
        "a receipt is believed without its file",
        "archive/spool",
        "    if not receipt.describes(artifact):\n        return None\n",
        "",
    ),
    Mutant(
        "what a refusal unpacks to is read whole",
        "service/transport",
        "response.raw.read(2**16, decode_content=True)",
        "response.raw.read(decode_content=True)",
        ("tests/test_security.py::test_a_bomb_that_is_no_answer",),
    ),
    Mutant(
        "a spool that others could write to is believed",
        "archive/spool",
        "    folder.chmod(0o700)\n",
        "    return True\n",
    ),
    Mutant(
        "the checksum of a file that is replaced is not taken back",
        "archive/spool",
        "    forget_sum(artifact)  # of the file that it takes the place of\n",
        "",
    ),
    Mutant(
        "a bare password is shown",
        "secrecy",
        "            texts.append(user[-PART + 2 :] + colon + password)",
        "            pass",
    ),
    Mutant(
        "a password is shown in another user's header",
        "secrecy",
        "                texts += _encoded(password)",
        "                pass",
    ),
    Mutant(
        "a success is counted before the body is read",
        "service/client",
        "            try:\n                found = question.read(",
        "            self.limiter.record_success(slot)\n            try:\n                found = question.read(",
    ),
    Mutant(
        "nobody looks at the stop flag between two chunks",
        "download",
        "            report(chunk + 1, records, fetched)\n            end_if_stopped(client.stop)\n",
        "            report(chunk + 1, records, fetched)\n",
    ),
    Mutant(
        "empty answers that no count confirms are believed a second time",
        "download",
        "    if not keep_receipt or (not found and said.doubtful):\n",
        "    if not keep_receipt:\n",
    ),
    Mutant(
        "a new telemetry file's folder is not synced",
        "csv_log",
        "    if is_new:\n        sync_folder(path.parent)\n",
        "",
    ),
    Mutant(
        "what is set aside is cut off before it is copied",
        "csv_log",
        "        torn = file.read()\n",
        "        torn = file.read()\n        file.truncate(whole)\n        os.fsync(file.fileno())\n",
    ),
    Mutant(
        "what is set aside is not synced before it is cut off",
        "csv_log",
        "        os.fsync(aside.fileno())\n",
        "",
    ),
    Mutant(
        "the name of what is set aside is not synced",
        "csv_log",
        "        sync_folder(path.parent)\n        file.truncate(whole)\n",
        "        file.truncate(whole)\n",
    ),
    Mutant(
        "a converted file is not synced",
        "archive/partitions",
        "            if durable:\n                os.fsync(file.fileno())\n",
        "",
    ),
    Mutant(
        "a converted file's name is not synced",
        "archive/partitions",
        "        sync_folder(self.target.parent)\n",
        "",
    ),
]


def main(wanted: str) -> int:
    """How many survive."""
    survivors = 0
    for mutant in MUTANTS:
        if wanted in mutant.words:
            seen = mutant.run()
            survivors += not seen
            print(f"{'seen' if seen else 'SURVIVES':9} {mutant.words}", flush=True)
    return survivors


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
