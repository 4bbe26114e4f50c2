"""Splits of examples by their numbers: three sets, and folds.

A fold is a pair of index arrays, `(train_indices, val_indices)`; they index arrays and tensors alike, and scikit-learn
takes a list of them as `cv`. All indices of a set are in ascending order.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helper_utils.base.checks import is_whole_number

Indices: TypeAlias = NDArray[np.int64]
Fold: TypeAlias = tuple[Indices, Indices]
Folds: TypeAlias = list[Fold]


def train_val_test_split(
    targets: Any, *, val: float = 0.2, test: float = 0.2, groups: Any = None, seed: int = 0
) -> tuple[Indices, Indices, Indices]:
    """Split examples at random into a training, a validation and a test set.

    Without groups the split is stratified: of each class, each set gets its share to within one example. With groups,
    all examples of a group are in one set: they are dealt in random order, each to the set that is relatively emptiest.
    Then classes are not balanced, and a few large groups can make the sizes differ much from the shares.

    Args:
        targets: The class of each example, shape (N,): a sequence, an array or a tensor.
        val: The share of the validation set, at least 0; 0 gives an empty one.
        test: The share of the test set, likewise; both together below 1.
        groups: What each example belongs to (a writer, a patient), shape (N,); None where examples are independent.
        seed: Of the draw; 0 or more.

    Returns:
        The indices of the three sets; each example is in exactly one of them.

    Raises:
        ValueError: A share is negative, both add up to 1 or more, groups have a different length, or a set with a
            share above 0 would be empty.
    """
    labels = _one_for_each_example(targets, "targets")
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise ValueError(
            f"val and test must be at least 0 and add up to less than 1, not {val} and {test}: "
            "the rest is the training set"
        )
    shares = np.array([1 - val - test, val, test])
    generator = np.random.default_rng(seed)
    if groups is None:
        sets = _deal_classes(labels, shares, generator)
    else:
        sets = _deal_groups(_groups_of(groups, len(labels)), shares, generator)
    parts = [np.flatnonzero(sets == number) for number in range(3)]
    for name, share, part in zip(("training", "validation", "test"), shares, parts, strict=True):
        if share > 0 and not len(part):
            what = "examples" if groups is None else "groups"
            raise ValueError(f"the {name} set would be empty: there are too few {what} for a share of {share:.3g}")
    return parts[0], parts[1], parts[2]


def _deal_classes(labels: NDArray, shares: NDArray, generator: np.random.Generator) -> Indices:
    """Return the set of each example: of each class the share rounded down or up, of all classes about the share."""
    sets = np.empty(len(labels), dtype=np.int64)
    wanted, given = np.zeros(3), np.zeros(3)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        exact = shares * len(members)
        counts = np.floor(exact + 1e-9).astype(np.int64)
        wanted += exact
        # what rounding down has left over goes to the sets that are furthest behind over all classes so far
        behind = np.where(exact > counts + 1e-9, wanted - given - counts, -np.inf)
        counts[np.argsort(-behind, kind="stable")[: len(members) - counts.sum()]] += 1
        given += counts
        sets[members] = np.repeat(np.arange(3), counts)
    return sets


def _deal_groups(groups: NDArray, shares: NDArray, generator: np.random.Generator) -> Indices:
    """Return the set of each example: group by group in random order, to the set that is relatively emptiest."""
    names, numbers = np.unique(groups, return_inverse=True)
    sizes, set_of_group = np.bincount(numbers), np.empty(len(names), dtype=np.int64)
    allowed = np.flatnonzero(shares > 0)
    given = np.zeros(3)
    for group in generator.permutation(len(names)):
        emptiest = allowed[np.argmin(given[allowed] / shares[allowed])]
        set_of_group[group] = emptiest
        given[emptiest] += sizes[group]
    return set_of_group[numbers]


def k_fold(n_examples: int, n_splits: int = 5, *, shuffle: bool = False, seed: int = 0) -> Folds:
    """Split examples into folds of equal size (to within one); each fold is the validation set once.

    Without shuffling the folds are runs of neighbours, the same as scikit-learn's `KFold`.

    Args:
        n_examples: How many examples there are.
        n_splits: How many folds, at least 2.
        shuffle: Whether to deal the examples in random order. Needed where the order of the examples means something,
            such as data sorted by class.
        seed: Of the order; 0 or more.

    Returns:
        A list of (train_indices, val_indices); the larger folds come first.

    Raises:
        ValueError: There are fewer than two folds, or fewer examples than folds.
    """
    _check_splits(n_examples, n_splits, "examples")
    order = np.random.default_rng(seed).permutation(n_examples) if shuffle else np.arange(n_examples)
    return _folds([np.sort(part) for part in np.array_split(order, n_splits)], n_examples)


def repeated_k_fold(n_examples: int, n_splits: int = 5, *, n_repeats: int = 10, seed: int = 0) -> Folds:
    """Return the shuffled folds of several independent shuffles, one after the other.

    Args:
        n_examples: How many examples there are.
        n_splits: Folds of each shuffle.
        n_repeats: Shuffles, at least 1.
        seed: Of all of them.

    Raises:
        ValueError: As `k_fold`; or there are no repeats.
    """
    if not is_whole_number(n_repeats) or n_repeats < 1:
        raise ValueError(f"n_repeats must be a whole number, at least 1, not {n_repeats!r}")
    seeds = np.random.SeedSequence(seed).generate_state(n_repeats)
    return [fold for each in seeds for fold in k_fold(n_examples, n_splits, shuffle=True, seed=int(each))]


def leave_one_out(n_examples: int) -> Folds:
    """Return a fold for each example: k-fold with as many folds as examples.

    Args:
        n_examples: How many examples there are, at least 2.

    Raises:
        ValueError: There are fewer than two.
    """
    return k_fold(n_examples, n_examples)


def stratified_k_fold(targets: Any, n_splits: int = 5, *, seed: int = 0) -> Folds:
    """Split examples into folds in which each class has the same share, to within one example.

    The examples are shuffled within their class, laid out class by class, and dealt like cards.

    Args:
        targets: The class of each example, shape (N,).
        n_splits: How many folds, at least 2.
        seed: Of the shuffle; 0 or more.

    Raises:
        ValueError: There are fewer than two folds, or a class has fewer examples than folds: some fold would have none.
    """
    labels = _one_for_each_example(targets, "targets")
    _check_splits(len(labels), n_splits, "examples")
    names, counts = np.unique(labels, return_counts=True)
    if counts.min() < n_splits:
        raise ValueError(
            f"class {names[counts.argmin()]} has {counts.min()} examples, fewer than the {n_splits} folds: "
            "use fewer folds, or put this class together with another one"
        )
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return _folds([np.sort(by_class[fold::n_splits]) for fold in range(n_splits)], len(labels))


def group_k_fold(groups: Any, n_splits: int = 5) -> Folds:
    """Split examples into folds so that all examples of a group are in the same fold.

    The largest group comes first, each into the fold with the fewest examples so far; among equals the group with the
    smaller name and the earlier fold come first. scikit-learn's `GroupKFold` follows the same rule and breaks ties in
    another way. The sizes of two folds differ by at most the size of the largest group.

    Args:
        groups: What each example belongs to (a writer, a patient), shape (N,).
        n_splits: How many folds, at least 2.

    Raises:
        ValueError: There are fewer than two folds, or fewer groups than folds.
    """
    names, numbers = np.unique(_one_for_each_example(groups, "groups"), return_inverse=True)
    _check_splits(len(names), n_splits, "groups")
    sizes, fold_of_group = np.bincount(numbers), np.empty(len(names), dtype=np.int64)
    filled = np.zeros(n_splits, dtype=np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        lightest = filled.argmin()
        fold_of_group[group] = lightest
        filled[lightest] += sizes[group]
    fold_of_example = fold_of_group[numbers]
    return _folds([np.flatnonzero(fold_of_example == fold) for fold in range(n_splits)], len(numbers))


def time_series_split(n_examples: int, n_splits: int = 5, *, gap: int = 0) -> Folds:
    """Split examples that are in the order of time: train on the past, validate on what follows.

    The same as scikit-learn's `TimeSeriesSplit`: the last n_splits blocks of equal size are validated one after the
    other. The first examples are only trained on.

    Args:
        n_examples: How many examples there are.
        n_splits: How many blocks are validated, at least 2.
        gap: How many examples between the training set and the validation block are left out, at least 0.

    Raises:
        ValueError: There are fewer than two splits, fewer than n_splits + 1 examples, the gap is negative, or nothing
            is left for the first training set.
    """
    if not is_whole_number(n_examples) or not is_whole_number(gap):
        raise ValueError(f"n_examples and gap must be whole numbers, not {n_examples!r} and {gap!r}")
    _check_splits(n_examples - 1, n_splits, "examples after the first")
    size = n_examples // (n_splits + 1)
    starts = range(n_examples - n_splits * size, n_examples, size)
    if gap < 0:
        raise ValueError(f"gap must be at least 0, not {gap}")
    if starts[0] - gap <= 0:
        raise ValueError(
            f"a gap of {gap} leaves nothing of the {starts[0]} examples before the first validation block: "
            "use a smaller gap or fewer splits"
        )
    return [(np.arange(start - gap), np.arange(start, start + size)) for start in starts]


def check_folds(folds: Sequence[Fold]) -> None:
    """Refuse folds that are not pairs of index sets without a common example.

    Args:
        folds: As the functions of this module return them.

    Raises:
        ValueError: There are none, a set is empty or holds something else than example numbers, or an example is on
            both sides.
    """
    if not len(folds):
        raise ValueError("there are no folds: use k_fold or a function like it")
    for number, (train, val) in enumerate(folds):
        if not len(train) or not len(val):
            raise ValueError(f"fold {number} has {len(train)} training and {len(val)} validation examples")
        for side in (np.asarray(train), np.asarray(val)):
            if side.ndim != 1 or side.dtype.kind not in "iu" or side.min() < 0 or len(np.unique(side)) < len(side):
                raise ValueError(
                    f"fold {number} must hold the numbers of examples, each once and from 0 on, not {side.dtype} "
                    f"{side[:5].tolist()}: turn a mask into numbers with np.flatnonzero"
                )
        if len(both := np.intersect1d(train, val)):
            raise ValueError(f"fold {number} has example {both[0]} in the training and in the validation set")


def _folds(val_sets: Sequence[Indices], n_examples: int) -> Folds:
    """Pair each validation set with all other examples."""
    folds = []
    for val in val_sets:
        is_train = np.ones(n_examples, dtype=bool)
        is_train[val] = False
        folds.append((np.flatnonzero(is_train), val))
    return folds


def _check_splits(n_items: int, n_splits: int, what: str) -> None:
    for name, value in ((f"the number of {what}", n_items), ("n_splits", n_splits)):
        if not is_whole_number(value):
            raise ValueError(f"{name} must be a whole number, not {value!r}")
    if n_splits < 2:
        raise ValueError(f"n_splits must be at least 2, not {n_splits}: one fold leaves nothing to train on")
    if n_items < n_splits:
        raise ValueError(f"there are {n_items} {what}, fewer than the {n_splits} folds: use fewer folds")


def _one_for_each_example(values: Any, name: str) -> NDArray:
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must have shape (N,) with at least one example, not {array.shape}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} hold nan: each example needs a value")
    return array


def _groups_of(groups: Any, n_examples: int) -> NDArray:
    array = _one_for_each_example(groups, "groups")
    if len(array) != n_examples:
        raise ValueError(f"there are {n_examples} targets and {len(array)} groups: each example needs one of both")
    return array
