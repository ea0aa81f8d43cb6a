"""Run notebooks for pytest, each in a process of its own: {"path": …, "flags": …, "as_module": …} a line, on standard input.

The answer is a line, too: {"code": …, "said": …, "last": …}. What all notebooks need is imported once, which takes longer than most
of them: each runs in a copy of this process. Where that can't be done, or not safely, this one runs one and ends.

Plain, it is nbdev_test's own run. As a module, the cells that are not exported run inside the namespace of the exported
module: what they test is then the package, not the notebook, and coverage counts the package's lines.
"""

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from execnb.nbio import read_nb
from execnb.shell import CaptureShell
from fastcore.basics import str2bool
from fastcore.xtras import working_directory
from nbdev.config import get_config
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor
from nbdev.processors import _default_exp
from nbdev.test import test_nb

EXPORTED = {"export", "exporti", "exports"}


def run_plain(path, cfg, flags):
    passed, _ = test_nb(
        path, skip_flags=cfg.tst_flags.split(), force_flags=flags, basepath=cfg.config_path
    )
    return 0 if passed else 1


def run_in_module(path, cfg, flags):
    os.environ["IN_TEST"] = "1"
    sys.path.insert(0, str(cfg.config_path))
    name = _default_exp(read_nb(path))
    notebook = NBProcessor(path, procs=FrontmatterProc, process=True).nb
    if str2bool(getattr(notebook, "frontmatter_", {}).get("skip_exec", False)):
        return 0
    skipped = (set(cfg.tst_flags.split()) - set(flags)) | (EXPORTED if name else set())

    def skip(cell):
        if cell.cell_type != "code" or "nbdev_export(" in cell.source:
            return True
        directives = getattr(cell, "directives_", {}) or {}
        return directives.get("eval:", [""])[0].lower() == "false" or bool(
            skipped & directives.keys()
        )

    shell = CaptureShell(path)
    if name:
        shell.user_module = importlib.import_module(f"{cfg.lib_path.name}.{name}")
        shell.user_ns = vars(shell.user_module)
        shell.init_user_ns()
    try:
        with working_directory(path.parent):
            shell.run_all(notebook, exc_stop=True, preproc=skip)
    except BaseException:
        print(shell.prettytb(fname=path))
        return 1
    return 0


def run(said, path, flags, as_module):
    """Run a notebook, whose words go into a file; gives its exit code."""
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    try:
        return (run_in_module if as_module else run_plain)(Path(path), get_config(), flags.split())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def run_in_copy(said, **asked):
    """The same in a copy of this process, which ends as any process does: coverage, for one, has its say then."""
    copy = os.fork()
    if not copy:
        sys.exit(run(said, **asked))
    return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])


# Windows has no copies, and libraries of macOS refuse to work in one
CAN_COPY = sys.platform == "linux"


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        with tempfile.TemporaryFile() as said:
            code = (run_in_copy if CAN_COPY else run)(said, **json.loads(line))
            said.seek(0)
            words = said.read().decode(errors="replace")
            print(
                json.dumps({"code": code, "said": words, "last": not CAN_COPY}),
                file=answers,
                flush=True,
            )
        if not CAN_COPY:
            break


if __name__ == "__main__":
    main()
