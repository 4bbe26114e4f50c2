"""Time several ways of doing the same thing fairly, and write the outcome as a table.

The machine's speed drifts while something else runs on it, so the ways take turns and are compared round by round.
"""

import argparse
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

HEADER = """| what | ours | other | other ÷ ours: median (quartiles) | target |
|---|---|---|---|---|"""


@dataclass
class Times:
    """What `alternate` measured.

    Attributes:
        seconds: For each candidate's name its time in each round.
        results: For each candidate's name what its last call returned.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, object] = field(default_factory=dict)

    def ratio(self, slower: str, faster: str) -> tuple[float, float, float]:
        """Return the median over the rounds of one's time divided by the other's, and its quartiles."""
        return quartiles([a / b for a, b in zip(self.seconds[slower], self.seconds[faster], strict=True)])

    def row(self, what: str, ours: str, other: str, target: str = "") -> str:
        """Return a line of the table: median times, and the ratio with its quartiles."""
        ratio, low, high = self.ratio(other, ours)
        ours_seconds, other_seconds = (np.median(self.seconds[name]) for name in (ours, other))
        times = f"{ours}: {ours_seconds:.3g} s | {other}: {other_seconds:.3g} s"
        return f"| {what} | {times} | {ratio:.3g} ({low:.3g} to {high:.3g}) | {target} |"


def alternate(
    candidates: Mapping[str, Callable[[], Callable[[], object]]], n_rounds: int, *, warm_up: bool = True
) -> Times:
    """Time each candidate once a round, in turns, forwards and backwards.

    Args:
        candidates: For each name a function that prepares a run, which is not timed, and returns the run.
        n_rounds: How many rounds, at least 1.
        warm_up: Whether to run a first round that does not count.
    """
    names = list(candidates)
    times = Times({name: [] for name in names})
    with tqdm(total=(n_rounds + warm_up) * len(candidates), unit="run") as bar:
        for number in range(-warm_up, n_rounds):
            for name in names if number % 2 == 0 else reversed(names):
                bar.set_description(f"{name}, " + (f"round {number + 1}/{n_rounds}" if number >= 0 else "warm-up"))
                run = candidates[name]()
                gc.collect()
                start = time.perf_counter()
                times.results[name] = run()
                seconds = time.perf_counter() - start
                if number >= 0:
                    times.seconds[name].append(seconds)
                bar.update()
    return times


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the lower and the upper quartile."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return float(median), float(low), float(high)


def main(measure: Callable[[int], tuple[str, list[str]]], n_rounds: int) -> None:
    """Run a script: `--rounds` goes to `measure`, and its remarks and lines of the table to the standard output."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rounds", type=int, default=n_rounds, help="how often each candidate is timed")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds is {rounds}; expected 1 or more")
    remarks, rows = measure(rounds)
    print(f"{remarks} Rounds: {rounds}.\n\n{HEADER}", *rows, sep="\n")
