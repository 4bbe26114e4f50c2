"""A stratified split that is scikit-learn's to the last index, without its import.

Every lesson loads data, and importing scikit-learn takes longer than all else that loading the digits does.
"""

import numpy as np


def stratified_split(labels: np.ndarray, n_held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split examples at random so that both sets have the classes in about the same shares.

    Gives the indices of `sklearn.model_selection.train_test_split` with `stratify=labels`, `test_size=n_held_out` and
    `random_state=seed`.

    Args:
        labels: Class numbers, shape (N,).
        n_held_out: Examples in the second set, at least one for each class.
        seed: Of the random numbers, from 0 to 2**32 - 1.

    Returns:
        The indices of the examples that are kept, shape (N - n_held_out,), and of those that are held out.

    Raises:
        ValueError: A class has a single example, or there are fewer examples than classes in one of the sets.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    n_kept = len(labels) - n_held_out
    if counts.min() < 2:
        raise ValueError("each class must have at least two examples to be split; add some, or leave the class out")
    if min(n_kept, n_held_out) < len(counts):
        raise ValueError(
            f"both sets must have at least one example for each of the {len(counts)} classes, "
            f"not {n_kept} and {n_held_out}; use more examples"
        )
    rng = np.random.RandomState(seed)
    of_kept = _shares(counts, n_kept, rng)
    of_held_out = _shares(counts - of_kept, n_held_out, rng)
    places = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    kept, held_out = [], []
    for place, n_first, n_second in zip(places, of_kept, of_held_out, strict=True):
        shuffled = place[rng.permutation(len(place))]
        kept.append(shuffled[:n_first])
        held_out.append(shuffled[n_first : n_first + n_second])
    return rng.permutation(np.concatenate(kept)), rng.permutation(np.concatenate(held_out))


def _shares(counts: np.ndarray, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
    """Share n_draws out in proportion to the counts; what rounding leaves goes to the largest remainders."""
    exact = counts / counts.sum() * n_draws
    shares = np.floor(exact)
    remainders = exact - shares
    n_left = int(n_draws - shares.sum())
    for value in np.unique(remainders)[::-1]:
        if n_left <= 0:
            break
        equal = np.flatnonzero(remainders == value)
        chosen = rng.choice(equal, size=min(len(equal), n_left), replace=False)  # ties are broken at random
        shares[chosen] += 1
        n_left -= len(chosen)
    return shares.astype(np.int64)
