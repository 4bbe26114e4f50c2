"""The report of a run: tables as CSV and JSON, JUnit XML, and one page that links everything."""

import datetime
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from helper_utils.base.files import write_text
from helper_utils.base.versions import installed_versions
from helper_utils.course.errors import count
from helper_utils.course.lessons import Lesson
from helper_utils.course.reports.results import RESULT_COLUMNS, claims_held, count_passed, result_columns
from helper_utils.course.reports.tables import PAGE_LINKS, as_text, render, write_table
from helper_utils.course.running.notebook import NOT_RUN, Job, Result

NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

LESSON_COLUMNS = ("lesson", "title", *RESULT_COLUMNS, "parameters")
VALUE_COLUMNS = ("lesson", "name", "value")
CLAIM_COLUMNS = ("lesson", "cell", "sentence", "holds", "effect", "low", "high", "n", "unit", "evidence")


@dataclass(frozen=True)
class Entry:
    """One lesson of a run: what it is, how it was run, and what came of it."""

    lesson: Lesson
    job: Job | None
    result: Result

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The values of all parameters in this run."""
        if not self.job:
            return {}
        defaults = {name: parameter.default_value for name, parameter in self.lesson.parameters.items()}
        return defaults | dict(self.job.parameters)

    @property
    def strict(self) -> bool:
        """Whether a false claim fails the lesson."""
        return self.job is not None and self.job.strict


@dataclass(frozen=True)
class Report:
    """A finished, or stopped, run.

    Attributes:
        started: When it began.
        ended: When it was over.
        lessons: The selected lessons.
        jobs: How those that could be read were run.
        results: One result a lesson.
    """

    started: datetime.datetime
    ended: datetime.datetime
    lessons: Sequence[Lesson]
    jobs: Sequence[Job]
    results: Sequence[Result]
    versions: Mapping[str, str] = field(default_factory=installed_versions)

    @cached_property
    def entries(self) -> list[Entry]:
        """The lessons with their jobs and results."""
        jobs = {job.lesson: job for job in self.jobs}
        return [
            Entry(lesson, jobs.get(lesson.name), result)
            for lesson, result in zip(self.lessons, self.results, strict=True)
        ]

    @property
    def seconds(self) -> float:
        """How long the whole run took."""
        return (self.ended - self.started).total_seconds()

    @property
    def numbers(self) -> dict[str, str]:
        """What the page shows first."""
        return {
            "Lessons passed": f"{count_passed(self.results)} of {len(self.results)}",
            "Claims that hold": claims_held(self.results),
            "Time": f"{self.seconds:.1f} s",
        }

    def summary(self) -> list[str]:
        """Return what the terminal shows at the end."""
        lines = [
            "",
            f"{count_passed(self.results)} of {count(len(self.results), 'lesson')} passed, "
            f"{claims_held(self.results)} claims hold, {self.seconds:.1f} s",
        ]
        for entry in self.entries:
            result = entry.result
            if not result.passed:
                lines.append(f"  {result.lesson}: {result.status}{': ' if result.error else ''}{result.error}")
            for claim in result.claims:
                if not claim["holds"]:
                    note = "" if entry.strict else " (not strict: the parameters are not the defaults)"
                    lines.append(f"  {result.lesson}: does not hold: {claim['sentence']}{note}")
        return lines

    def write(self, folder: Path) -> Path:
        """Write all files of the report.

        Args:
            folder: Where the executed notebooks are.

        Returns:
            The page that links everything.
        """
        write_table(folder, "lessons", LESSON_COLUMNS, self.lesson_rows())
        write_table(folder, "values", VALUE_COLUMNS, self.value_rows())
        write_table(folder, "claims", CLAIM_COLUMNS, self.claim_rows())
        write_text(folder / "junit.xml", self.junit())
        self.link_pages()
        index = folder / "index.html"
        write_text(index, self.page())
        return index

    def link_pages(self) -> None:
        """Link the page of each lesson to the report and to the pages before and after it."""
        pages = [(entry.lesson, entry.result.page) for entry in self.entries if entry.result.page]
        for index, (_, page) in enumerate(pages):
            links = ['<a href="index.html">Report</a>']
            links += [_link("←", *before) for before in pages[:index][-1:]]
            links += [_link("→", *after) for after in pages[index + 1 :][:1]]
            text = page.read_text(encoding="utf-8").replace(PAGE_LINKS, " ".join(links))
            for _, other in pages:
                text = text.replace(f'href="{other.stem}.ipynb', f'href="{other.name}')
            write_text(page, text)

    def lesson_rows(self) -> list[dict[str, Any]]:
        """Return the table of lessons."""
        return [
            {
                "lesson": entry.lesson.name,
                "title": entry.lesson.title,
                **result_columns(entry.result),
                "parameters": entry.parameters,
            }
            for entry in self.entries
        ]

    def value_rows(self) -> list[dict[str, Any]]:
        """Return the table of recorded values."""
        return [
            {"lesson": result.lesson, "name": name, "value": value}
            for result in self.results
            for name, value in result.values.items()
        ]

    def claim_rows(self) -> list[dict[str, Any]]:
        """Return the table of claims."""
        claims = [{"lesson": result.lesson, **claim} for result in self.results for claim in result.claims]
        return [{column: claim.get(column) for column in CLAIM_COLUMNS} for claim in claims]

    def junit(self) -> str:
        """Return the results as JUnit XML: a suite for each lesson, a case for its execution and one for each claim.

        A false claim is a failure in strict mode; elsewhere it is marked as skipped, as it does not fail the run.
        """
        root = ElementTree.Element("testsuites", name="course", time=f"{self.seconds:.2f}")
        totals = dict.fromkeys(("tests", "failures", "errors"), 0)
        for entry in self.entries:
            suite = _suite(entry, self.started)
            root.append(suite)
            for kind in totals:
                totals[kind] += int(suite.get(kind, 0))
        root.attrib.update({kind: str(number) for kind, number in totals.items()})
        ElementTree.indent(root)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"

    def page(self) -> str:
        """Return the page that links everything."""
        return render("run.html.j2", report=self)


def _link(arrow: str, lesson: Lesson, page: Path) -> str:
    name = html.escape(f"{lesson.name[:2]} · {lesson.title}")
    return f'<a href="{quote(page.name)}">{arrow} {name}</a>'


def _suite(entry: Entry, started: datetime.datetime) -> ElementTree.Element:
    result = entry.result
    suite = ElementTree.Element("testsuite", name=result.lesson, time=f"{result.seconds:.2f}")
    suite.set("timestamp", started.replace(tzinfo=None).isoformat(timespec="seconds"))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in entry.parameters.items():
        ElementTree.SubElement(properties, "property", name=name, value=_xml(as_text(value)))
    execution = ElementTree.SubElement(
        suite, "testcase", classname=result.lesson, name="execution", time=f"{result.seconds:.2f}"
    )
    if result.status == NOT_RUN:
        ElementTree.SubElement(execution, "skipped", message="not run")
    elif not result.passed:
        ElementTree.SubElement(execution, "error", type=result.status, message=_xml(result.error))
    for claim in result.claims:
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.lesson, name=_xml(claim["sentence"]), time="0"
        )
        if not claim["holds"]:
            kind = "failure" if entry.strict else "skipped"
            problem = ElementTree.SubElement(case, kind, message="the claim does not hold")
            problem.text = _xml(f"evidence: {as_text(claim['evidence'])}")
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    return suite


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return NOT_IN_XML.sub("", text)
