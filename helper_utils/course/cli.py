"""The command `course`: list, params, doctor, run, sweep, refresh, grade, release and new."""

import math
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from helper_utils.course.errors import CourseError, explained
from helper_utils.course.lessons import Lesson, find_lessons, notebooks_directory

Command = TypeVar("Command", bound=Callable[..., Any])
LESSONS_AT_ONCE = "Lessons at the same time, each with one thread; by default one a core, at most 4."
MAX_SECONDS = 1e9  # thirty years; timers overflow at infinity


def folder_name(text: str) -> str:
    """Return the name of a folder with the home folder in the place of `~` or `~user`."""
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise CourseError(f"{text}: no home folder is known; write ./{text} for a folder of this name") from None


def timeout_option(text: str, default: float = 600) -> Callable[[Command], Command]:
    """Make the option --timeout with its help text; `inf` is no limit."""

    def finite(_ctx: click.Context, _option: click.Parameter, seconds: float) -> float:
        if math.isnan(seconds):
            raise CourseError("--timeout nan: expected a number of seconds, or inf for no limit")
        return min(seconds, MAX_SECONDS)

    return click.option(
        "--timeout",
        metavar="S",
        type=click.FloatRange(min=0, min_open=True),
        default=default,
        show_default=True,
        callback=finite,
        help=text,
    )


def jobs_option(text: str) -> Callable[[Command], Command]:
    """Make the option --jobs with its help text."""
    return click.option("--jobs", metavar="N", type=click.IntRange(min=1), help=text)


def output_option(text: str) -> Callable[[Command], Command]:
    """Make the option --output with its help text."""
    return click.option("--output", metavar="DIR", type=folder_name, help=text)


notebooks_option = click.option(
    "--notebooks",
    metavar="DIR",
    type=folder_name,
    envvar="HELPER_UTILS_NOTEBOOKS",
    help="Folder with the notebooks NN_topic.ipynb; by default the one of the course.",
)
lessons_argument = click.argument("names", metavar="[LESSON]...", nargs=-1)


def main() -> None:
    """Run the command; a character that the terminal cannot show becomes a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        os.write(1, b"")  # before anything runs: an output that is closed or full
    except OSError as error:
        sys.exit(f"Error: the standard output cannot be written: {error.strerror}")
    course.main(prog_name="course")


class OneLineErrors(click.Group):
    """A group of commands in which whatever goes wrong outside them ends with one line instead of a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse arguments that could be neither shown nor stored."""
        for argument in args:
            try:
                argument.encode()
            except UnicodeEncodeError as error:
                raise CourseError(explained(error)) from None
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # as in `course list | head`: click ends without a word
            raise
        except (OSError, UnicodeError) as error:
            raise CourseError(explained(error)) from None
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(128 + signal.SIGINT)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
def course() -> None:
    """Run the lessons of the course without opening them, and collect what they show.

    LESSON is a number (1 or 01), a topic (metrics) or a name (01_metrics); without one all lessons are meant.
    """


@course.command("list")
@notebooks_option
def list_(notebooks: str | None) -> None:
    """Show the lessons: title, promise, objectives and times."""
    for lesson in find_lessons(notebooks_directory(notebooks)):
        click.echo(_entry(lesson) + "\n")


@course.command()
@click.argument("name", metavar="LESSON")
@notebooks_option
def params(name: str, notebooks: str | None) -> None:
    """Show the parameters of a lesson: type, default and meaning."""
    for lesson in find_lessons(notebooks_directory(notebooks), [name]):
        lesson.check()
        if not lesson.parameters:
            click.echo(f"{lesson.name} has no parameters")
        for parameter in lesson.parameters.values():
            click.echo(f"{parameter.name}: {parameter.annotation} = {parameter.default}")
            if parameter.help:
                click.echo(_indented(parameter.help))


@course.command()
@notebooks_option
def doctor(notebooks: str | None) -> None:
    """Check this machine: packages, device, data, folders. Exits with status 1 if something is broken."""
    from helper_utils.course.commands.doctor import examine

    findings = list(examine(notebooks))
    for finding in findings:
        click.echo(f"{finding.state:<7} {finding.name:<18} {finding.text}")
    broken = sum(finding.state == "broken" for finding in findings)
    if broken:
        raise CourseError(f"{broken} of {len(findings)} checks found something broken")


@course.command()
@lessons_argument
@click.option(
    "-p", "options", metavar="NAME VALUE", nargs=2, multiple=True, help="Set a parameter of the lessons that have it."
)
@click.option(
    "--profile",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="quick: the defaults. full: the parameter sets in profiles/full.yaml beside the notebooks.",
)
@jobs_option(LESSONS_AT_ONCE)
@output_option("A new or empty folder for the results; by default runs/DATE-TIME.")
@timeout_option("Seconds after which a lesson is stopped.")
@click.option(
    "--strict", is_flag=True, help="A false claim fails a lesson also when its parameters are not the defaults."
)
@notebooks_option
def run(
    names: tuple[str, ...],
    options: tuple[tuple[str, str], ...],
    profile: str,
    jobs: int | None,
    output: str | None,
    timeout: float,
    strict: bool,
    notebooks: str | None,
) -> None:
    """Run lessons, and write notebooks, pages, tables and a report into a fresh folder."""
    from helper_utils.course.commands.run import run_lessons, set_parameters

    directory = notebooks_directory(notebooks)
    lessons = find_lessons(directory, names)
    values = set_parameters(lessons, directory, options, profile)
    for line in _partly_used(options, lessons):
        click.echo(line)
    sys.exit(run_lessons(lessons, values, output=output, n_at_once=jobs, timeout=timeout, strict=strict))


@course.command()
@click.argument("name", metavar="LESSON")
@click.option(
    "-p",
    "options",
    metavar="NAME VALUES",
    nargs=2,
    multiple=True,
    required=True,
    help="The values of a parameter, separated by commas, such as seed 0,1,2. Lists stand in brackets: "
    'sizes "[8,16],[32]" are two, sizes 8,16 is one. A text with a comma stands in quotes.',
)
@jobs_option(
    "Runs at the same time, each with one thread; by default one a core, at most 4. On a cluster by default as many as "
    "it has cores.",
)
@output_option("A new or empty folder for the results; by default runs/sweep-DATE-TIME.")
@click.option("--resume", is_flag=True, help="Go on with the sweep in --output: run what is missing or failed.")
@timeout_option("Seconds after which a run is stopped.")
@click.option("--strict", is_flag=True, help="A false claim fails a run; otherwise false claims are only counted.")
@click.option(
    "--backend",
    type=click.Choice(["loky", "dask"]),
    default="loky",
    show_default=True,
    help="loky: this machine. dask: an existing Dask cluster, whose workers have this package.",
)
@click.option("--address", metavar="HOST:PORT", help="The scheduler of the Dask cluster.")
@notebooks_option
def sweep(
    name: str,
    options: tuple[tuple[str, str], ...],
    jobs: int | None,
    output: str | None,
    resume: bool,
    timeout: float,
    strict: bool,
    backend: str,
    address: str | None,
    notebooks: str | None,
) -> None:
    """Run a lesson with every combination of parameters, and collect what it records and claims.

    Ctrl-C keeps what is finished; --resume runs the rest. A lesson is stopped on this machine at once; what runs on a
    cluster at that moment comes to its own end there, and is not collected.
    """
    from helper_utils.course.commands.sweep import run_sweep
    from helper_utils.course.sweep_plan import make_sweep

    if (backend == "dask") != bool(address) or address == "":
        raise CourseError("--backend dask and --address HOST:PORT belong together: give both or none")
    (lesson,) = find_lessons(notebooks_directory(notebooks), [name])
    plan = make_sweep(lesson, options, strict=strict)
    sys.exit(run_sweep(plan, output=output, resume=resume, n_at_once=jobs, timeout=timeout, address=address))


@course.command()
@notebooks_option
def progress(notebooks: str | None) -> None:
    """Show the exercises, lesson by lesson: right, tried and open."""
    from helper_utils.course.commands.progress import show_progress

    show_progress(find_lessons(notebooks_directory(notebooks)))


@course.command()
@lessons_argument
@jobs_option(LESSONS_AT_ONCE)
@timeout_option("Seconds after which a lesson is stopped.")
@notebooks_option
def refresh(names: tuple[str, ...], jobs: int | None, timeout: float, notebooks: str | None) -> None:
    """Run the stored notebooks with their defaults, and store them again with fresh outputs and tidy metadata.

    A notebook that fails is left as it was.
    """
    from helper_utils.course.commands.refresh import refresh_lessons

    lessons = find_lessons(notebooks_directory(notebooks), names)
    for lesson in lessons:
        lesson.check()
    sys.exit(refresh_lessons(lessons, n_at_once=jobs, timeout=timeout))


@course.command()
@lessons_argument
@click.option(
    "--seeds", metavar="N,N,...", default="1,2,3,4,5", show_default=True, help="The base seeds, separated by commas."
)
@jobs_option(LESSONS_AT_ONCE)
@timeout_option("Seconds after which a run is stopped.")
@notebooks_option
def claims(names: tuple[str, ...], seeds: str, jobs: int | None, timeout: float, notebooks: str | None) -> None:
    """Run lessons on several base seeds, and keep in claims.json on how many of them each claim holds.

    The table lies beside the notebooks. Exits with status 1 if a claim did not hold on some seed.
    """
    from helper_utils.course.commands.claims import check_claims

    directory = notebooks_directory(notebooks)
    lessons = find_lessons(directory, names)
    if not re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6})*", seeds):
        raise CourseError(f"--seeds {seeds!r}: expected whole numbers separated by commas, such as 1,2,3")
    numbers = list(dict.fromkeys(map(int, seeds.split(","))))
    sys.exit(check_claims(lessons, directory, seeds=numbers, n_at_once=jobs, timeout=timeout))


@course.command()
@click.argument("folder", metavar="FOLDER", type=folder_name)
@output_option("A new or empty folder for the table; by default runs/DATE-TIME.")
@timeout_option("Seconds for each answer.", default=30)
@click.option(
    "--memory",
    metavar="MB",
    type=click.IntRange(min=1),
    default=4000,
    show_default=True,
    help="Megabytes of memory for each answer, Python and its libraries included.",
)
@jobs_option("Submissions at the same time; by default one a core, at most 4.")
@notebooks_option
def grade(
    folder: str, output: str | None, timeout: float, memory: int, jobs: int | None, notebooks: str | None
) -> None:
    """Grade all notebooks below FOLDER: one table of files and exercises, as a page, CSV and JSON.

    right · wrong, with the misconception where it is a known one · not attempted · missing: the cell is gone · broken:
    could not be judged, and why.

    An answer is the function under @exercise("name"); of several the last one counts that is more than dots. Only the
    answers are run, each after the cells above it that bind or change what it uses, in a process and a scratch folder
    of its own. Of other exercises it uses the student's function if that is right, else the course's. The verdict is
    computed elsewhere, from what the answers return: what a notebook has stored as output, or has done to the checker,
    does not matter. Files beside the notebook are not there for it.

    This is made for a class that you trust not to attack the machine: answers run with your rights, and can reach your
    files and the network. Otherwise run it in a container without either.
    """
    from helper_utils.course.commands.grade import Limits, grade_folder

    lessons = find_lessons(notebooks_directory(notebooks))
    sys.exit(grade_folder(folder, lessons, output=output, limits=Limits(timeout, memory), n_at_once=jobs))


@course.command()
@click.argument("folder", metavar="FOLDER", type=folder_name)
@lessons_argument
@notebooks_option
def release(folder: str, names: tuple[str, ...], notebooks: str | None) -> None:
    """Write the lessons into FOLDER as a class gets them: no outputs, no answers.

    Cells with an answer become the untouched exercise again. FOLDER must be new or empty.
    """
    from helper_utils.course.commands.release import release_lessons

    release_lessons(folder, find_lessons(notebooks_directory(notebooks), names))


@course.command()
@click.argument("number")
@click.argument("topic")
@click.argument("title")
def new(number: str, topic: str, title: str) -> None:
    r"""Add a lesson: notebook, package, tests, exercises, quiz and the entries that list it.

    \b
    course new 22 weight_decay "Weight decay"

    The new lesson runs. What you are to replace is marked TODO in it, and fails the tests until you have.
    """
    from helper_utils.course.commands.new import add_lesson

    add_lesson(number, topic, title)


def _entry(lesson: Lesson) -> str:
    """Return a lesson's lines in the list."""
    if lesson.error:
        return f"{lesson.name}\n    {lesson.error}"
    times = [f"{time} {kind}" for time, kind in ((lesson.quick_time, "quick"), (lesson.full_time, "full")) if time]
    lines = [f"{lesson.name}  {lesson.title}"]
    lines += [f"Study time: {lesson.study_time}"] if lesson.study_time else []
    lines += [f"Run time: {', '.join(times)}"] if times else []
    lines += [lesson.promise] if lesson.promise else []
    lines += [f"- {objective}" for objective in lesson.objectives]
    lines += [f"Builds on: {lesson.builds_on}"] if lesson.builds_on else []
    return "\n".join([lines[0], *map(_indented, lines[1:])]).replace("**", "")


def _indented(text: str) -> str:
    width = min(shutil.get_terminal_size().columns, 120)
    return textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    ")


def _partly_used(options: tuple[tuple[str, str], ...], lessons: list[Lesson]) -> list[str]:
    """Say which parameters only some of the lessons have."""
    lines = []
    for name in dict.fromkeys(name for name, _ in options):
        owners = [lesson.name for lesson in lessons if name in lesson.parameters]
        if len(owners) < len(lessons):
            lines.append(f"{name} is a parameter of {', '.join(owners)} only; the other lessons run without it")
    return lines
