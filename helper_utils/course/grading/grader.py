"""Submissions become grades: each answer runs in a process of its own within its limits, and another one judges it."""

import contextlib
import json
import queue
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from helper_utils.course.errors import one_line
from helper_utils.course.grading.answer import run_answer
from helper_utils.course.grading.judge import NO_RESULT, Judge
from helper_utils.course.grading.submissions import Answer, UnreadableError, found_instead, read_answers
from helper_utils.course.reports.grade import BROKEN, MISSING, NOT_ATTEMPTED, RIGHT, WRONG, Grade
from helper_utils.course.running.processes import end_process, kill_marked, memory_mb, process_context, start_process

TOO_LONG = "too long"
PRELOADED = ["torch", "helper_utils.course.grading.answer", "helper_utils.teaching.verdict"]
MAX_MESSAGE_BYTES = 20_000_000
SECONDS_BETWEEN_LOOKS = 0.05
MAX_WAITING = 4  # messages that are read and not yet looked at
SECONDS_UNREAD = 10.0  # that such a message may wait
SECONDS_TO_START = 120.0  # of a process, libraries included


@dataclass(frozen=True)
class Limits:
    """What an answer may use: seconds, and megabytes of memory together with the processes that it starts."""

    seconds: float
    memory_mb: int


class Stopped(Exception):  # noqa: N818 - it says what happened
    """The user asked for an end."""


class Grader(contextlib.AbstractContextManager):
    """Grades submissions, several at once from threads; holds the judge's process.

    Args:
        folder: The folder of submissions.
        expected: The exercises of each lesson.
        limits: What each answer may use.
        stopped: Says whether the user has asked for an end.
    """

    def __init__(
        self, folder: Path, expected: dict[str, list[str]], limits: Limits, stopped: Callable[[], bool]
    ) -> None:
        self._folder = folder
        self._expected = expected
        self._limits = limits
        self._stopped = stopped
        self._context = process_context(PRELOADED)
        self._parser = threading.Lock()  # Python's own (3.11) counts depth once for all threads, and gives up
        self._judge = Judge(self._context)

    def __exit__(self, *_: object) -> None:
        """End the judge."""
        self._judge.end()

    def grade(self, path: Path) -> list[Grade]:
        """Grade one submission, exercise by exercise; its failure is its own.

        Raises:
            Stopped: The user asked for an end.
        """
        name = path.relative_to(self._folder).as_posix()
        try:
            with self._parser:
                answers = read_answers(path)
        except UnreadableError as error:
            lesson = lesson_of(path, [], self._expected)
            exercises = self._expected.get(lesson) or [""]
            return [clean_grade(name, lesson, exercise, BROKEN, note=str(error)) for exercise in exercises]
        except Exception as error:
            return [clean_grade(name, "", "", BROKEN, note=_failure(error))]
        lesson = lesson_of(path, list(answers), self._expected)
        verdicts = {name: (MISSING, "", found_instead(path, name)) for name in self._expected.get(lesson, [])}
        right: set[tuple[str, int]] = set()  # as in the notebook, what is right is used in the cells below it
        for exercise, answer in sorted(answers.items(), key=lambda item: item[1].cell):
            try:
                verdicts[exercise] = self._verdict(answer, right)
            except Stopped:
                raise
            except Exception as error:
                verdicts[exercise] = BROKEN, "", _failure(error)
            if verdicts[exercise][0] == RIGHT:
                right.add((exercise, answer.cell))
        grades = [clean_grade(name, lesson, exercise, *verdict) for exercise, verdict in verdicts.items()]
        return grades or [clean_grade(name, lesson, "", BROKEN, note="no exercise of the course is in it")]

    def _verdict(self, answer: Answer, right: set[tuple[str, int]]) -> tuple[str, str, str]:
        """Return the verdict, the misconception and the note."""
        if self._stopped():
            raise Stopped
        described = self._judge.ask("describe", answer.exercise)
        if "error" in described:
            return BROKEN, "", described["error"]
        if not answer.attempted:
            return NOT_ATTEMPTED, "", ""
        if answer.problem:
            return WRONG, "", answer.problem
        messages, trouble = self._run(answer, described, right)
        if trouble and trouble != TOO_LONG:
            return BROKEN, "", trouble
        if not messages:
            return BROKEN, "", f"what the answer uses did not finish within {self._limits.seconds:g} s (--timeout)"
        reply = self._judge.ask("judge", answer.exercise, messages, self._limits.seconds if trouble else None)
        if "error" in reply:
            return BROKEN, "", reply["error"]
        return reply["verdict"], reply["misconception"], reply["note"]

    def _run(
        self, answer: Answer, described: dict[str, Any], right: set[tuple[str, int]]
    ) -> tuple[list[dict[str, Any]], str]:
        """Run an answer in a process of its own; return what it sent, and what ended it before its time."""
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
            exercise = (described["parameters"], described["cases"])
            try:
                process, connection = start_process(self._context, run_answer, answer, right, *exercise, scratch)
            except RecursionError:  # the answer is too deep to be handed over
                return [], "the answer's code is nested too deeply"
            try:
                return self._collect_messages(connection, process, described["n_cases"])
            finally:
                end_process(process)  # first, so that the thread that reads ends before the number is used again
                kill_marked(scratch)
                connection.close()

    def _collect_messages(self, connection: Connection, process: Any, n_cases: int) -> tuple[list[dict[str, Any]], str]:
        """Collect an answer's messages until it is through, or breaks a limit."""
        messages: list[dict[str, Any]] = []
        # A thread reads, for a read has no limit in time: an answer may write two bytes of a message and no more.
        received: queue.Queue[bytes | Exception] = queue.Queue(MAX_WAITING)
        threading.Thread(target=_read_all, args=[connection, received], daemon=True).start()
        ready, deadline = False, time.monotonic() + SECONDS_TO_START
        while len(messages) < 1 + n_cases and not (messages and "wrong" in messages[0]):
            if self._stopped():
                raise Stopped
            if time.monotonic() > deadline:
                return messages, TOO_LONG if ready else "its process did not start"
            if memory_mb(process) > self._limits.memory_mb:
                return messages, f"it used more than {self._limits.memory_mb} MB of memory (--memory)"
            try:
                item = received.get(timeout=SECONDS_BETWEEN_LOOKS)
                if isinstance(item, Exception):
                    raise item
                message = json.loads(item)
            except queue.Empty:
                continue
            except EOFError:
                return messages, _how_it_ended(process)
            except (OSError, ValueError, RecursionError):
                return messages, NO_RESULT
            if not ready:
                ready, deadline = True, time.monotonic() + self._limits.seconds
            elif isinstance(message, dict):
                messages.append(message)
        return messages, ""


def lesson_of(path: Path, answered: Sequence[str], expected: dict[str, list[str]]) -> str:
    """Recognise the lesson of a submission: by most exercises in common, else by its file name.

    Args:
        path: The file.
        answered: The exercises in it.
        expected: The exercises of each lesson.

    Returns:
        The lesson's name, or an empty string.
    """

    def fit(lesson: str) -> tuple[int, bool, bool]:
        words = re.split(r"[\W_]+", path.stem.lower())
        common = len(set(answered) & set(expected[lesson]))
        return common, lesson.lower() in path.stem.lower(), set(lesson.lower().split("_")[1:]) <= set(words)

    best = max(expected, key=fit, default="")
    return best if best and any(fit(best)) else ""


def clean_grade(
    submission: str, lesson: str, exercise: str, verdict: str, misconception: str = "", note: str = ""
) -> Grade:
    """Return a grade whose texts, some of them a student's, are one line each and show as they are."""
    return Grade(*map(one_line, (submission, lesson, exercise, verdict, misconception, note)))


def _read_all(connection: Connection, received: "queue.Queue[bytes | Exception]") -> None:
    """Put the messages that come through a connection into a queue, and at last the error that ends them."""
    try:
        while True:
            received.put(connection.recv_bytes(MAX_MESSAGE_BYTES), timeout=SECONDS_UNREAD)
    except Exception as error:
        with contextlib.suppress(queue.Full):  # nobody looks any more: the answer has been ended
            received.put(error, timeout=SECONDS_UNREAD)


def _how_it_ended(process: Any) -> str:
    process.join(1)
    code = process.exitcode
    if code is not None and code < 0:
        return f"its process was ended by signal {signal.Signals(-code).name}"
    return f"its process ended early, with exit status {code}"


def _failure(error: Exception) -> str:
    return f"could not be graded: {type(error).__name__}: {error}"
