"""TODO (the tests' docstring): what the code of lesson 15 is compared with."""

import pytest
import torch

from helper_utils.data import Part
from helper_utils.experiment_tracking import validation_accuracies


def two_classes() -> Part:
    inputs = torch.tensor([[[[1.0]]], [[[-1.0]]]]).repeat(20, 1, 1, 1)
    return Part(inputs, (inputs[:, 0, 0, 0] < 0).long())


# TODO (the tests): the module against the reference library, over a grid; bad input; the edges.
def test_two_classes_that_one_pixel_tells_apart_are_learned():
    part = two_classes()
    accuracies = validation_accuracies(part, part, lr=0.5, seeds=[1, 2, 3], n_epochs=10)
    assert accuracies.tolist() == [1, 1, 1]


def test_no_epochs_are_refused():
    with pytest.raises(ValueError, match="n_epochs must be at least 1, not 0"):
        validation_accuracies(two_classes(), two_classes(), lr=0.5, seeds=[1], n_epochs=0)
