"""Executed notebooks as HTML pages that need no network. Imports nbconvert: slow."""

import html
import re
from pathlib import Path

import nbformat
from jinja2 import pass_context
from jinja2.runtime import Context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter

from helper_utils.course.files import write_text

# nbconvert's own page loads its scripts for formulas, diagrams and old widgets from the net, and leaves out the
# alternative texts of pictures. Here formulas are MathML, which browsers draw by themselves.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block data_png scoped -%}
{{- super() | replace('<img ', '<img alt="%s" ' | format(output | get_metadata('alt', 'image/png') | escape_html)) -}}
{%- endblock -%}
"""

# Code comes first: a dollar in it is no formula.
CODE_OR_FORMULA = re.compile(r"<(code|pre)\b.*?</\1>|\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+?)\$", re.DOTALL)


class PageExporter(HTMLExporter):
    """nbconvert's HTML with formulas as MathML (https://www.w3.org/TR/mathml-core/)."""

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """Turn a Markdown cell into HTML."""
        return CODE_OR_FORMULA.sub(_as_mathml, super().markdown2html(context, source))


def write_page(notebook: Path, page: Path) -> None:
    """Write a notebook file as one self-contained HTML page, its pictures embedded."""
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "code":  # what `record` keeps is not to be shown, and nbconvert warns of it
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    text, _ = PageExporter(raw_template=TEMPLATE, embed_images=True).from_notebook_node(
        content, {"metadata": {"name": notebook.stem}}
    )
    write_text(page, text)


def _as_mathml(found: re.Match[str]) -> str:
    formula = found["display"] or found["inline"]
    if not formula:
        return found[0]
    try:
        return convert(html.unescape(formula), display="block" if found["display"] else "inline")
    except Exception:  # what the converter does not know stays readable as LaTeX
        return found[0]
