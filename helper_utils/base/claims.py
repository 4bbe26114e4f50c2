"""Claims and recorded values: what a lesson says, computed, and kept in the notebook's outputs.

A claim is shown as a sentence with its verdict, which are the same on every machine, and in small type with its effect
and, folded under that, its evidence, which are not: nbval leaves these two out of its comparison
(tests/nbval_sanitize.cfg). What the course runner collects travels in the metadata of the output:
`{"helper_utils": {"claim": {"sentence", "holds", "effect", "low", "high", "n", "unit", "shown", "evidence"}}}` and
`{"helper_utils": {"record": {"name": ..., "value": ...}}}`.
"""

import dataclasses
import html
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from IPython.display import display

STRICT_VARIABLE = "HELPER_UTILS_STRICT"
CONFIDENCE = 0.99  # of the one-sided interval; the two-sided one that has this level at both ends is that of 98 %
MAX_SHOWN = 160  # characters of evidence that are shown; the rest is folded
MAX_FOLDED = 2000  # characters of a folded entry; the metadata keeps everything

Values = Mapping[str, Iterable[float]] | Iterable[float]


class ClaimError(AssertionError):
    """A claim that does not hold, raised in strict mode."""


def is_strict() -> bool:
    """Say whether a false claim raises: the environment variable `HELPER_UTILS_STRICT` is set and not 0."""
    return os.environ.get(STRICT_VARIABLE, "0") not in ("", "0")


def claim(sentence: str, holds: bool, evidence: Any = None) -> None:
    """Show a sentence with its verdict and its evidence, and keep them in the output for the course runner.

    For counts, orders and identities. A difference between results of several runs is claimed with `claim_higher`, the
    absence of one with `claim_level`, an implementation that equals another with `claim_equal`.

    Args:
        sentence: What is claimed, in one sentence that would be the same on every machine (no measured numbers).
        holds: Whether it is so: a bool, a NumPy bool, or a tensor with one bool.
        evidence: The numbers behind it: None, a number, a string, a tensor, an array, a dataclass, or mappings and
            sequences of these.

    Raises:
        ClaimError: It does not hold, and strict mode is on (see `is_strict`). The line is shown before.
        TypeError: `holds` is not a truth value (a method whose call was forgotten, say), or the evidence holds
            something that cannot be written as JSON.
        ValueError: The evidence is empty: "all" of nothing is true, and says nothing.
    """
    plain = _plain(evidence)
    if isinstance(plain, list | dict) and not plain:
        raise ValueError(f"the evidence of {sentence!r} is empty: all of nothing is true, and says nothing")
    text = "" if plain is None else _short(plain)
    folded = _table(_entries(plain)) if text.endswith("…") else ""
    _show_claim(sentence, _truth(holds), {"evidence": plain}, text, folded)


def claim_higher(sentence: str, values: Values, baseline: Values, *, by: float = 0.0, unit: str = "") -> None:
    """Claim that results are higher than a baseline, pair by pair: a paired comparison over seeds.

    Holds if the lower end of the one-sided 99 % t interval of the mean difference is above `by`. For "lower" exchange
    the two. With mappings each name is compared for itself; all must be higher, and the weakest comparison is shown.

    Args:
        sentence: As in `claim`.
        values: One result for each seed; or such results under several names.
        baseline: What each is compared with, in the same order; with mappings under the same names, or one for all.
        by: How much higher they must be at least, in the unit of the values.
        unit: What a difference of 1 is: "points of accuracy", "nats", "steps".

    Raises:
        ClaimError: It does not hold, and strict mode is on.
        ValueError: As `paired_difference`; or no pairs, or other names.
    """
    differences = _paired_differences(values, baseline)
    name, weakest = min(differences.items(), key=lambda item: item[1].low)
    holds = all(difference.low > by for difference in differences.values())
    asked = f", asked: above {by:.3g}" if by else ""
    text = (
        f"{_named(name)}{_signed(weakest.mean)}{_with_space(unit)}, "
        f"{CONFIDENCE:.0%} sure: above {_signed(weakest.low)}{asked}; {weakest.n_pairs} pairs"
    )
    _show_claim(sentence, holds, _effect(weakest, unit, differences, high=None), text, _comparisons(differences, unit))


def claim_level(sentence: str, values: Values, baseline: Values, *, within: float, unit: str = "") -> None:
    """Claim that results differ from a baseline by less than a margin, pair by pair: an equivalence.

    Holds if the 98 % t interval of the mean difference lies inside ± `within`. (That a difference was not found is no
    reason to claim that there is none: it may be large and uncertain.)

    Args:
        sentence: As in `claim`; it names the margin.
        values: As in `claim_higher`.
        baseline: As in `claim_higher`.
        within: The margin, above 0, in the unit of the values.
        unit: As in `claim_higher`.

    Raises:
        ClaimError: It does not hold, and strict mode is on.
        ValueError: As `claim_higher`; or the margin is not above 0.
    """
    if not within > 0:
        raise ValueError(f"within must be above 0, not {within}: it is the largest difference that counts as none")
    differences = _paired_differences(values, baseline)
    name, weakest = max(differences.items(), key=lambda item: max(-item[1].low, item[1].high))
    holds = all(-within < difference.low and difference.high < within for difference in differences.values())
    text = (
        f"{_named(name)}{_signed(weakest.mean)}{_with_space(unit)}, 98% interval {_signed(weakest.low)} to "
        f"{_signed(weakest.high)}, asked: inside ±{within:g}; {weakest.n_pairs} pairs"
    )
    content = _effect(weakest, unit, differences, high=weakest.high)
    _show_claim(sentence, holds, content, text, _comparisons(differences, unit))


def claim_equal(sentence: str, ours: Any, reference: Any, *, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Claim that results equal those of a reference in all cases: from scratch = library.

    Holds if there is at least one case, each has the shape of its reference, and |ours - reference| is at most
    `atol + rtol * |reference|` everywhere. A nan equals nothing.

    Args:
        sentence: As in `claim`.
        ours: A number, an array or a tensor; or a sequence or mapping of such cases.
        reference: The same from the reference, case by case.
        rtol: The relative tolerance.
        atol: The absolute tolerance.

    Raises:
        ClaimError: It does not hold, and strict mode is on.
        ValueError: The numbers or the names of the cases differ.
    """
    pairs = _cases(ours, reference)
    distances = [_distance(a, b, rtol, atol) for a, b in pairs]
    holds = bool(distances) and all(close for _, close in distances)
    largest = max((distance for distance, _ in distances), default=math.nan)
    text = f"largest difference {largest:.2g} in {len(distances)} case{'' if len(distances) == 1 else 's'}"
    content = {"effect": largest, "n": len(distances), "evidence": {"rtol": rtol, "atol": atol}}
    folded = _table([("relative tolerance", f"{rtol:g}"), ("absolute tolerance", f"{atol:g}")])
    _show_claim(sentence, holds, content, text, folded)


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
    def margin(self) -> float:
        """How far the ends of the 98 % t interval are from the mean; each end alone is sure to 99 %."""
        from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats would take a second to import

        return float(stdtrit(self.n_pairs - 1, CONFIDENCE)) * self.standard_error

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.margin

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.margin

    @property
    def clearly_positive(self) -> bool:
        """Whether the difference is above zero with 99 % confidence."""
        return self.low > 0


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


# ------------------------------------------------------------------------------------------------------ comparing


def _paired_differences(values: Values, baseline: Values) -> dict[str, PairedDifference]:
    """Return the comparisons by name; one without a name has an empty one."""
    named = [given for given in (values, baseline) if isinstance(given, Mapping)]
    names = [str(name) for name in named[0]] if named else [""]
    ours, theirs = _by_name(values, names), _by_name(baseline, names)
    if ours.keys() != theirs.keys():
        raise ValueError(f"the values are named {list(ours)} and the baselines {list(theirs)}: use the same names")
    if not names:
        raise ValueError("there is nothing to compare: the values are empty")
    return {name: paired_difference(ours[name], theirs[name]) for name in ours}


def _by_name(values: Values, names: Sequence[str]) -> dict[str, list[float]]:
    """Return values by name; those without names belong to each."""
    if isinstance(values, Mapping):
        return {str(name): list(numbers) for name, numbers in values.items()}
    numbers = list(values)
    return dict.fromkeys(names, numbers)


def _cases(ours: Any, reference: Any) -> list[tuple[Any, Any]]:
    """Pair the cases; what is neither a sequence nor a mapping of cases is one case."""
    if isinstance(ours, Mapping) and isinstance(reference, Mapping):
        if ours.keys() != reference.keys():
            raise ValueError(f"ours has the cases {list(ours)} and the reference {list(reference)}")
        return [(ours[name], reference[name]) for name in ours]
    if isinstance(ours, Sequence) and isinstance(reference, Sequence):
        if len(ours) != len(reference):
            raise ValueError(f"ours has {len(ours)} cases and the reference {len(reference)}")
        return list(zip(ours, reference, strict=True))
    return [(ours, reference)]


def _distance(ours: Any, reference: Any, rtol: float, atol: float) -> tuple[float, bool]:
    """Return the largest difference of two numbers or arrays, and whether it is within the tolerance."""
    import numpy as np

    a, b = (_array(value) for value in (ours, reference))
    if a.shape != b.shape or a.size == 0:
        return math.inf, False
    if a.dtype.kind in "fciub" and b.dtype.kind in "fciub":
        a, b = (array.astype(complex if array.dtype.kind == "c" else float) for array in (a, b))
        with np.errstate(invalid="ignore"):  # inf - inf
            distance = np.where(a == b, 0.0, np.abs(a - b))
        return float(distance.max()), bool(np.isclose(a, b, rtol=rtol, atol=atol).all())
    same = bool((a == b).all())
    return (0.0 if same else math.inf), same


def _array(value: Any) -> Any:
    import numpy as np

    if hasattr(value, "detach"):  # a tensor: on any device, of any type (NumPy has no bfloat16)
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
    return np.asarray(value)


def _effect(
    weakest: PairedDifference, unit: str, differences: Mapping[str, PairedDifference], *, high: float | None
) -> dict[str, Any]:
    return {
        "effect": weakest.mean,
        "low": weakest.low,
        "high": high,
        "n": weakest.n_pairs,
        "unit": unit,
        "evidence": _plain(differences if len(differences) > 1 else next(iter(differences.values()))),
    }


def _truth(holds: Any) -> bool:
    if isinstance(holds, bool):
        return holds
    if "bool" in str(getattr(holds, "dtype", "")):  # of NumPy or torch; more than one raises there
        return bool(holds)
    raise TypeError(f"holds must be True or False, not {holds!r}: was a call or a comparison forgotten?")


# -------------------------------------------------------------------------------------------------------- showing


def _show_claim(sentence: str, holds: bool, content: dict[str, Any], effect: str, folded: str) -> None:
    """Show a claim; claims that follow each other in a cell touch, so that they look like one block."""
    defaults = {"effect": None, "low": None, "high": None, "n": None, "unit": "", "evidence": None}
    content = {"sentence": sentence, "holds": holds, **defaults, **_plain(content), "shown": effect}
    mark, verdict, color = ("✔", "Claim holds", "#009E73") if holds else ("✘", "Claim does not hold here", "#D55E00")
    page = (
        f'<div style="border-left: 4px solid {color}; padding: 0.2em 0 0.2em 0.6em; margin: 0">'
        f"{mark} <strong>{verdict}:</strong> {html.escape(sentence)}{_small(html.escape(effect), folded)}</div>"
    )
    text = f"{mark} {verdict}: {sentence}" + (f"\n  effect: {effect}" if effect else "")
    _show({"text/plain": text, "text/html": page}, "claim", content)
    if not holds and is_strict():
        raise ClaimError(f"{sentence} ({effect or 'no evidence is given'})")


def _small(effect: str, folded: str) -> str:
    """Return the effect in small type, and under it what a click unfolds: what nbval does not compare."""
    if folded:
        summary = f'<summary style="cursor: pointer"><small>{effect}</small></summary>'
        return f'<details class="claim-effect">{summary}{folded}</details>'
    return f'<br><small class="claim-effect">{effect}</small>' if effect else ""


def _comparisons(differences: Mapping[str, PairedDifference], unit: str) -> str:
    """Return a table of the differences with how sure they are."""
    in_unit = f", {unit}" if unit else ""
    head = [f"difference{in_unit}", "standard error", "98% interval", "pairs"]
    rows = [
        (
            name,
            _signed(difference.mean),
            f"{difference.standard_error:.2g}",
            f"{_signed(difference.low)} to {_signed(difference.high)}",
            str(difference.n_pairs),
        )
        for name, difference in differences.items()
    ]
    if list(differences) == [""]:  # a single one needs no name
        return _table([row[1:] for row in rows], head, named=False)
    return _table(rows, ["comparison", *head])


def _entries(value: Any) -> list[tuple[str, str]]:
    """Return evidence as rows of a name and its value."""
    entries = value.items() if isinstance(value, dict) else [("evidence", value)]
    return [(name, _short(item, MAX_FOLDED)) for name, item in entries]


def _table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), *, named: bool = True) -> str:
    """Return rows as an HTML table; the first entry of each is its name."""
    left = "text-align: left; vertical-align: top"

    def cell(text: str, scope: str) -> str:
        tag = "th" if scope else "td"
        scoped = f' scope="{scope}"' if scope else ""
        return f'<{tag}{scoped} style="{left}">{html.escape(text)}</{tag}>'

    lines = ["".join(cell(text, "col") for text in head)] if head else []
    lines += ["".join(cell(text, "row" if named and i == 0 else "") for i, text in enumerate(row)) for row in rows]
    return f'<table style="margin: 0.3em 0">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'


def _show(data: dict[str, str], kind: str, content: dict[str, Any]) -> None:
    display(data, raw=True, metadata={"helper_utils": {kind: content}})


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _named(name: str) -> str:
    return f"{name}: " if name else ""


def _with_space(unit: str) -> str:
    return f" {unit}" if unit else ""


def _short(value: Any, length: int = MAX_SHOWN) -> str:
    """Return evidence in one line: numbers rounded, long things cut off."""
    text = _rounded(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def _rounded(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_rounded(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(map(_rounded, value)) + "]"
    return " ".join(str(value).split())


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
