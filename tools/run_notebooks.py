"""Run notebooks for pytest, each in a process of its own.

run_notebooks.py '{"path": …, "flags": …, "as_module": …}'    that one, in this process

Without an argument, on Linux, a line of standard input asks for one, with "seconds" that it may take, and is answered by a
line: {"code": …, "said": …}, without a code if it took longer. What all notebooks need, and the libraries that many do, are
imported once, which takes longer than most of them: each runs in a copy of this process. The package is none of these. The
end of standard input ends this process, and what it runs.

Plain, it is nbdev_test's own run. As a module, the cells that are not exported run inside the namespace of the exported
module: what they test is then the package, not the notebook, and coverage counts the package's lines.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import threading
import warnings
from contextlib import suppress
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
LIBRARIES = ("pandas", "astropy.timeseries", "pyarrow.parquet", "matplotlib.dates", "requests")
LIBRARIES += ("ipywidgets", "anywidget", "msgspec", "hypothesis")


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


def run(path, flags, as_module):
    """Run a notebook; gives its exit code."""
    return (run_in_module if as_module else run_plain)(Path(path), get_config(), flags.split())


def begin_copy():
    """A copy of this process, in a group of its own; gives its number, and 0 in the copy."""
    with warnings.catch_warnings():
        # NumPy has begun threads; they wait for work and hold nothing
        warnings.simplefilter("ignore", DeprecationWarning)
        copy = os.fork()
    with suppress(ProcessLookupError, PermissionError):  # both do it: either may come first
        os.setpgid(copy, copy)
    return copy


def end_copy(code):
    """End as any process does, but for taking down what was imported: that takes as long as a small notebook."""
    threading._shutdown()  # which waits for threads
    atexit._run_exitfuncs()  # coverage, for one, has its say then
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def run_in_copy(said, answers, seconds, **asked):
    """Run a notebook in a copy of this process; gives its exit code, or `None` if it took longer.

    What the copy has begun ends with it.
    """
    copy = begin_copy()
    if not copy:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        answers.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
        end_copy(run(**asked))
    ended = os.pidfd_open(copy)
    try:
        ready, _, _ = select.select([ended, 0], [], [], seconds)  # nothing more is asked meanwhile
    finally:
        os.close(ended)
        with suppress(ProcessLookupError):
            os.killpg(copy, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    if 0 in ready:
        sys.exit("nobody waits for the answer any more")
    return code if ready else None


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and the copy with it
    for library in LIBRARIES:
        with suppress(ImportError):  # a notebook that needs it says so
            importlib.import_module(library)
    gc.freeze()  # a copy need not look through what is imported again and again
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    while line := sys.stdin.readline():  # the end of it, and no more, is seen while a copy runs
        with tempfile.TemporaryFile() as said:
            code = run_in_copy(said, answers, **json.loads(line))
            said.seek(0)
            words = said.read().decode(errors="replace")
            print(json.dumps({"code": code, "said": words}), file=answers, flush=True)


if __name__ == "__main__":
    sys.exit(run(**json.loads(sys.argv[1])) if len(sys.argv) > 1 else main())
