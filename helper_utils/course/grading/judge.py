"""The process that judges answers: it holds the exercises, and sees nothing of an answer but what came of it."""

import contextlib
import json
import os
import threading
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from helper_utils.course.reports.grade import RIGHT, WRONG
from helper_utils.course.running.processes import end_process, end_with_parent, start_process
from helper_utils.teaching.codec import decode, encode
from helper_utils.teaching.registry import UnknownExerciseError, find_exercise
from helper_utils.teaching.verdict import Outcome, judge_outcomes, too_long_verdict

NO_RESULT = "its process sent something that is no result"
SECONDS_TO_JUDGE = 120.0  # an answer, the start of the process included


class Judge:
    """The judge's process, seen from outside; one that has ended, or does not answer in time, is started again."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._process: Any = None

    def ask(self, question: str, *arguments: Any) -> dict[str, Any]:
        """Ask `describe` or `judge`, and return what they return; an `error` where no answer comes."""
        with self._lock:
            # A pipe blocks for ever where the other side is stuck, so the time limit is the end of the process.
            if not (self._process and self._process.is_alive()):
                self._process, self._connection = start_process(self._context, run_judge, duplex=True)
            in_time = threading.Timer(SECONDS_TO_JUDGE, end_process, [self._process])
            in_time.start()
            try:
                self._connection.send((question, arguments))
                return self._connection.recv()
            except (OSError, EOFError):
                self.end()
                return {"error": f"the process that judges ended, or took longer than {SECONDS_TO_JUDGE:g} s"}
            finally:
                in_time.cancel()

    def end(self) -> None:
        """End the process."""
        if self._process:
            self._connection.close()
            end_process(self._process)
            self._process = None


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
    try:
        exercise = find_exercise(name)
    except UnknownExerciseError as error:
        return {"error": str(error)}
    return {
        "parameters": exercise.parameters,
        "cases": json.dumps(encode([tuple(case) for case in exercise.cases])),
        "n_cases": len(exercise.cases),
    }


def judge(name: str, messages: list[Any], seconds: float | None) -> dict[str, str]:
    """Judge an answer by what came of it.

    Args:
        name: The exercise's name.
        messages: What `run_answer` sent, the first one of which says whether the answer can be called.
        seconds: The time limit if the answer exceeded it, else None.

    Returns:
        `verdict`, `misconception` and `note`; or the `error` where the messages make no sense.
    """
    exercise = find_exercise(name)
    first, *calls = messages
    try:
        if "wrong" in first:
            return {"verdict": WRONG, "misconception": "", "note": _note(str(first["wrong"]), first["evidence"])}
        outcomes = [_outcome(message) for message in calls]
    except (ValueError, KeyError, TypeError):
        return {"error": NO_RESULT}
    if seconds is not None:
        verdict = too_long_verdict(exercise, min(len(outcomes), len(exercise.cases) - 1), seconds, False)
    else:
        verdict = judge_outcomes(exercise, outcomes)
    if verdict.verdict == RIGHT:
        return {"verdict": RIGHT, "misconception": "", "note": ""}
    note = _note(verdict.message, verdict.evidence)
    if errors := first.get("errors"):
        note += f" What the answer uses failed: {'; '.join(map(str, errors))}"
    return {"verdict": verdict.verdict, "misconception": verdict.misconception or "", "note": note}


def _note(message: str, evidence: Iterable[Sequence[str]]) -> str:
    details = "; ".join(f"{label}: {text}" for label, text in evidence)
    return f"{message} ({details})" if details else message


def _outcome(message: Any) -> Outcome:
    return Outcome(
        value=decode(message["value"]),
        error=str(message["error"]),
        error_text=str(message["error_text"]),
        changed=tuple(map(str, message["changed"])),
        changed_text=str(message["changed_text"]),
        printed=str(message["printed"]),
    )
