"""Exercises of the lesson 00_start_here."""

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------------- start_here.accuracy


def accuracy(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the share of predictions that equal their target, between 0 and 1."""
    return (predictions == targets).float().mean().item()


def number_of_right_answers(predictions, targets):
    """The count is not divided."""
    return float((predictions == targets).sum())


def share_of_wrong_answers(predictions, targets):
    """The error rate."""
    return (predictions != targets).float().mean().item()


def percent(predictions, targets):
    """From 0 to 100."""
    return 100 * accuracy(predictions, targets)


def tensor_instead_of_number(predictions, targets):
    """No `.item()`."""
    return (predictions == targets).float().mean()


ACCURACY = Exercise(
    name="start_here.accuracy",
    answer=accuracy,
    cases=[
        (torch.tensor([1, 0]), torch.tensor([1, 1])),
        (torch.tensor([2, 0, 1]), torch.tensor([2, 1, 1])),
        (torch.tensor([3, 3, 3, 3]), torch.tensor([3, 3, 3, 3])),
        (torch.tensor([0, 1, 2, 3, 4]), torch.tensor([4, 0, 1, 3, 2])),
        (torch.tensor([1, 2]), torch.tensor([2, 1])),
    ],
    wrong_answers=[
        WrongAnswer(
            number_of_right_answers,
            "That is how many predictions are right. A share is that number divided by the number of all predictions.",
        ),
        WrongAnswer(
            share_of_wrong_answers,
            "That is the share of predictions that are wrong, the error rate. The accuracy is what is left of 1.",
        ),
        WrongAnswer(percent, "That is the accuracy in percent. Return it between 0 and 1: do not multiply by 100."),
        WrongAnswer(
            tensor_instead_of_number,
            "The number is right, but it is still inside a tensor. `.item()` makes a Python number of a tensor with "
            "one entry.",
        ),
    ],
    hints=[
        "`predictions == targets` compares entry by entry and gives a tensor of True and False.",
        "True counts as 1 and False as 0. So the mean of that tensor is the share of True; `.float()` first, because a "
        "mean is taken of floating-point numbers.",
        "`.mean()` gives a tensor with one entry, and `.item()` makes a Python number of it.",
    ],
    praise="This is the first figure that anybody asks for, and lesson 01 shows when it looks away.",
)

# ------------------------------------------------------------------------------------------- start_here.one_step


def one_step(w: torch.Tensor, grad: torch.Tensor, lr: float) -> torch.Tensor:
    """Return the weights after one step of gradient descent.

    w: weights, grad: the gradient of the loss at w, of the same shape, lr: the learning rate.
    w itself stays as it is.
    """
    return w - lr * grad


def uphill(w, grad, lr):
    """A plus sign."""
    return w + lr * grad


def without_learning_rate(w, grad, lr):  # noqa: ARG001 - that is the mistake
    """The whole gradient."""
    return w - grad


def step_alone(w, grad, lr):  # noqa: ARG001 - that is the mistake
    """What is added to the weights."""
    return -lr * grad


def changes_weights_in_place(w, grad, lr):
    """The caller's tensor changes."""
    w -= lr * grad
    return w


ONE_STEP = Exercise(
    name="start_here.one_step",
    answer=one_step,
    cases=[
        (torch.tensor([1.0]), torch.tensor([2.0]), 0.1),
        (torch.tensor([1.0, -1.0]), torch.tensor([0.5, -2.0]), 0.5),
        (torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([[1.0, 0.0], [-1.0, 4.0]]), 0.25),
        (torch.tensor([3.0]), torch.tensor([1.0]), 1.0),
    ],
    wrong_answers=[
        WrongAnswer(
            uphill,
            "The gradient points to where the loss grows. Your step goes with it, uphill; go against it.",
        ),
        WrongAnswer(
            without_learning_rate,
            "Your step is as long as the whole gradient. Multiply the gradient by the learning rate `lr` first.",
        ),
        WrongAnswer(step_alone, "That is the step. The new weights are the old weights plus the step."),
        WrongAnswer(
            changes_weights_in_place,
            "The values are right, but `w -= ...` writes into the tensor of whoever called you. `w - ...` makes a new "
            "one.",
        ),
    ],
    hints=[
        "The gradient says in which direction the loss grows fastest. You want it to fall.",
        "The step is the gradient times the learning rate, and it is taken away from the weights.",
    ],
    praise="Every optimiser of this course is a variation of this one line.",
)

EXERCISES = [ACCURACY, ONE_STEP]
