"""Tests of the stratified split and of the data that are read without scikit-learn."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from helper_utils.data.splitting import stratified_split


@settings(max_examples=200, deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=1, max_size=12),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_split_is_that_of_scikit_learn(counts, share, seed):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    n_held_out = min(max(round(share * len(labels)), len(counts)), len(labels) - len(counts))
    ours = stratified_split(labels, n_held_out, seed)
    theirs = train_test_split(np.arange(len(labels)), test_size=n_held_out, stratify=labels, random_state=seed)
    for own, reference in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(own, reference)


def test_labels_need_not_begin_at_zero():
    labels = np.array([7, 3, 3, 7, 9, 9, 9, 3])
    theirs = train_test_split(np.arange(8), test_size=3, stratify=labels, random_state=1)
    np.testing.assert_array_equal(stratified_split(labels, 3, 1)[1], theirs[1])


@pytest.mark.parametrize(
    ("labels", "n_held_out", "named"), [([0, 0, 1], 2, "two examples"), ([0, 0, 1, 1], 1, "3 and 1"), ([0, 0], 2, "0")]
)
def test_what_cannot_be_split_is_refused(labels, n_held_out, named):
    with pytest.raises(ValueError, match=named):
        stratified_split(np.array(labels), n_held_out, 0)


def test_digits_are_loaded_without_the_import_of_scikit_learn():
    code = (
        "import sys, helper_utils as hu; data = hu.load_dataset('digits', seed=0); "
        "print(len(data.train.targets) + len(data.val.targets) + len(data.test.targets), 'sklearn' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == [str(len(load_digits(return_X_y=True)[1])), "False"]
