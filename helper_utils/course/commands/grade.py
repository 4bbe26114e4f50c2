"""`course grade`: a folder of submitted notebooks becomes one table.

How a verdict comes about, and what it can be trusted for:

- Submissions are read, not run (`submissions`): of each, only the answers and what these mention is used. Stored
  outputs and metadata are not looked at, and `exercise` is recognised by its name, whatever the notebook made of it.
- Each answer is run in a fresh process, in a scratch folder, with limits of time and memory (`answer`). Whatever it
  does there, other answers and the verdict's own process are not touched: they get data from it, never code.
- The verdict is computed by the installed package, in a process of its own that runs nothing of a submission.

So nothing that is written into a notebook by mistake or for a better mark changes the verdict, but an answer runs with
the rights of whoever grades: it can read and write files, and use the network. That is right for a class that one
trusts not to attack the machine. For all others run the command in a container without network and without files of
value.
"""

import contextlib
import datetime
import json
import os
import queue
import re
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cached_property
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import click
import psutil

from helper_utils.course.errors import CourseError, count
from helper_utils.course.files import results_folder, shown, write_text
from helper_utils.course.grading.answer import run_answer, run_judge
from helper_utils.course.grading.submissions import Answer, UnreadableError, read_answers
from helper_utils.course.lessons import Lesson, exercise_names
from helper_utils.course.reports.students import by_student
from helper_utils.course.reports.tables import as_csv, render
from helper_utils.course.running.notebook import CONTROLS
from helper_utils.course.running.processes import choose_n_at_once, kill_tree, process_context, signals_noted

RIGHT, WRONG, NOT_ATTEMPTED, MISSING, BROKEN = "right", "wrong", "not attempted", "missing", "broken"
VERDICTS = (RIGHT, WRONG, NOT_ATTEMPTED, MISSING, BROKEN)
TOO_LONG, NO_RESULT = "too long", "its process sent something that is no result"
COLUMNS = ("submission", "lesson", "exercise", "verdict", "misconception", "note")

PRELOADED = ["torch", "helper_utils.course.grading.answer", "helper_utils.teaching.verdict"]
MAX_MESSAGE_BYTES = 20_000_000
MAX_NOTE = 500  # characters
SECONDS_BETWEEN_LOOKS = 0.05
MAX_WAITING = 4  # messages that are read and not yet looked at
SECONDS_UNREAD = 10.0  # that such a message may wait
SECONDS_TO_START = 120.0  # of a process, libraries included


@dataclass(frozen=True)
class Grade:
    """One line of the table.

    Attributes:
        submission: The file, from the folder of submissions.
        lesson: The lesson that it belongs to, or an empty string where that cannot be told.
        exercise: The exercise's name; empty where the whole submission is broken and its lesson unknown.
        verdict: `right`, `wrong`, `not attempted`, `missing` (the cell is gone) or `broken` (could not be judged).
        misconception: Its name, where the answer shows a known one.
        note: What is wrong, in a sentence.
    """

    submission: str
    lesson: str
    exercise: str
    verdict: str
    misconception: str = ""
    note: str = ""


@dataclass(frozen=True)
class Limits:
    """What an answer may use: seconds, and megabytes of memory together with the processes that it starts."""

    seconds: float
    memory_mb: int


def grade_folder(
    folder: str, lessons: Sequence[Lesson], *, output: str | None, limits: Limits, n_at_once: int | None
) -> int:
    """Grade all notebooks below a folder, write the table, and say where it is.

    Args:
        folder: The folder of submissions.
        lessons: The lessons of the course, which say what exercises there are.
        output: A new or empty folder for the table, or None for a new one under `runs/`.
        limits: What each answer may use.
        n_at_once: How many submissions at the same time, or None for a choice by the number of cores.

    Returns:
        The exit status: 0 also where submissions are broken, 128 and the signal's number if it was stopped.

    Raises:
        CourseError: The folder is missing or holds no notebooks, or the results' folder cannot be used.
    """
    started = datetime.datetime.now().astimezone()
    top = Path(folder).expanduser().absolute()
    paths = find_submissions(top)
    results = results_folder(output, started)
    expected = {lesson.name: exercise_names(lesson) for lesson in lessons if not lesson.error}
    grades: dict[Path, list[Grade]] = {}
    n_at_once = choose_n_at_once(n_at_once, len(paths))
    with (
        signals_noted() as signals,
        Grader(top, expected, limits, lambda: bool(signals)) as grader,
        ThreadPoolExecutor(n_at_once) as pool,  # its threads only wait for the processes
    ):
        futures = {pool.submit(grader.grade, path): path for path in paths}
        for future in as_completed(futures):
            with contextlib.suppress(_Stopped):
                path = futures[future]
                grades[path] = future.result()
                click.echo(f"{len(grades)}/{len(paths)} {shown_name(path, top)}: {summary(grades[path])}")
    graded = [grade for path in paths for grade in grades.get(path, [])]
    note = "passed over: its name does not end in .ipynb; unpack or rename it"
    others = [Grade(shown_name(path, top), "", "", BROKEN, note=note) for path in passed_over(top)]
    for grade in others:
        click.echo(f"{grade.submission}: {note}")
    report = GradeReport(started, top.name, graded + others)
    index = report.write(results)
    for line in report.summary():
        click.echo(line)
    if len(grades) < len(paths):
        click.echo(f"Stopped: {len(paths) - len(grades)} of {len(paths)} submissions are not graded")
    click.echo(f"Tables: {shown(results / 'grades.csv')}, {shown(results / 'grades.json')}")
    click.echo(f"Report: {shown(index)}")
    return 128 + signals[0] if signals else 0


def find_submissions(folder: Path) -> list[Path]:
    """Return the notebooks below a folder, without the copies that Jupyter keeps for itself.

    Raises:
        CourseError: There is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise CourseError(f"{folder} is not a folder: name the one that holds the submitted notebooks")
    paths = [path for path in _files(folder) if path.suffix.lower() == ".ipynb"]
    if not paths:
        others = ", ".join(path.name for path in passed_over(folder)[:3])
        hint = f" (unpack or rename {others} ...)" if others else ""
        raise CourseError(f"{folder} holds no notebooks: submissions are files *.ipynb in it or below it{hint}")
    return paths


def passed_over(folder: Path) -> list[Path]:
    """Return the files that may be meant as submissions and are no notebooks by their names."""
    return [path for path in _files(folder) if path.suffix.lower() in (".py", ".zip") or ".ipynb." in path.name.lower()]


def _files(folder: Path) -> list[Path]:
    """Return the files below a folder, without hidden ones and the shadows that systems and Jupyter keep."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        path
        for path in found
        if not any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)
    ]


def shown_name(path: Path, folder: Path) -> str:
    """Return what a submission is called: its path below the folder."""
    return CONTROLS.sub(" ", path.relative_to(folder).as_posix()).encode("utf-8", "replace").decode("utf-8")


def summary(grades: Sequence[Grade]) -> str:
    """Return what came out, such as `2 right, 1 wrong`."""
    counts = Counter(grade.verdict for grade in grades)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]) or "no exercises"


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


class _Stopped(Exception):  # noqa: N818 - it says what happened
    """The user asked for an end."""


class Grader(contextlib.AbstractContextManager):
    """Grades submissions, several at once from threads; holds the judge's process."""

    def __init__(
        self, folder: Path, expected: dict[str, list[str]], limits: Limits, stopped: Callable[[], bool]
    ) -> None:
        self._folder = folder
        self._expected = expected
        self._limits = limits
        self._stopped = stopped
        self._context = process_context(PRELOADED)
        self._lock = threading.Lock()
        self._parser = threading.Lock()  # Python's own (3.11) counts depth once for all threads, and gives up
        self._connection, theirs = self._context.Pipe()
        self.judge_outcomes = self._context.Process(target=run_judge, args=(theirs,), daemon=True)
        self.judge_outcomes.start()
        theirs.close()

    def __exit__(self, *_: object) -> None:
        """End the judge."""
        self._connection.close()
        self.judge_outcomes.join(SECONDS_BETWEEN_LOOKS)
        _end(self.judge_outcomes)

    def grade(self, path: Path) -> list[Grade]:
        """Grade one submission, exercise by exercise.

        Raises:
            _Stopped: The user asked for an end.
        """
        try:
            return self._grade(path)
        except _Stopped:
            raise
        except Exception as error:  # one submission's failure is that submission's
            note = _note(f"could not be graded: {type(error).__name__}: {error}")
            return [Grade(shown_name(path, self._folder), "", "", BROKEN, note=note)]

    def _grade(self, path: Path) -> list[Grade]:
        name = shown_name(path, self._folder)
        try:
            with self._parser:
                answers = read_answers(path)
        except UnreadableError as error:
            lesson = lesson_of(path, [], self._expected)
            exercises = self._expected.get(lesson) or [""]
            return [Grade(name, lesson, exercise, BROKEN, note=_note(str(error))) for exercise in exercises]
        lesson = lesson_of(path, list(answers), self._expected)
        grades = []
        for exercise in dict.fromkeys([*self._expected.get(lesson, []), *answers]):
            if self._stopped():
                raise _Stopped
            try:
                verdict, misconception, note = self._verdict(exercise, answers.get(exercise))
            except _Stopped:
                raise
            except Exception as error:  # one submission's failure is that submission's
                verdict, misconception, note = BROKEN, "", f"could not be graded: {type(error).__name__}: {error}"
            grades.append(Grade(name, lesson, exercise, verdict, misconception, _note(note)))
        return grades or [Grade(name, lesson, "", BROKEN, note="no exercise of the course is in it")]

    def _verdict(self, exercise: str, answer: Answer | None) -> tuple[str, str, str]:
        """Return the verdict, the misconception and the note."""
        if answer is None:
            return MISSING, "", "there is no cell with this exercise"
        described = self._ask("describe", exercise)
        if "error" in described:
            return BROKEN, "", described["error"]
        if not answer.attempted:
            return NOT_ATTEMPTED, "", ""
        if answer.problem:
            return WRONG, "", answer.problem
        messages, trouble = self._run(answer, described)
        if trouble and trouble != TOO_LONG:
            return BROKEN, "", trouble
        if not messages:
            return BROKEN, "", f"what the answer uses did not finish within {self._limits.seconds:g} s (--timeout)"
        if "wrong" in messages[0]:
            return _refused(messages[0])
        reply = self._ask("judge", exercise, messages[1:], self._limits.seconds if trouble else None)
        if "error" in reply:
            return BROKEN, "", reply["error"]
        if reply["verdict"] == RIGHT:
            return RIGHT, "", ""
        note = _with_evidence(reply["message"], reply["evidence"])
        if errors := messages[0].get("errors"):
            note += f" What the answer uses failed: {'; '.join(map(str, errors))}"
        return reply["verdict"], reply["misconception"] or "", note

    def _ask(self, question: str, *arguments: Any) -> dict[str, Any]:
        with self._lock:
            self._connection.send((question, arguments))
            return self._connection.recv()

    def _run(self, answer: Answer, described: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """Run an answer in a process of its own; return what it sent, and what ended it before its time."""
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
            ours, theirs = self._context.Pipe(duplex=False)
            arguments = (theirs, answer, described["parameters"], described["cases"], scratch)
            process = self._context.Process(target=run_answer, args=arguments, daemon=True)
            try:
                process.start()
                theirs.close()
                return self._collect_messages(ours, process, described["n_cases"])
            except RecursionError:  # the answer is too deep to be handed over
                return [], "the answer's code is nested too deeply"
            finally:
                _end(process)  # first, so that the thread that reads comes to its end before the number is used again
                ours.close()

    def _collect_messages(
        self, connection: Connection, process: BaseProcess, n_cases: int
    ) -> tuple[list[dict[str, Any]], str]:
        """Collect an answer's messages until it is through, or breaks a limit."""
        messages: list[dict[str, Any]] = []
        # A thread reads, for a read has no limit in time: an answer may write two bytes of a message and no more.
        received: queue.Queue[bytes | Exception] = queue.Queue(MAX_WAITING)
        threading.Thread(target=_read_all, args=[connection, received], daemon=True).start()
        ready, deadline = False, time.monotonic() + SECONDS_TO_START
        while len(messages) < 1 + n_cases and not (messages and "wrong" in messages[0]):
            if self._stopped():
                raise _Stopped
            if time.monotonic() > deadline:
                return messages, TOO_LONG if ready else "its process did not start"
            if _memory_mb(process) > self._limits.memory_mb:
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


def _read_all(connection: Connection, received: "queue.Queue[bytes | Exception]") -> None:
    """Put the messages that come through a connection into a queue, and at last the error that ends them."""
    try:
        while True:
            received.put(connection.recv_bytes(MAX_MESSAGE_BYTES), timeout=SECONDS_UNREAD)
    except Exception as error:
        with contextlib.suppress(queue.Full):  # nobody looks any more: the answer has been ended
            received.put(error, timeout=SECONDS_UNREAD)


def _memory_mb(process: BaseProcess) -> float:
    """Return how much memory a process holds together with all that it has started."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(process.pid)
        for member in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total / 1e6


def _how_it_ended(process: BaseProcess) -> str:
    process.join(1)
    code = process.exitcode
    if code is not None and code < 0:
        return f"its process was ended by signal {signal.Signals(-code).name}"
    return f"its process ended early, with exit status {code}"


def _end(process: BaseProcess) -> None:
    """Kill a process and everything that it started, also what has been left behind by its own parent."""
    if process.pid is None:
        return
    if hasattr(os, "killpg"):  # the process leads a session of its own
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGSTOP)  # so that nothing more is started meanwhile
    if process.is_alive():
        with contextlib.suppress(psutil.Error):
            kill_tree(psutil.Process(process.pid))
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join()


def _refused(message: dict[str, Any]) -> tuple[str, str, str]:
    """Return the verdict on an answer that cannot even be called; it comes from the answer's own process."""
    try:
        return WRONG, "", _with_evidence(str(message["wrong"]), message["evidence"])
    except (KeyError, TypeError, ValueError):
        return BROKEN, "", NO_RESULT


def _with_evidence(message: str, evidence: Sequence[Sequence[str]]) -> str:
    details = "; ".join(f"{label}: {text}" for label, text in evidence)
    return f"{message} ({details})" if details else message


def _note(text: str) -> str:
    """Return a text on one line, without control characters, and not too long."""
    line = " ".join(CONTROLS.sub(" ", text).split()).encode("utf-8", "replace").decode("utf-8")
    return line if len(line) <= MAX_NOTE else line[:MAX_NOTE] + "…"


@dataclass(frozen=True)
class GradeReport:
    """The finished table.

    Attributes:
        time: When the grading began.
        folder: The name of the folder of submissions.
        grades: The lines, by submission.
    """

    time: datetime.datetime
    folder: str
    grades: Sequence[Grade]

    @cached_property
    def submissions(self) -> dict[str, dict[str, Grade]]:
        """For each submission the grade of each exercise."""
        table: dict[str, dict[str, Grade]] = {}
        for grade in self.grades:
            table.setdefault(grade.submission, {})[grade.exercise] = grade
        return table

    @property
    def exercises(self) -> list[str]:
        """All exercises, in the order in which they were met."""
        return list(dict.fromkeys(grade.exercise for grade in self.grades))

    @property
    def counts(self) -> dict[str, int]:
        """How often each verdict was given."""
        found = Counter(grade.verdict for grade in self.grades)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def misconceptions(self) -> list[tuple[str, str, int]]:
        """The exercise, the misconception and how many have it, the most frequent first."""
        found = Counter((grade.exercise, grade.misconception) for grade in self.grades if grade.misconception)
        return [(exercise, name, n) for (exercise, name), n in found.most_common()]

    def summary(self) -> list[str]:
        """Return what the terminal shows at the end."""
        lines = ["", f"{count(len(self.submissions), 'submission')}: {summary(self.grades)}"]
        return lines + [f"  {exercise}: {name} ({n})" for exercise, name, n in self.misconceptions]

    def write(self, folder: Path) -> Path:
        """Write the table as CSV and JSON, and the page; return the page."""
        rows = [asdict(grade) for grade in self.grades]
        write_text(folder / "grades.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        write_text(folder / "grades.csv", as_csv(COLUMNS, rows))
        index = folder / "index.html"
        write_text(index, self.page())
        return index

    def page(self) -> str:
        """Return the page with the table, the misconceptions and the notes."""
        return render("grade.html.j2", report=self, students=by_student(self.grades))
