import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from helper_utils import ClaimError, claim, claims, paired_difference, record


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, dict]]:
    """The outputs that are displayed: (data, what is kept under helper_utils)."""
    outputs = []

    def display(data: dict, *, raw: bool, metadata: dict) -> None:
        assert raw
        outputs.append((data, metadata["helper_utils"]))

    monkeypatch.setattr(claims, "display", display)
    return outputs


def test_a_claim_is_shown_without_its_numbers_and_kept_with_them(shown):
    claim("Two is more than one.", 2 > 1, {"two": 2.0, "one": 1})
    [(data, kept)] = shown
    assert data["text/plain"] == "✔ Claim holds: Two is more than one."
    assert "2.0" not in data["text/html"]
    assert kept == {"claim": {"sentence": "Two is more than one.", "holds": True, "evidence": {"two": 2.0, "one": 1}}}


def test_a_false_claim_is_shown_and_raises_in_strict_mode_only(shown, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_STRICT", "0")
    claim("One is more than two.", False)
    monkeypatch.setenv("HELPER_UTILS_STRICT", "1")
    with pytest.raises(ClaimError, match=r"One is more than two.*evidence: 7"):
        claim("One is more than two.", False, 7)
    assert [kept["claim"]["holds"] for _, kept in shown] == [False, False]
    assert shown[0][0]["text/plain"].startswith("✘")


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


def test_clearly_positive_means_three_standard_errors():
    noise = np.array([-1.0, 0.0, 1.0]) * np.sqrt(3)  # standard error exactly 1
    assert paired_difference(3.001 + noise, np.zeros(3)).clearly_positive
    assert not paired_difference(2.999 + noise, np.zeros(3)).clearly_positive
    assert not paired_difference([1, 1, 1], [1, 1, 1]).clearly_positive


def test_paired_difference_refuses_what_is_not_paired():
    with pytest.raises(ValueError, match="3 and 4"):
        paired_difference([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="at least three"):
        paired_difference([1, 2], [1, 2])
