"""Executed notebooks as HTML pages that need no network. Imports nbconvert: slow."""

import html
import re
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import pass_context
from jinja2.runtime import Context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML

from helper_utils.base.files import write_text
from helper_utils.course.lessons import without_outside_links
from helper_utils.course.reports.tables import PAGE_LINKS, render

# nbconvert's own template loads scripts from the net, leaves out the alternative texts of pictures, makes every cell a
# stop of the Tab key and knows no folded cells. This one makes the cells only.
TEMPLATE = Path(__file__).with_name("cells.html.j2").read_text(encoding="utf-8")
WIDGET = "application/vnd.jupyter.widget-view+json"

# Code comes first: a dollar in it is no formula.
CODE_OR_FORMULA = re.compile(r"<(code|pre)\b.*?</\1>|\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+?)\$", re.DOTALL)
HEADING = re.compile(r'<h(?P<level>[1-4]) id="[^"]*">(?P<text>.*?)</h\1>', re.DOTALL)
ANCHOR = re.compile(r'<a class="anchor-link".*?</a>', re.DOTALL)
SCRIPT_OR_TABLE = re.compile(r"<script\b.*?</script>|(?P<table><table\b.*?</table>)", re.DOTALL)
EMPTY_HEADER = re.compile(r"<th\b[^>]*>\s*</th>")
FORMULA_HEADER = re.compile(r"<th\b(?P<rest>[^>]*)>\s*(?P<math><math\b(?:(?!</th>).)*</math>)\s*</th>", re.DOTALL)
PAPERMILLS_MARK = "papermill-error-cell-tag"  # of a cell that papermill adds at the top, and of one at the error
AT_THE_ERROR, TO_THE_ERROR = "## The error", "An error has stopped this run: [see where](#The-error)."
PHONE_WIDTH = 30  # characters of a formula; a longer one can be scrolled there


@dataclass(frozen=True)
class Heading:
    """An entry of the table of contents."""

    level: int
    id: str
    text: str


class CellExporter(HTMLExporter):
    """The cells of a notebook as HTML with formulas as MathML (https://www.w3.org/TR/mathml-core/).

    Attributes:
        headings: Those of the Markdown cells, in their order; collected while a notebook is exported.
    """

    def __init__(self) -> None:
        super().__init__(raw_template=TEMPLATE, embed_images=True)
        self.headings: list[Heading] = []
        self.n_of_id: Counter[str] = Counter()

    def default_filters(self) -> Generator[tuple[str, Any], None, None]:
        """Return nbconvert's filters and those of our template."""
        yield from super().default_filters()
        yield "first_comment", first_comment

    def from_notebook_node(
        self, nb: nbformat.NotebookNode, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Convert as nbconvert does, but do not parse the whole page again, for what our template has written."""
        lexer = nb.metadata.get("language_info", {}).get("pygments_lexer", "python")
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer=lexer, parent=self))
        return TemplateExporter.from_notebook_node(self, nb, resources, **options)

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """Turn a Markdown cell into HTML."""
        text = ANCHOR.sub("", super().markdown2html(context, without_outside_links(source)))
        return CODE_OR_FORMULA.sub(_as_mathml, HEADING.sub(self._keep_heading, text))

    def _keep_heading(self, found: re.Match[str]) -> str:
        """Keep a heading for the table of contents, and give it an id that no other has."""
        level, words = int(found["level"]), html.unescape(_words(found["text"])).replace("$", "")
        name = re.sub(r"\W+", "-", words).strip("-")
        self.n_of_id[name] += 1
        if self.n_of_id[name] > 1:
            name += f"-{self.n_of_id[name]}"
        self.headings.append(Heading(level, name, words))
        return f'<h{level} id="{name}">{found["text"]}</h{level}>'


def first_comment(source: str) -> str:
    """Return what a folded cell says of itself: the comment in its first line, or `Code`."""
    first = source.strip().partition("\n")[0]
    return first.lstrip("# ").rstrip(".") if first.startswith("#") else "Code"


def write_page(notebook: Path, page: Path) -> None:
    """Write a notebook file as one self-contained HTML page, its pictures embedded.

    The page has a place for links to other pages, which the report of the run fills.
    """
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if PAPERMILLS_MARK in cell.metadata.get("tags", []):
            cell.source = AT_THE_ERROR if "id=" in cell.source else TO_THE_ERROR
        if cell.cell_type == "code":  # neither what `record` keeps nor a widget can be shown
            cell.outputs = [o for o in cell.outputs if o.get("data") != {} and WIDGET not in o.get("data", {})]
    exporter = CellExporter()
    body, _ = exporter.from_notebook_node(content)
    body = SCRIPT_OR_TABLE.sub(_as_wide, body)
    titles = [heading.text for heading in exporter.headings if heading.level == 1]
    title = titles[0] if titles else notebook.stem
    contents = [heading for heading in exporter.headings if heading.text != title]
    write_text(page, render("lesson.html.j2", title=title, headings=contents, body=body, links=PAGE_LINKS))


def _as_mathml(found: re.Match[str]) -> str:
    formula = found["display"] or found["inline"]
    if not formula:
        return found[0]
    try:
        math = convert(html.unescape(formula), display="block" if found["display"] else "inline")
    except Exception:  # what the converter does not know stays readable as LaTeX
        return found[0]
    if found["display"]:
        return f'<span class="wide">{math}</span>'
    is_long = len(_words(math)) > PHONE_WIDTH
    return f'<span class="wide long">{math}</span>' if is_long else math


def _as_wide(found: re.Match[str]) -> str:
    """Let a table scroll by itself, and make its empty headers, as pandas has them, plain cells."""
    if not found["table"]:
        return found[0]
    table = FORMULA_HEADER.sub(_with_name, EMPTY_HEADER.sub("<td></td>", found["table"]))
    return f'<div class="wide">{table}</div>'


def _with_name(found: re.Match[str]) -> str:
    """Give a header that is only a formula words for screen readers."""
    words = f'<span class="spoken">{_words(found["math"])}</span>'
    return f'<th{found["rest"]}>{words}<span aria-hidden="true">{found["math"]}</span></th>'


def _words(text: str) -> str:
    """Return HTML without its tags; characters stay escaped."""
    return re.sub(r"<[^>]+>", "", text).strip()
