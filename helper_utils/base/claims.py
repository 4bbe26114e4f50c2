"""Claims and recorded values: what a lesson says, computed, and kept in the notebook's outputs.

A claim is shown as one line that is the same on every machine. Its evidence, and every recorded value, travels in the
metadata of the output, where nbval does not compare it and the course runner collects it:
`{"helper_utils": {"claim": {"sentence": ..., "holds": ..., "evidence": ...}}}` and
`{"helper_utils": {"record": {"name": ..., "value": ...}}}`.
"""

import dataclasses
import html
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from IPython.display import display

STRICT_VARIABLE = "HELPER_UTILS_STRICT"


class ClaimError(AssertionError):
    """A claim that does not hold, raised in strict mode."""


def is_strict() -> bool:
    """Say whether a false claim raises: the environment variable `HELPER_UTILS_STRICT` is set and not 0."""
    return os.environ.get(STRICT_VARIABLE, "0") not in ("", "0")


def claim(sentence: str, holds: bool, evidence: Any = None) -> None:
    """Show a sentence with its verdict, and keep the evidence in the output for the course runner.

    Args:
        sentence: What is claimed, in one sentence that would be the same on every machine (no measured numbers).
        holds: Whether it is so. Anything with a single truth value: a bool, a NumPy bool, a tensor of one element.
        evidence: The numbers behind it: None, a number, a string, a tensor, an array, a dataclass, or mappings and
            sequences of these.

    Raises:
        ClaimError: It does not hold, and strict mode is on (see `is_strict`). The line is shown before.
        TypeError: The evidence holds something that cannot be written as JSON.
    """
    holds = bool(holds)
    content = {"sentence": sentence, "holds": holds, "evidence": _plain(evidence)}
    mark, verdict, color = ("✔", "Claim holds", "#009E73") if holds else ("✘", "Claim does not hold here", "#D55E00")
    page = (
        f'<p style="border-left: 4px solid {color}; padding-left: 0.6em; margin: 0.3em 0">'
        f"{mark} <strong>{verdict}:</strong> {html.escape(sentence)}</p>"
    )
    _show({"text/plain": f"{mark} {verdict}: {sentence}", "text/html": page}, "claim", content)
    if not holds and is_strict():
        raise ClaimError(f"{sentence} (evidence: {content['evidence']})")


def record(name: str, value: Any) -> None:
    """Keep a value in the notebook's outputs, without showing it, for the tables of the course runner.

    Args:
        name: What the value is called in the tables; recording the same name again replaces the value.
        value: As the evidence of `claim`.

    Raises:
        TypeError: The value cannot be written as JSON.
    """
    # An output without any data is not shown; the value is in its metadata only.
    _show({}, "record", {"name": name, "value": _plain(value)})


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """The mean of the differences of pairs, and how sure it is.

    Attributes:
        mean: Mean of the differences.
        standard_error: Standard deviation of the differences (with Bessel's correction) over the root of their number.
        n_pairs: How many pairs there are.
    """

    mean: float
    standard_error: float
    n_pairs: int

    @property
    def clearly_positive(self) -> bool:
        """Whether the mean is above zero by at least three standard errors."""
        return self.mean > 0 and self.mean >= 3 * self.standard_error


def paired_difference(values: Iterable[float], baseline: Iterable[float]) -> PairedDifference:
    """Compare two results obtained under the same conditions (the same seeds, say), pair by pair: values - baseline.

    Args:
        values: One result a pair.
        baseline: What each is compared with, in the same order.

    Raises:
        ValueError: The lengths differ, or there are fewer than three pairs, too few for a standard error to mean much.
    """
    values, baseline = list(values), list(baseline)
    if len(values) != len(baseline):
        raise ValueError(f"paired_difference needs as many values as baselines, not {len(values)} and {len(baseline)}")
    n_pairs = len(values)
    if n_pairs < 3:
        raise ValueError(f"paired_difference needs at least three pairs, not {n_pairs}: use more seeds")
    differences = [float(a) - float(b) for a, b in zip(values, baseline, strict=True)]
    mean = sum(differences) / n_pairs
    variance = sum((difference - mean) ** 2 for difference in differences) / (n_pairs - 1)
    return PairedDifference(mean, math.sqrt(variance / n_pairs), n_pairs)


def _show(data: dict[str, str], kind: str, content: dict[str, Any]) -> None:
    display(data, raw=True, metadata={"helper_utils": {kind: content}})


def _plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; numbers that JSON lacks (nan, inf) become their names."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, tensors, pandas series
        return _plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    raise TypeError(f"cannot record {value!r} of type {type(value).__name__}: give numbers, text, arrays or tensors")
