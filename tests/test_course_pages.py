import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helper_utils.course.reports.notebook_page import write_page


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


def test_recorded_values_leave_no_trace_on_the_page(tmp_path):
    value = new_output("display_data", {}, metadata={"helper_utils": {"record": {"name": "x", "value": 1}}})
    nbformat.write(new_notebook(cells=[new_code_cell("x", outputs=[value])]), tmp_path / "01_a.ipynb")
    write_page(tmp_path / "01_a.ipynb", tmp_path / "01_a.html")  # nbconvert's warning would be an error here
    page = (tmp_path / "01_a.html").read_text(encoding="utf-8")
    assert "jp-OutputArea-output" not in page.partition("<body")[2]
