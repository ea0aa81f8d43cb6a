"""What the package has, by name: for tests that must know all of it."""

import inspect

import reach_nb


def pictures():
    """The names of what draws."""
    return [name for name in reach_nb.__all__ if name.startswith("plot_")]


def analyses():
    """What makes a table of the days of an archive, by its name: it takes an executor."""
    found = {}
    for name in reach_nb.__all__:
        function = getattr(reach_nb, name)
        makes_no_table = name == "each_day" or name.startswith(("plot_", "describe_"))
        if inspect.isfunction(function) and not makes_no_table:
            if "executor" in inspect.signature(function).parameters:
                found[name] = function
    return found
