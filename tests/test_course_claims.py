"""`course claims`, and the table that is kept of all claims."""

import json
from pathlib import Path

import pytest
from support import Course, write_notebook

from helper_utils.course.commands.claims import claim_rows
from helper_utils.course.running.notebook import PASSED, Result

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SEED = "seed: int = 0  # the base seed, at least 0"
CLAIMS = (
    "from helper_utils import claim, claim_higher\n"
    "claim_higher('It is higher.', [seed + 2.0, seed + 2.5, seed + 3.0], [1.0, 1.0, 1.0], unit='points')",
    "claim('The seed is not 2.', seed != 2, {'seed': seed})",
)


def claim(sentence: str, holds: bool, **more: float) -> dict:
    return {"cell": 1, "sentence": sentence, "holds": holds, "n": 8, "unit": "points", **more}


def test_a_row_says_where_a_claim_held_and_how_large_its_effect_was():
    by_seed = {
        3: Result("01_a", PASSED, claims=[claim("More.", True, effect=0.25, low=0.123456)]),
        7: Result("01_a", PASSED, claims=[claim("More.", False, effect=0.5, low=-0.5), claim("Rare.", True)]),
    }
    more, rare = claim_rows("01_a", by_seed)
    assert more == {
        "lesson": "01_a", "cell": 1, "sentence": "More.", "seeds": [3, 7], "held": 1, "not_on": [7],
        "effect": [0.25, 0.5], "low": -0.5, "high": None, "n": 8, "unit": "points",
    }  # fmt: skip
    assert (rare["seeds"], rare["held"], rare["effect"]) == ([7], 1, None)


@pytest.mark.slow
def test_the_table_is_written_and_rows_of_other_lessons_stay(tmp_path):
    course = Course(tmp_path)
    notes = tmp_path / "notes {1}"
    write_notebook(notes / "01_a.ipynb", *CLAIMS, parameters=SEED)
    write_notebook(notes / "02_b.ipynb", "1 / (seed - 5)", parameters=SEED)
    other = {"lesson": "03_c", "cell": 1, "sentence": "Other."}
    (notes / "claims.json").write_text(json.dumps({"claims": [other]}))

    status, output = course.run("claims", "1", "--seeds", "1,2")
    assert status == 1
    assert "held on 1 of 2 base seeds: The seed is not 2." in output
    assert "1 of 2 claims hold on all 2 base seeds" in output
    higher, not_two, kept = json.loads((notes / "claims.json").read_text())["claims"]
    assert kept == other
    assert (higher["effect"], higher["seeds"], higher["held"], higher["unit"]) == ([2.5, 3.5], [1, 2], 2, "points")
    assert not_two["not_on"] == [2]
    assert (higher["cell"], not_two["cell"]) == (2, 3)  # of the stored notebook
    assert {"Python", "numpy"} <= set(higher["versions"])
    assert higher["date"]

    before = (notes / "claims.json").read_bytes()
    status, output = course.run("claims", "2", "--seeds", "5")
    assert (status, (notes / "claims.json").read_bytes()) == (1, before)
    assert "ZeroDivisionError" in output
    assert course.left_behind() == []


@pytest.mark.parametrize("seeds", ["", "a", "1,,2", "1 2", "-1", "9999999", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_seeds_that_are_none_are_refused(tmp_path, seeds):
    write_notebook(tmp_path / "notes {1}" / "01_a.ipynb", *CLAIMS, parameters=SEED)
    status, output = Course(tmp_path).run("claims", "--seeds", seeds)
    assert status == 1
    assert "expected whole numbers separated by commas" in output


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_table_has_the_claims_that_the_lesson_makes(path):
    outputs = [output for cell in json.loads(path.read_text())["cells"] for output in cell.get("outputs", [])]
    contents = [output.get("metadata", {}).get("helper_utils", {}) for output in outputs]
    sentences = [content["claim"]["sentence"] for content in contents if "claim" in content]
    rows = json.loads((NOTEBOOKS / "claims.json").read_text())["claims"]
    assert [row["sentence"] for row in rows if row["lesson"] == path.stem] == sentences, "run `make claims`"
