"""The two processes that grade: one runs an answer and knows nothing else, the other judges and runs nothing.

`run_answer` defines an answer and calls it on the exercise's cases. It gets the answer's text and the cases as data,
and sends back what came of each call as data. What the answer does to that process, the checker included, dies with it.
`run_judge` holds the exercises, and sees nothing of an answer but what came of it.
"""

import contextlib
import inspect
import json
import linecache
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any

from helper_utils.course.grading.submissions import Answer, Piece
from helper_utils.course.running.processes import end_with_parent, unblock_interrupts

MAX_FILE_BYTES = 100_000_000  # that an answer may write into one file
MAX_CHARACTERS = 10_000  # of a text that an answer's process sends

# ------------------------------------------------------------------------------------------- the answer's process


def run_answer(connection: Connection, answer: Answer, parameters: list[str], cases: str, scratch: str) -> None:
    """Define an answer, call it on the cases, and send what comes of it; this is the process's main function.

    Sends JSON: `{"ready": true}`, then `{"defined": true, "errors": texts}` with what failed of what the answer uses,
    then for each case what came of the call; or, where the function cannot be called, `{"wrong": sentence, "evidence":
    pairs}`.

    Args:
        connection: Where to send it.
        answer: The answer.
        parameters: The names of the exercise's parameters.
        cases: The exercise's cases, coded.
        scratch: The folder to work in.
    """
    _cut_off(scratch)
    _limit()
    from helper_utils.teaching.codec import decode, encode
    from helper_utils.teaching.registry import Exercise
    from helper_utils.teaching.timeouts import ShortText
    from helper_utils.teaching.verdict import call_case

    def send(message: dict[str, Any]) -> None:
        connection.send_bytes(json.dumps(message).encode())

    exercise = Exercise(answer.exercise, _with_parameters(parameters), decode(json.loads(cases)), [], [], "")
    send({"ready": True})
    printed = ShortText()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        function, problem, errors = _define(answer, parameters)
        send(problem or {"defined": True, "errors": errors})
        if problem:
            return
        for case in exercise.cases:
            outcome = call_case(exercise, function, case, printed)
            send({
                "value": encode(outcome.value),
                "error": outcome.error,
                "error_text": outcome.error_text,
                "changed": list(outcome.changed),
                "changed_text": outcome.changed_text[:MAX_CHARACTERS],
                "printed": outcome.printed,
            })  # fmt: skip


def _cut_off(scratch: str) -> None:
    """Cut this process off: from the terminal and its Ctrl-C, from our folders, and from life after its parent."""
    if hasattr(os, "setsid"):
        os.setsid()
    os.chdir(scratch)
    os.environ["HELPER_UTILS_PROGRESS"] = "off"
    os.environ["MPLBACKEND"] = "agg"  # a window would wait for somebody to close it
    tempfile.tempdir = os.environ["TMPDIR"] = scratch
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what compiled code and processes of its own print goes nowhere, megabytes included
        os.dup2(nowhere, stream)
    end_with_parent(lambda: shutil.rmtree(scratch, ignore_errors=True))
    unblock_interrupts()


def _limit() -> None:
    """Limit what this process can write, where the system can. The parent watches time and memory."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)


def _with_parameters(parameters: Iterable[str]) -> Any:
    """Return a function with these parameters, in place of the reference answer."""

    def unknown() -> None: ...

    names = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in parameters]
    unknown.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    return unknown


def _define(answer: Answer, parameters: list[str]) -> tuple[Any, dict[str, Any], list[str]]:
    """Run what an answer needs and its definition.

    Returns:
        The function, what is wrong with it, which is empty if it can be called, and what failed of what it uses.
    """
    from helper_utils.teaching.verdict import takes_parameters

    names: dict[str, Any] = {"__name__": "__main__", "display": lambda *_, **__: None}
    assert answer.definition is not None  # noqa: S101 - only attempted answers come here
    errors = list(filter(None, (_run(piece, names, answer.flags) for piece in answer.needed)))
    names.pop(answer.function, None)
    error = _run(answer.definition, names, answer.flags)
    function = names.get(answer.function)
    errors += filter(None, (_run(piece, names, answer.flags) for piece in answer.after))
    if error:
        return None, _wrong("The cell breaks before the function is there.", error=error), errors
    if not callable(function) or not inspect.isfunction(inspect.unwrap(function)):
        return None, _wrong("The line `@exercise(...)` belongs directly over a function, `def ...`."), errors
    if not takes_parameters(function, parameters):
        got, wanted = (", ".join(names) for names in (inspect.signature(function).parameters, parameters))
        return (
            None,
            _wrong(
                "The function has other parameters than the exercise gave it.", expected=f"({wanted})", got=f"({got})"
            ),
            errors,
        )
    return function, {}, errors


def _wrong(sentence: str, **evidence: str) -> dict[str, Any]:
    return {"wrong": sentence, "evidence": list(evidence.items())}


def _run(piece: Piece, names: dict[str, Any], flags: int) -> str:
    """Run statements; one that fails leaves its names unbound, and those that need them say so. Return the error."""
    from helper_utils.teaching.verdict import describe_error

    lines = piece.text.splitlines(keepends=True)
    linecache.cache[piece.name] = (len(piece.text), None, lines, piece.name)  # where tracebacks look for lines
    try:
        exec(compile(piece.tree, piece.name, "exec", flags, dont_inherit=True), names)  # noqa: S102 - this is the process for it
    except (Exception, SystemExit) as error:
        return describe_error(error, piece.name)
    return ""


# -------------------------------------------------------------------------------------------- the judge's process


def run_judge(connection: Connection) -> None:
    """Answer questions about exercises until the other side hangs up; this is the process's main function.

    A question is a name of a function below and its arguments, the reply what it returns.
    """
    if hasattr(os, "setsid"):
        os.setsid()
    end_with_parent()
    functions = {function.__name__: function for function in (describe, judge)}
    with contextlib.suppress(EOFError):
        while True:
            name, arguments = connection.recv()
            try:
                connection.send(functions[name](*arguments))
            except Exception as error:  # one answer with strange results must not stop the others
                connection.send({"error": f"could not be judged: {type(error).__name__}: {error}"})


def describe(name: str) -> dict[str, Any]:
    """Return what an answer's process must know of an exercise: `parameters`, `cases`, `n_cases`; or the `error`."""
    from helper_utils.teaching.codec import encode
    from helper_utils.teaching.registry import UnknownExerciseError, find_exercise

    try:
        exercise = find_exercise(name)
    except UnknownExerciseError as error:
        return {"error": str(error)}
    return {
        "parameters": exercise.parameters,
        "cases": json.dumps(encode([tuple(case) for case in exercise.cases])),
        "n_cases": len(exercise.cases),
    }


def judge(name: str, messages: list[Any], seconds: float | None) -> dict[str, Any]:
    """Judge an answer by what came of it.

    Args:
        name: The exercise's name.
        messages: What `run_answer` sent for each case.
        seconds: The time limit if the answer exceeded it, else None.

    Returns:
        `verdict`, `misconception`, `message` and `evidence`; or the `error` where the messages make no sense.
    """
    from helper_utils.teaching.registry import find_exercise
    from helper_utils.teaching.verdict import judge_outcomes, too_long_verdict

    exercise = find_exercise(name)
    try:
        outcomes = [_outcome(message) for message in messages]
    except (ValueError, KeyError, TypeError):
        return {"error": "its process sent something that is no result"}
    if seconds is not None:
        verdict = too_long_verdict(exercise, min(len(outcomes), len(exercise.cases) - 1), seconds, False)
    else:
        verdict = judge_outcomes(exercise, outcomes)
    return {
        "verdict": verdict.verdict,
        "misconception": verdict.misconception,
        "message": verdict.message,
        "evidence": verdict.evidence,
    }


def _outcome(message: Any) -> Any:
    from helper_utils.teaching.codec import decode
    from helper_utils.teaching.verdict import Outcome

    return Outcome(
        value=decode(message["value"]),
        error=str(message["error"]),
        error_text=str(message["error_text"]),
        changed=tuple(map(str, message["changed"])),
        changed_text=str(message["changed_text"]),
        printed=str(message["printed"]),
    )
