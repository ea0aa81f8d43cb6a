"""Backfill months of REACH dosimeter data from the Unified Data Library, and see what you have.

Every public name is here: `from reach_nb import run_download`. A name is imported from its module when it is first
used, so that `import reach_nb` itself costs next to nothing. The names stand in `__init__.pyi`, and nowhere else.
"""

__version__ = "0.1.0"

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
