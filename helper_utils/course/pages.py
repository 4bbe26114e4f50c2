"""Executed notebooks as HTML pages that can be read without a network. Imports nbconvert: slow."""

from pathlib import Path

from nbconvert.exporters import HTMLExporter

from helper_utils.course.files import write_text

# What we change in nbconvert's page: its pictures lack their alternative texts, and it waits for scripts from the net
# before it shows anything. RequireJS serves only the widgets of old notebooks and is left out; MathJax comes when it
# comes, and without a network the formulas stay readable as LaTeX.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}
<script type="text/x-mathjax-config">
MathJax.Hub.Config({
  tex2jax: {inlineMath: [['$', '$'], ['\\\\(', '\\\\)']], processEscapes: true},
  messageStyle: 'none'
});
</script>
<script async src="{{ resources.mathjax_url }}"></script>
{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block data_png scoped -%}
{{- super() | replace('<img ', '<img alt="%s" ' | format(output | get_metadata('alt', 'image/png') | escape_html)) -}}
{%- endblock -%}
"""


def write_page(notebook: Path, page: Path) -> None:
    """Write a notebook file as one self-contained HTML page, its pictures embedded."""
    exporter = HTMLExporter(raw_template=TEMPLATE, embed_images=True)
    html, _ = exporter.from_filename(str(notebook))
    write_text(page, html)
