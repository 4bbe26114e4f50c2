import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helper_utils.teaching.compare import difference, short_text, short_texts

numbers = st.booleans() | st.integers() | st.floats()
arrays = st.lists(st.floats(width=32), max_size=5).map(np.array)
tensors = st.lists(st.floats(width=32), max_size=5).map(torch.tensor)
values = st.recursive(
    st.none() | numbers | st.text() | arrays | tensors,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(values)
def test_a_value_does_not_differ_from_itself(value):
    assert difference(value, value, 0) == ""


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(min_value=0.01, max_value=1e6))
def test_numbers_further_apart_than_the_tolerance_differ(number, gap):
    other = number + gap * max(1, abs(number))
    assert difference(number, other, 1e-5) != ""
    assert (
        difference(torch.tensor([number], dtype=torch.float64), torch.tensor([other], dtype=torch.float64), 1e-5) != ""
    )


@given(values, values)
def test_a_difference_is_one_sentence(expected, got):
    sentence = difference(expected, got, 1e-5)
    assert len(sentence) < 400
    if type(expected) is type(got) and not sentence:
        assert difference(got, expected, 1e-5) == ""


@given(values)
def test_what_is_shown_is_short(value):
    assert len(short_text(value)) < 10_000
    assert "\n" not in short_text(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (2.0, "2.0"),
        (1e-7, "1e-07"),
        (float("nan"), "nan"),
        (np.float32(0.1), "0.1"),
        (10**100, "an int of 333 bits"),
        (True, "True"),
        ("a'b\n", '"a\'b\\n"'),
        ((1,), "(1,)"),
        ([[[[[1]]]]], "[[[[[…]]]]]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        ({"a": 1.0}, "{'a': 1.0}"),
        (torch.tensor([0.1, 0.25]), "tensor([0.1, 0.25])"),
        (torch.tensor(3), "tensor(3)"),
        (np.ones((1, 2)), "array([[1.0, 1.0]])"),
        (torch.zeros(100), "tensor of shape (100,): [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, …]"),
        (torch.zeros(2, 0), "tensor of shape (2, 0): [[], []]"),
        (torch.ones(2).to_sparse(), "a tensor"),
        (object(), "an object"),
    ],
)
def test_values_are_shown_in_few_digits_and_without_addresses(value, text):
    assert short_text(value) == text


def test_a_function_is_shown_without_its_address():
    assert not re.search("0x|at ", short_text(lambda: 0))


@pytest.mark.parametrize(
    ("expected", "got", "texts"),
    [
        (0.5, 0.25, ("0.5", "0.25")),
        (1 / 3, 0.33334, ("0.33333333", "0.33334")),
        (1.0, 1.0, ("1.0", "1.0")),
    ],
)
def test_two_values_are_shown_with_the_digits_that_tell_them_apart(expected, got, texts):
    assert short_texts(expected, got) == texts


def test_an_author_who_expects_what_cannot_be_compared_is_told():
    with pytest.raises(TypeError, match="cannot compare a value of type set"):
        difference({1}, {1}, 0)
