"""The process that runs an answer and knows nothing else of the grading.

It defines the answer and calls it on the exercise's cases. It gets the answer's text and the cases as data, and sends
back what came of each call as data. What the answer does to that process, the checker included, dies with it.
"""

import ast
import contextlib
import ctypes
import functools
import json
import linecache
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from helper_utils.course.grading.submissions import CHECKER, Answer, Cell, function_name
from helper_utils.course.running.processes import work_in
from helper_utils.teaching.codec import decode, encode
from helper_utils.teaching.registry import find_exercise
from helper_utils.teaching.timeouts import ShortText
from helper_utils.teaching.verdict import call_case, describe_error, refuse

MAX_FILE_BYTES = 100_000_000  # that an answer may write into one file
PR_SET_CHILD_SUBREAPER = 36  # of Linux


def run_answer(
    connection: Connection,
    answer: Answer,
    right: set[tuple[str, int]],
    parameters: list[str],
    cases: str,
    scratch: str,
) -> None:
    """Define an answer, call it on the cases, and send what comes of it; this is the process's main function.

    Sends JSON: `{"ready": true}`, then `{"defined": true, "errors": texts}` with what failed of what the answer uses,
    then for each case what came of the call; or, where the function cannot be called, `{"wrong": sentence, "evidence":
    pairs}`.

    Args:
        connection: Where to send it.
        answer: The answer.
        right: The answers that are right, by exercise and cell. In place of all others the course's own are used.
        parameters: The names of the exercise's parameters.
        cases: The exercise's cases, coded.
        scratch: The folder to work in.
    """
    _cut_off(scratch)
    _limit()

    def send(message: dict[str, Any]) -> None:
        connection.send_bytes(json.dumps(message).encode())

    inputs = decode(json.loads(cases))
    send({"ready": True})
    printed = ShortText()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        functions, errors, own_error = _define(answer, right)
        if not functions:
            sentence = "The cell ends without coming to its line `@exercise(...)`."
            if own_error:
                sentence = "The cell breaks before the function is there."
            send({"wrong": sentence, "evidence": [("error", own_error)] if own_error else []})
        elif refusal := refuse(functions[-1], parameters):
            send({"wrong": refusal.message, "evidence": refusal.evidence})
        else:
            send({"defined": True, "errors": errors})
            for case in inputs:
                outcome = call_case(parameters, functions[-1], case, printed)
                send(vars(outcome) | {"value": encode(outcome.value)})
    threading.Event().wait()  # to be ended from outside together with all that it has started, while that is below it


def _cut_off(scratch: str) -> None:
    """Cut this process off: from the terminal and its Ctrl-C, from our folders, and from life after its parent."""
    if hasattr(os, "setsid"):
        os.setsid()
    if sys.platform == "linux":  # what it starts stays below it, also when the process in between has ended
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.chdir(scratch)
    os.environ["HELPER_UTILS_PROGRESS"] = "off"
    os.environ["MPLBACKEND"] = "agg"  # a window would wait for somebody to close it
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what compiled code and processes of its own print goes nowhere, megabytes included
        os.dup2(nowhere, stream)
    work_in(scratch)


def _limit() -> None:
    """Limit what this process can write, where the system can. The parent watches time and memory."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)


def _define(answer: Answer, right: set[tuple[str, int]]) -> tuple[list[Any], list[str], str]:
    """Run the cells of an answer, as in the notebook.

    Returns:
        What stood under the exercise, mostly one function, what failed in the cells, and what failed first in the
        answer's own.
    """
    functions: list[Any] = []

    def exercise(cell: int, name: str) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            if (name, cell) == (answer.exercise, answer.cell):
                functions.append(function)
            elif (name, cell) not in right:
                function = find_exercise(name).answer
            names[function_name(name)] = function
            return function

        return decorate

    names: dict[str, Any] = {"__name__": "__main__", "display": _do_nothing, "get_ipython": _NoNotebook}
    errors, first = [], ""
    for cell in answer.cells:
        names[CHECKER] = functools.partial(exercise, cell.number)
        failed = _run(cell, names, answer.flags)
        errors += failed
        first = next(iter(failed), "")
    return functions, errors, first


def _do_nothing(*_: object, **__: object) -> None:
    pass


class _NoNotebook:
    """In place of IPython's shell: magics do nothing here."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return _do_nothing


def _run(cell: Cell, names: dict[str, Any], flags: int) -> list[str]:
    """Run statements; one that fails leaves its names unbound, and those that need them say so. Return the errors."""
    file = f"<cell {cell.number}>"
    linecache.cache[file] = (len(cell.text), None, cell.text.splitlines(keepends=True), file)  # for tracebacks
    errors = []
    for statement in cell.statements:
        try:
            code = compile(ast.Module([statement], []), file, "exec", flags, dont_inherit=True)
            exec(code, names)  # noqa: S102 - this is the process for it
        except (Exception, SystemExit) as error:
            errors.append(describe_error(error, file))
    return errors
