"""A cell of a notebook, given as text, run and judged as the notebook does it."""

import inspect
import linecache
import types
from typing import Any

from helper_utils.teaching import Verdict, check, find_exercise


def check_cell(name: str, text: str) -> Verdict:
    """Run a cell that defines an answer, decorated or not, and judge the function.

    The cell may use the libraries that the module of the exercise has imported, as the notebook's own cells do.
    """
    exercise = find_exercise(name)
    libraries = {n: v for n, v in vars(inspect.getmodule(exercise.answer)).items() if isinstance(v, types.ModuleType)}
    names: dict[str, Any] = {"__name__": "__main__", "exercise": lambda _name: lambda function: function, **libraries}
    file_name = f"<{name}>"
    # Where inspect and traceback look for the lines of code that is in no file.
    linecache.cache[file_name] = (len(text), None, text.splitlines(keepends=True), file_name)
    exec(compile(text, file_name, "exec"), names)  # noqa: S102 - the tests' own text
    return check(exercise, names[exercise.answer.__name__])
