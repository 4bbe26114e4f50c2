import copy
import html
import json
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from scipy import stats

from helper_utils import ClaimError, claim, claim_equal, claim_higher, claim_level, paired_difference, record
from helper_utils.base import claims


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, dict]]:
    """The outputs that are displayed: (data, what is kept under helper_utils)."""
    outputs = []

    def display(data: dict, *, raw: bool, metadata: dict) -> None:
        assert raw
        outputs.append((data, metadata["helper_utils"]))

    monkeypatch.setattr(claims, "display", display)
    return outputs


def test_a_claim_is_shown_with_its_numbers_in_small_type(shown):
    claim("Two is more than one.", 2 > 1, {"two": 2.0, "third": 1 / 3})
    [(data, kept)] = shown
    assert data["text/plain"] == "✔ Claim holds: Two is more than one.\n  effect: two: 2, third: 0.3333"
    assert data["text/html"].endswith('<br><small class="claim-effect">two: 2, third: 0.3333</small></div>')
    assert kept["claim"]["sentence"] == "Two is more than one."
    assert kept["claim"]["holds"] is True
    assert kept["claim"]["evidence"] == {"two": 2.0, "third": 1 / 3}


def test_a_false_claim_is_shown_and_raises_in_strict_mode_only(shown, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_STRICT", "0")
    claim("One is more than two.", False)
    monkeypatch.setenv("HELPER_UTILS_STRICT", "1")
    with pytest.raises(ClaimError, match=r"One is more than two.*7"):
        claim("One is more than two.", False, 7)
    assert [kept["claim"]["holds"] for _, kept in shown] == [False, False]
    assert shown[0][0]["text/plain"] == "✘ Claim does not hold here: One is more than two."


@pytest.mark.parametrize("holds", [np.bool_(True), np.array([True]), torch.tensor(True), torch.tensor([[True]])])
def test_any_single_truth_value_will_do(shown, holds):
    claim("So it is.", holds)
    assert shown[0][1]["claim"]["holds"] is True


@pytest.mark.parametrize("holds", ["no", all, np.array([1.0]).all, 1, None, [True], torch.tensor(1.0)])
def test_what_is_no_truth_value_is_refused_though_python_takes_it_for_true(shown, holds):
    with pytest.raises(TypeError, match="holds must be True or False"):
        claim("So it is?", holds)
    assert not shown


@pytest.mark.parametrize("evidence", [[], {}, (), np.array([]), torch.tensor([])])
def test_all_of_nothing_is_no_claim(shown, evidence):
    with pytest.raises(ValueError, match="all of nothing"):
        claim("All of them are equal.", all(evidence), evidence)
    assert not shown


def test_markup_in_a_sentence_is_shown_as_it_is(shown):
    claim("a < b & b > c", True)
    assert "a &lt; b &amp; b &gt; c" in shown[0][0]["text/html"]


@dataclass
class Evidence:
    score: float


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (torch.tensor([1, 2]), [1, 2]),
        (np.array([[0.5]]), [[0.5]]),
        (float("nan"), "nan"),
        (np.array([np.inf]), ["inf"]),
        (Evidence(0.25), {"score": 0.25}),
        ({1: (True, None)}, {"1": [True, None]}),
    ],
)
def test_values_are_kept_as_json(shown, value, plain):
    record("value", value)
    assert shown[0] == ({}, {"record": {"name": "value", "value": plain}})
    json.dumps(shown[0][1], allow_nan=False)


def test_what_json_cannot_hold_is_refused_by_name(shown):
    with pytest.raises(TypeError, match="object"):
        record("value", object())
    assert not shown


def test_truth_must_be_a_single_value():
    with pytest.raises((ValueError, RuntimeError)):
        claim("All of them?", np.array([True, False]))  # type: ignore[arg-type]


pairs = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=20)


@given(pairs)
def test_paired_difference_is_that_of_scipy(values_and_baseline):
    values, baseline = map(list, zip(*values_and_baseline, strict=True))
    found = paired_difference(values, baseline)
    differences = np.subtract(values, baseline)
    assert found.mean == pytest.approx(differences.mean(), abs=1e-9)
    assert found.standard_error == pytest.approx(stats.sem(differences), abs=1e-9)
    assert found.n_pairs == len(values)


NOISE = np.array([-1.0, 0.0, 1.0]) * np.sqrt(3)  # three differences with a standard error of exactly 1
T_OF_THREE = float(stats.t.ppf(0.99, df=2))  # 6.96: three standard errors would be far too few


def holds(shown) -> bool:
    return shown[-1][1]["claim"]["holds"]


@pytest.fixture
def lenient(monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_STRICT", "0")


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("by", [0.0, 0.5, -0.5])
def test_higher_means_that_the_lower_end_of_the_t_interval_is(shown, by):
    claim_higher("More.", by + T_OF_THREE + 0.001 + NOISE, np.zeros(3), by=by)
    assert holds(shown)
    claim_higher("More.", by + T_OF_THREE - 0.001 + NOISE, np.zeros(3), by=by)
    assert not holds(shown)


@pytest.mark.usefixtures("lenient")
def test_no_difference_at_all_is_not_higher_and_a_certain_one_is(shown):
    claim_higher("More.", [1, 1, 1], [1, 1, 1])
    assert not holds(shown)
    claim_higher("More.", [2, 3, 4], [1, 2, 3], by=0.999)
    assert holds(shown)
    claim_higher("More.", [2, float("nan"), 4], [1, 2, 3])
    assert not holds(shown)


@pytest.mark.usefixtures("lenient")
def test_level_means_that_the_whole_interval_is_inside_the_margin(shown):
    margin = T_OF_THREE
    for mean, within in ((0.5, margin + 0.501), (-0.5, margin + 0.501)):
        claim_level("The same.", mean + NOISE, np.zeros(3), within=within)
        assert holds(shown)
        claim_level("The same.", mean + NOISE, np.zeros(3), within=within - 0.002)
        assert not holds(shown)
    with pytest.raises(ValueError, match="within must be above 0"):
        claim_level("The same.", NOISE, NOISE, within=0)


@given(pairs)
def test_the_interval_is_that_of_scipy(values_and_baseline):
    values, baseline = map(list, zip(*values_and_baseline, strict=True))
    found = paired_difference(values, baseline)
    differences = np.subtract(values, baseline)
    if np.ptp(differences) > 1e-6:  # scipy gives nan where all are equal
        interval = stats.ttest_1samp(differences, 0).confidence_interval(0.98)
        assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-6, abs=1e-6)


@pytest.mark.usefixtures("lenient")
def test_of_named_comparisons_all_must_hold_and_the_weakest_is_shown(shown):
    values = {"a": [3.0, 4.0, 5.0], "b": [2.5, 3.5, 4.5]}
    claim_higher("Both are more.", values, [1.0, 2.0, 3.0], unit="points")
    assert holds(shown)
    assert "b: +1.5 points" in shown[-1][0]["text/plain"]
    claim_higher("Both are more.", values, [1.0, 2.0, 3.0], by=1.6)
    assert not holds(shown)
    claim_higher("More than both.", [9.0, 9.0, 9.0], values)
    assert holds(shown)
    with pytest.raises(ValueError, match="same names"):
        claim_higher("Both.", values, {"a": [1, 2, 3]})
    with pytest.raises(ValueError, match="nothing to compare"):
        claim_higher("Both.", {}, {})


def test_a_comparison_keeps_and_shows_difference_interval_number_and_unit(shown):
    claim_higher("More.", [2.0, 3.0, 4.5], [1.0, 2.0, 3.0], by=0.001, unit="nats")
    [(data, kept)] = shown
    kept = kept["claim"]
    assert kept["effect"] == pytest.approx(7 / 6)
    assert kept["low"] == pytest.approx(7 / 6 - T_OF_THREE / 6)
    assert (kept["high"], kept["n"], kept["unit"]) == (None, 3, "nats")
    assert data["text/plain"].endswith("effect: +1.17 nats, 99% sure: above +0.00591, asked: above 0.001; 3 pairs")


def texts(page: str) -> list[str]:
    """What an HTML output says, element by element."""
    return [html.unescape(text) for text in re.split(r"<[^>]+>", page) if text.strip()]


def test_the_evidence_is_folded_under_the_effect_which_stays_in_the_open(shown):
    claim_higher("More.", [2.0, 3.0, 4.5], [1.0, 2.0, 3.0], unit="nats")
    opened, folded = shown[0][0]["text/html"].split("</summary>")
    assert texts(opened)[1:] == ["Claim holds:", " More.", "+1.17 nats, 99% sure: above +0.00591; 3 pairs"]
    assert "<details" in opened
    assert texts(folded) == [
        *("difference, nats", "standard error", "98% interval", "pairs"),
        *("+1.17", "0.17", "+0.00591 to +2.33", "3"),
    ]


def test_every_named_comparison_has_a_row_of_evidence(shown):
    claim_level("Level.", {"a<b": [1.0, 1.1, 1.0], "c": [1.0, 1.0, 1.1]}, [1.0, 1.0, 1.0], within=9)
    table = shown[0][0]["text/html"].partition("</summary>")[2]
    assert [texts(row)[0] for row in table.split("</tr>")[:-1]] == ["comparison", "a<b", "c"]


def test_evidence_that_is_too_long_to_show_is_folded(shown):
    claim("Many.", True, {"numbers": list(range(100)), "name": "x"})
    page = shown[0][0]["text/html"]
    small, folded = page.split("</summary>")
    assert "98" not in small
    assert texts(folded)[::2] == ["numbers", "name"]
    assert texts(folded)[1].endswith("98, 99]")
    claim("Few.", True, {"numbers": [1, 2]})
    assert "<details" not in shown[1][0]["text/html"]


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(
    ("ours", "reference", "equal"),
    [
        (1.0, 1.0 + 1e-7, True),
        (torch.ones(3), np.ones(3), True),
        (torch.ones(3, dtype=torch.bfloat16), torch.ones(3), True),
        (torch.ones(3), torch.ones(3, 1), False),
        ([torch.ones(2), 5], [np.ones(2), 5.0], True),
        ([torch.ones(2), 5], [np.ones(2), 6], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([], [], False),
        ({}, {}, False),
        (torch.ones(0), torch.ones(0), False),
        (float("nan"), float("nan"), False),
        (float("inf"), float("inf"), True),
        (["x", True], ["x", True], True),
        (["x"], ["y"], False),
    ],
)
def test_equal_means_in_every_case_and_at_least_one(shown, ours, reference, equal):
    claim_equal("The same.", ours, reference)
    assert holds(shown) is equal
    json.dumps(shown[-1][1], allow_nan=False)


def test_equal_refuses_cases_that_do_not_belong_together(shown):
    with pytest.raises(ValueError, match="2 cases and the reference 1"):
        claim_equal("The same.", [1, 2], [1])
    with pytest.raises(ValueError, match="has the cases"):
        claim_equal("The same.", {"a": 1}, {"b": 1})
    assert not shown


@pytest.mark.slow
def test_nbval_compares_sentence_and_verdict_and_neither_effect_nor_evidence(tmp_path):
    code = """
        from helper_utils import claim, claim_higher
        claim("Two is more.", True, {"two": 2})
        claim_higher("Three are more.", [2.5, 3.5, 4.5], [0, 1, 2], unit="points")
    """
    executed = new_notebook(cells=[new_code_cell(textwrap.dedent(code))])
    NotebookClient(executed, timeout=60).execute()
    small = executed.cells[0].outputs[0].data
    assert all("two: 2" in small[kind] for kind in ("text/plain", "text/html"))
    changes = {
        "effect": (0, "two: 2", "two: 3.5"),
        "folded_effect": (1, "+2.5 points", "+3.5 points"),
        "evidence": (1, "<td", "<td >1"),
        "sentence": (0, "Two is", "Three is"),
        "folded_sentence": (1, "Three are", "Four are"),
        "verdict": (0, "✔", "✘"),
        "folded_verdict": (1, "✔", "✘"),
    }
    expected = {}
    for name, (place, old, new) in changes.items():
        for kind in ("text/plain", "text/html"):
            stored = copy.deepcopy(executed)
            data = stored.cells[0].outputs[place].data
            if name == "evidence" and kind == "text/plain":  # it is folded on pages only
                assert old not in data[kind]
                continue
            assert old in data[kind]
            data[kind] = data[kind].replace(old, new)
            nbformat.write(stored, tmp_path / f"{name}_{kind[5:]}.ipynb")
            expected[f"{name}_{kind[5:]}"] = "FAILED" if name.endswith(("sentence", "verdict")) else "PASSED"
    shutil.copy(Path(__file__).parent / "nbval_sanitize.cfg", tmp_path)
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "nbval_sanitize.cfg", "-rA"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "."]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    verdicts = {name: verdict for verdict, name in re.findall(r"^(PASSED|FAILED) (\w+)\.ipynb::", result.stdout, re.M)}
    assert verdicts == expected


def test_paired_difference_refuses_what_is_not_paired():
    with pytest.raises(ValueError, match="3 and 4"):
        paired_difference([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="at least three"):
        paired_difference([1, 2], [1, 2])
