import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helper_utils.course.reports.notebook_page import write_page


def page_of(folder: Path, *cells: nbformat.NotebookNode) -> str:
    nbformat.write(new_notebook(cells=list(cells)), folder / "01_a.ipynb")
    write_page(folder / "01_a.ipynb", folder / "01_a.html")
    return (folder / "01_a.html").read_text(encoding="utf-8")


def test_a_folded_cell_shows_its_comment_and_a_click_unfolds_its_code(tmp_path):
    folded = new_code_cell("# Draws <this>.\nx = 1", metadata={"tags": ["hide-input"]})
    page = page_of(tmp_path, folded, new_code_cell("y = 2"))
    assert "<summary>Draws &lt;this&gt;</summary>" in page
    folded, _, rest = page.partition("<summary>Draws")[2].partition("</details>")
    assert "x" in re.findall(r'<span class="n">(\w+)</span>', folded)
    assert "y" in re.findall(r'<span class="n">(\w+)</span>', rest)


def test_a_page_has_a_title_contents_whose_links_lead_somewhere_and_a_way_past_them(tmp_path):
    text = "# 01 · Sums & more\n\n## Part $x^2$\n\nOne.\n\n### Exercise · Add\n\n## Same\n\n## Same"
    page = page_of(tmp_path, new_markdown_cell(text))
    assert "<title>01 · Sums &amp; more</title>" in page
    contents = page.partition('<nav class="contents"')[2].partition("</nav>")[0]
    links = re.findall(r'<li class="level-(\d)"><a href="#([^"]+)">(.*?)</a>', contents)
    assert [(level, name) for level, _, name in links] == [
        *(("2", "Part x^2"), ("3", "Exercise · Add")),
        *(("2", "Same"), ("2", "Same")),
    ]
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert {target for _, target, _ in links} <= set(ids)
    skip = re.search(r'<body>\s*<a class="skip" href="#([^"]+)"', page)
    assert skip is not None
    assert skip[1] in ids


@pytest.mark.parametrize("table", ["| | b |\n|-|-|\n| 1 | 2 |", "| $f(x)$ | b |\n|-|-|\n| 1 | 2 |"])
def test_a_header_without_text_is_none_or_gets_words(tmp_path, table):
    page = page_of(tmp_path, new_markdown_cell(table))
    headers = re.findall(r"<th\b[^>]*>(.*?)</th>", page, re.DOTALL)
    assert all(re.sub(r"<math.*?</math>|<[^>]+>", "", header).strip() for header in headers)
    assert re.search(r'<div class="wide"><table', page)


def test_a_link_out_of_the_folder_becomes_words_and_one_to_a_lesson_stays(tmp_path):
    page = page_of(tmp_path, new_markdown_cell("See [the data](../data/README.md) and [02](02_data.ipynb)."))
    assert "See the data and" in page
    assert 'href="02_data.ipynb"' in page


def test_an_exercise_looks_like_one_and_a_slider_leaves_no_trace(tmp_path):
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "(A slider.)"}
    cell = new_code_cell('@exercise("a.b")\ndef f(): ...', outputs=[new_output("display_data", view)])
    page = page_of(tmp_path, cell, new_code_cell("x"))
    assert page.count('class="cell exercise"') == 1
    assert page.count('class="cell"') == 1
    assert "A slider" not in page


def test_a_page_gives_a_picture_the_words_of_its_metadata(tmp_path):
    picture = new_output(
        "display_data", {"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "a <rising> line", "width": 9}}
    )
    notebook = new_notebook(cells=[new_code_cell("", outputs=[picture])])
    nbformat.write(notebook, tmp_path / "01_a.ipynb")
    write_page(tmp_path / "01_a.ipynb", tmp_path / "01_a.html")
    page = (tmp_path / "01_a.html").read_text(encoding="utf-8")
    assert 'alt="a &lt;rising&gt; line"' in page
    assert page.count("<img") == 1


def test_formulas_are_drawn_without_scripts_and_code_is_left_alone(tmp_path):
    text = "Inline $a < b$, shown $$\\frac{1}{2}$$ and `code with $5 and $6`, unknown $\\nosuchcommand{x$."
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "01_a.ipynb")
    write_page(tmp_path / "01_a.ipynb", tmp_path / "01_a.html")
    page = (tmp_path / "01_a.html").read_text(encoding="utf-8")
    assert "<mfrac>" in page
    assert "code with $5 and $6" in page
    assert "nosuchcommand" in page
    assert "src=" not in page


def test_an_error_has_a_heading_to_which_the_top_links_and_no_colours_of_a_terminal(tmp_path):
    mark = {"tags": ["papermill-error-cell-tag"]}
    red = "\x1b[38;5;28mTraceback\x1b[39m of <me>"
    page = page_of(
        tmp_path,
        new_markdown_cell('An Exception at <a href="#papermill-error-cell">In [1]</a>.', metadata=mark),
        new_markdown_cell('<span id="papermill-error-cell">Stopped here:</span>', metadata=mark),
        new_code_cell("1 / 0", outputs=[new_output("error", ename="E", evalue="e", traceback=[red])]),
    )
    assert '<a href="#The-error">see where</a>' in page
    assert '<h2 id="The-error">The error</h2>' in page
    assert "Traceback of &lt;me&gt;" in page
    assert "papermill" not in page


def test_recorded_values_leave_no_trace_on_the_page(tmp_path):
    value = new_output("display_data", {}, metadata={"helper_utils": {"record": {"name": "x", "value": 1}}})
    nbformat.write(new_notebook(cells=[new_code_cell("x", outputs=[value])]), tmp_path / "01_a.ipynb")
    write_page(tmp_path / "01_a.ipynb", tmp_path / "01_a.html")  # nbconvert's warning would be an error here
    page = (tmp_path / "01_a.html").read_text(encoding="utf-8")
    assert 'class="output"' not in page
