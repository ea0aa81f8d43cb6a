"""Run one notebook for pytest: run_one.py NOTEBOOK 'flags' [as-module]

Plain, it is nbdev_test's own run. With `as-module`, the cells that are not exported run inside the namespace of the
exported module: what they test is then the package, not the notebook, and coverage counts the package's lines.
"""

import importlib
import os
import sys
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
        return shell.prettytb(fname=path)
    return 0


if __name__ == "__main__":
    notebook_path, flags = Path(sys.argv[1]), sys.argv[2].split()
    run = run_in_module if sys.argv[3:] == ["as-module"] else run_plain
    sys.exit(run(notebook_path, get_config(), flags))
