"""Few values, and few bits for the frequent ones: weight sharing, entropy, Huffman's code."""

import heapq
import itertools
from collections.abc import Mapping

import torch
from torch import Tensor

from helper_utils.compression.layers import check_floating


def share_values(x: Tensor, n_values: int, *, n_rounds: int = 20) -> tuple[Tensor, Tensor]:
    """Replace each entry by one of few shared values, found by k-means in one dimension; zeros stay zeros.

    The first values lie evenly between the smallest and the largest entry, as Han et al. (2016, arXiv:1510.00149)
    recommend: large weights are few and matter. A value that no entry chooses stays where it is.

    Args:
        x: Floating-point numbers of any shape.
        n_values: How many values the entries that are not zero share, at least 1.
        n_rounds: Of assigning and averaging.

    Returns:
        The codes, in the shape of x, int64: 0 for a zero, else 1 to n_values; and the values of the codes, shape
        (n_values + 1,), the first one 0.

    Raises:
        TypeError: x holds integers.
        ValueError: n_values is below 1, or x is empty or not finite.
    """
    check_floating(x, "share_values")
    if n_values < 1:
        raise ValueError(f"n_values must be at least 1, not {n_values}")
    flat = x.detach().flatten()
    nonzero = flat[flat != 0]
    codes = torch.zeros(len(flat), dtype=torch.int64)
    if not len(nonzero):
        return codes.view(x.shape), torch.zeros(n_values + 1, dtype=x.dtype)
    values = torch.linspace(float(nonzero.min()), float(nonzero.max()), n_values, dtype=x.dtype)
    nearest = (nonzero[:, None] - values).abs().argmin(dim=1)
    for _ in range(n_rounds):
        counts = torch.bincount(nearest, minlength=n_values)
        sums = torch.zeros(n_values, dtype=x.dtype).index_add_(0, nearest, nonzero)
        values = torch.where(counts > 0, sums / counts.clamp(min=1), values)
        nearest = (nonzero[:, None] - values).abs().argmin(dim=1)
    codes[flat != 0] = nearest + 1
    return codes.view(x.shape), torch.cat((torch.zeros(1, dtype=x.dtype), values))


def entropy(codes: Tensor) -> float:
    """Return the entropy of the codes in bits a code: no code that writes them one by one needs fewer on average.

    Raises:
        ValueError: There are no codes.
    """
    if codes.numel() == 0:
        raise ValueError("there are no codes, so they have no entropy")
    counts = codes.flatten().unique(return_counts=True)[1].double()
    shares = counts / counts.sum()
    return max(0.0, -float((shares * shares.log2()).sum()))


def huffman_lengths(counts: Mapping[int, int]) -> dict[int, int]:
    """Return how many bits each symbol takes in a Huffman code: a frequent one few, a rare one many.

    The mean length lies between the entropy and one bit more. A single symbol takes one bit. Source: Huffman, "A method
    for the construction of minimum-redundancy codes" (1952).

    Args:
        counts: How often each symbol occurs, each above 0.

    Raises:
        ValueError: There are no symbols, or a count is not above 0.
    """
    if not counts or min(counts.values()) <= 0:
        raise ValueError(f"each symbol needs a count above 0, not {dict(counts)}")
    if len(counts) == 1:
        return dict.fromkeys(counts, 1)
    order = itertools.count()  # so that equal counts are compared by it, and never by the symbols
    heap = [(count, next(order), [symbol]) for symbol, count in counts.items()]
    heapq.heapify(heap)
    lengths = dict.fromkeys(counts, 0)
    while len(heap) > 1:
        (count_a, _, a), (count_b, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in a + b:
            lengths[symbol] += 1
        heapq.heappush(heap, (count_a + count_b, next(order), a + b))
    return lengths
