"""A small tree that imitates a model, and how faithfully it does."""

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier


def surrogate_tree(
    predictions: Tensor, inputs: Tensor, *, max_depth: int = 3, seed: int = 0
) -> "DecisionTreeClassifier":
    """Fit a tree to a model's predictions (not to the labels), as Craven and Shavlik (1996) did.

    Args:
        predictions: The classes that the model predicts, shape (N,), integers.
        inputs: What the tree may look at, shape (N, features).
        max_depth: Questions on the way to an answer, at most.
        seed: Decides between questions that are equally good.

    Returns:
        The fitted tree; `sklearn.tree.export_text` prints it as rules.

    Raises:
        ValueError: The shapes do not fit, or max_depth is below 1.
    """
    from sklearn.tree import DecisionTreeClassifier  # takes a second to import

    if inputs.dim() != 2 or predictions.shape != (len(inputs),):
        raise ValueError(
            f"inputs must have the shape (N, features) and predictions (N,), not {tuple(inputs.shape)} and "
            f"{tuple(predictions.shape)}"
        )
    if max_depth < 1:
        raise ValueError(f"max_depth is {max_depth}; expected 1 or more")
    tree = DecisionTreeClassifier(max_depth=max_depth, random_state=seed)
    return tree.fit(inputs.detach().cpu().numpy(), predictions.cpu().numpy())


def fidelity(surrogate: Tensor, model: Tensor) -> float:
    """Return the share of examples on which two models predict the same class, in [0, 1].

    Measure it on examples that the surrogate was not fitted to, and beside a model that always predicts the most
    frequent class.

    Args:
        surrogate: Predicted classes, shape (N,).
        model: Likewise.

    Raises:
        ValueError: The shapes differ or are not (N,), or there are no examples.
    """
    if surrogate.shape != model.shape or surrogate.dim() != 1 or len(model) == 0:
        raise ValueError(
            f"both must have the shape (N,), N >= 1, not {tuple(surrogate.shape)} and {tuple(model.shape)}"
        )
    return (surrogate == model).double().mean().item()
