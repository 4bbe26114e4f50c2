"""`course claims`: every claim of the lessons on several base seeds, kept in one table beside the notebooks.

The table, `claims.json`, says for each claim how large its effect was and on how many seeds it held. A row a line, so
that a change of one claim is a change of one line.
"""

import datetime
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from helper_utils.base.files import write_text
from helper_utils.base.versions import installed_versions
from helper_utils.course.commands.run import execute, make_jobs
from helper_utils.course.errors import CourseError
from helper_utils.course.files import shown
from helper_utils.course.lessons import Lesson
from helper_utils.course.reports.tables import rounded
from helper_utils.course.running.notebook import Result

TABLE = "claims.json"
PACKAGES = ("torch", "scikit-learn", "numpy", "optuna")  # those on which the numbers depend


def check_claims(
    lessons: Sequence[Lesson], folder: Path, *, seeds: Sequence[int], n_at_once: int | None, timeout: float
) -> int:
    """Run lessons on several base seeds, and write how their claims fared into the table.

    Rows of other lessons stay as they are. Where a run fails, the table stays as it was.

    Args:
        lessons: The lessons to run.
        folder: The folder of the notebooks, where the table is.
        seeds: The base seeds.
        n_at_once: How many runs at the same time, or None for a choice by the number of cores.
        timeout: Seconds for each run.

    Returns:
        The exit status: 0, 1 if a run failed or a claim did not hold on some seed, 128 and the signal's number if the
        runs were stopped.

    Raises:
        CourseError: A lesson cannot be read, has no parameter `seed`, or the table cannot be written.
    """
    for lesson in lessons:
        if lesson.error or "seed" not in lesson.parameters:
            raise CourseError(lesson.error or f"{lesson.name} has no parameter 'seed'")
    results: dict[str, dict[int, Result]] = {lesson.name: {} for lesson in lessons}
    for seed in seeds:
        click.echo(f"base seed {seed}")
        with tempfile.TemporaryDirectory(prefix="course-") as scratch:
            values = {lesson.name: {"seed": seed} for lesson in lessons}
            jobs, n = make_jobs(lessons, values, Path(scratch), n_at_once=n_at_once, timeout=timeout, html=False)
            jobs = [replace(job, strict=False) for job in jobs]  # all claims are to be seen, the false ones too
            found, stopped_by = execute(lessons, jobs, n)
        if stopped_by:
            return 128 + stopped_by
        for lesson, result in zip(lessons, found, strict=True):
            results[lesson.name][seed] = result
    failed = [result for by_seed in results.values() for result in by_seed.values() if not result.passed]
    if failed:
        click.echo(f"The table is left as it was: {len(failed)} runs did not come to their end.")
        return 1
    rows = [row for name, by_seed in results.items() for row in claim_rows(name, by_seed)]
    _write_table(folder / TABLE, rows, list(results))
    for row in rows:
        if row["not_on"]:
            click.echo(f"{row['lesson']}: held on {row['held']} of {len(row['seeds'])} base seeds: {row['sentence']}")
    n_always = sum(not row["not_on"] for row in rows)
    click.echo(f"{n_always} of {len(rows)} claims hold on all {len(seeds)} base seeds")
    click.echo(f"Table: {shown(folder / TABLE)}")
    return int(n_always < len(rows))


def claim_rows(lesson: str, by_seed: Mapping[int, Result]) -> list[dict[str, Any]]:
    """Return a row for each claim of a lesson: where it stands, on which seeds it held, and how large its effect was.

    Args:
        lesson: The lesson's name.
        by_seed: What became of the lesson on each base seed.

    Returns:
        Rows with `lesson`, `cell`, `sentence`, `seeds` (those tried), `held` (on how many of them), `not_on` (on which
        not), `effect` (the smallest and the largest one), `low` and `high` (the outermost ends of the
        intervals), `n` (pairs or cases of one run), `unit`. What a claim does not have is None.
    """
    rows: dict[str, dict[str, Any]] = {}
    for seed, result in by_seed.items():
        for claim in result.claims:
            row = rows.setdefault(
                claim["sentence"],
                {"lesson": lesson, "cell": claim["cell"], "sentence": claim["sentence"], "seeds": [], "held": 0,
                 "not_on": [], "effect": [], "low": [], "high": [], "n": claim.get("n"), "unit": claim.get("unit", "")},
            )  # fmt: skip
            row["seeds"].append(seed)
            row["held"] += claim["holds"]
            row["not_on"] += [] if claim["holds"] else [seed]
            for key in ("effect", "low", "high"):
                row[key] += [claim[key]] if isinstance(claim.get(key), int | float) else []
    for row in rows.values():
        # Rounded, for what is below the fourth digit differs from machine to machine.
        row["effect"] = rounded([min(row["effect"]), max(row["effect"])]) if row["effect"] else None
        row["low"] = rounded(min(row["low"], default=None))
        row["high"] = rounded(max(row["high"], default=None))
    return list(rows.values())


def read_table(path: Path) -> dict[str, Any]:
    """Read the table; one that is not there is empty."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"claims": []}
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from None


def _write_table(path: Path, rows: Iterable[Mapping[str, Any]], lessons: Sequence[str]) -> None:
    """Put the rows of some lessons into the table in place of those that it has of them."""
    stamp = {"date": datetime.date.today().isoformat(), "versions": installed_versions(PACKAGES)}
    kept = [row for row in read_table(path)["claims"] if row["lesson"] not in lessons]
    table = sorted([*kept, *({**row, **stamp} for row in rows)], key=lambda row: (row["lesson"], row["cell"]))
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in table)
    write_text(path, f'{{"claims": [\n{lines}\n]}}\n')
