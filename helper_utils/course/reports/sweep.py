"""The report of a sweep: tables, a picture of each recorded number over the swept parameters, and one page.

matplotlib is imported only when pictures are drawn.
"""

import datetime
import math
import shutil
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helper_utils.base.files import write_bytes, write_text
from helper_utils.base.versions import installed_versions
from helper_utils.course.errors import count
from helper_utils.course.reports.results import RESULT_COLUMNS, claims_held, count_passed, result_columns
from helper_utils.course.reports.tables import as_text, render, write_table
from helper_utils.course.running.notebook import NOT_RUN, PASSED, Result
from helper_utils.course.sweep_plan import Sweep, file_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEED = "seed"
MARKERS = "os^DvPX"
LINE_STYLES = ("-", "--", ":")
MAX_LINES = 21  # seven colours in three line styles
LARGE_RANGE = 50  # numbers that span more than this are drawn on a logarithmic axis

RUN_COLUMNS = ("run", *RESULT_COLUMNS)
ROW_COLUMNS = ("run", "status", "kind", "name", "key", "value", "evidence")
CLAIM_COLUMNS = ("sentence", "held", "of", "does_not_hold_in")


@dataclass(frozen=True)
class Point:
    """One recorded number: the swept parameters, the key (where a dict was recorded), the number."""

    values: Mapping[str, Any]
    key: str
    number: float


@dataclass(frozen=True)
class Picture:
    """A picture of one recorded value, and what it shows in words."""

    name: str
    path: str
    description: str


@dataclass(frozen=True)
class SweepReport:
    """A finished, or stopped, sweep.

    Attributes:
        sweep: What was to be run.
        started: When.
        results: What came of it so far, by the names of the runs.
    """

    sweep: Sweep
    started: datetime.datetime
    results: Mapping[str, Result]
    versions: Mapping[str, str] = field(default_factory=installed_versions)

    @property
    def n_passed(self) -> int:
        """How many runs came to their end."""
        return count_passed(self.results.values())

    @property
    def numbers(self) -> dict[str, str]:
        """What the page shows first."""
        return {
            "Runs passed": f"{self.n_passed} of {len(self.sweep.runs)}",
            "Claims that hold": claims_held(self.results.values()),
        }

    @property
    def other_parameters(self) -> dict[str, Any]:
        """The parameters that are not swept, with their defaults."""
        parameters = self.sweep.lesson.parameters
        return {name: parameters[name].default_value for name in parameters if name not in self.sweep.parameters}

    def summary(self) -> list[str]:
        """Return what the terminal shows at the end."""
        runs, n_not_run = count(len(self.sweep.runs), "run"), len(self.sweep.runs) - len(self.results)
        not_run = f" ({n_not_run} not run)" if n_not_run else ""
        lines = ["", f"{self.n_passed} of {runs} passed{not_run}, {claims_held(self.results.values())} claims hold"]
        lines += [
            f"  {row['run']}: {row['status']}{': ' if row['error'] else ''}{row['error']}"
            for row in self.run_rows
            if row["status"] not in (PASSED, NOT_RUN)
        ]
        lines += [
            f"  holds in {row['held']} of {row['of']}: {row['sentence']}"
            for row in self.claim_rows
            if row["held"] < row["of"]
        ]
        return lines

    def write(self, folder: Path) -> Path:
        """Write all files of the report.

        Args:
            folder: The results folder.

        Returns:
            The page that shows everything.
        """
        swept = [_column(parameter) for parameter in self.sweep.parameters]
        write_table(folder, "runs", (*swept, *RUN_COLUMNS), self.run_rows)
        write_table(folder, "results", (*swept, *ROW_COLUMNS), self.result_rows)
        write_table(folder, "claims", CLAIM_COLUMNS, self.claim_rows)
        index = folder / "index.html"
        write_text(index, self.page(self.draw(folder)))
        return index

    @cached_property
    def run_rows(self) -> list[dict[str, Any]]:
        """Return the table of runs."""
        return [
            _columns(values) | {"run": name} | result_columns(self.results.get(name, Result(name, NOT_RUN)))
            for name, values in self.sweep.runs.items()
        ]

    @cached_property
    def result_rows(self) -> list[dict[str, Any]]:
        """Return the table of recorded values and claims: a row for each, and for each entry of a recorded dict.

        It also holds what a run recorded before it failed; the status tells.
        """
        rows = []
        for name, result in self.results.items():
            run = _columns(self.sweep.runs[name]) | {"run": name, "status": result.status}
            for value_name, recorded in result.values.items():
                for key, value in _leaves(recorded):
                    row = {"kind": "value", "name": value_name, "key": key, "value": value, "evidence": None}
                    rows.append(run | row)
            for claim in result.claims:
                row = {"kind": "claim", "name": claim["sentence"], "key": "", "value": claim["holds"]}
                rows.append(run | row | {"evidence": claim["evidence"]})
        return rows

    @cached_property
    def claim_rows(self) -> list[dict[str, Any]]:
        """Return how often each claim holds, of the times it was made."""
        rows: dict[str, dict[str, Any]] = {}
        for name, result in self.results.items():
            for claim in result.claims:
                sentence = claim["sentence"]
                row = rows.setdefault(sentence, {"sentence": sentence, "held": 0, "of": 0, "does_not_hold_in": []})
                row["of"] += 1
                row["held"] += claim["holds"]
                if not claim["holds"]:
                    row["does_not_hold_in"].append(name)
        return list(rows.values())

    @cached_property
    def points(self) -> dict[str, list[Point]]:
        """The finite numbers among the recorded values, by name."""
        points: dict[str, list[Point]] = {}
        for row in self.result_rows:
            if row["kind"] == "value":
                of_name = points.setdefault(row["name"], [])
                if _finite(row["value"]):
                    of_name.append(Point(self.sweep.runs[row["run"]], row["key"], row["value"]))
        return points

    @cached_property
    def constants(self) -> dict[str, dict[str, float]]:
        """The recorded numbers that are the same in all runs, by name and key: they need no picture."""
        constants = {}
        for name, points in self.points.items():
            numbers: dict[str, list[float]] = defaultdict(list)
            for point in points:
                numbers[point.key].append(point.number)
            if numbers and all(len(of_key) > 1 and len(set(of_key)) == 1 for of_key in numbers.values()):
                constants[name] = {key: of_key[0] for key, of_key in numbers.items()}
        return constants

    @property
    def drawn(self) -> dict[str, list[Point]]:
        """The recorded numbers that are drawn, by name."""
        return {
            name: points
            for name, points in self.points.items()
            if 0 < len(_lines(self.sweep, points)) <= MAX_LINES and name not in self.constants
        }

    @property
    def not_drawn(self) -> list[str]:
        """The recorded values that are neither drawn nor constant."""
        return [name for name in self.points if name not in self.drawn and name not in self.constants]

    def draw(self, folder: Path) -> list[Picture]:
        """Draw each recorded number over the swept parameters into `pictures/`."""
        shutil.rmtree(folder / "pictures", ignore_errors=True)
        if not self.drawn:
            return []
        (folder / "pictures").mkdir()
        pictures = []
        for number, (name, points) in enumerate(self.drawn.items(), start=1):
            path = f"pictures/{number:02d}_{file_name(name).partition('~')[0]}.png"  # the number makes it unique
            pictures.append(Picture(name, path, _draw(self.sweep, name, points, folder / path)))
        return pictures

    def page(self, pictures: Sequence[Picture]) -> str:
        """Return the page that shows everything."""
        return render("sweep.html.j2", report=self, pictures=pictures, column=_column)


def _column(parameter: str) -> str:
    """Return a parameter's column in the tables: its name, or where a column of ours has that name another."""
    return f"parameter {parameter}" if parameter in RUN_COLUMNS + ROW_COLUMNS else parameter


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_column(name): value for name, value in values.items()}


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the entries of a dict, and of dicts in it, with keys such as `train.loss`; any other value as it is."""
    if not isinstance(value, dict):
        yield key, value
        return
    for inner, item in value.items():
        yield from _leaves(item, f"{key}.{inner}" if key else inner)


def _finite(value: Any) -> bool:
    """Say whether a value can be drawn; true and false can, as 1 and 0."""
    return isinstance(value, int | float) and math.isfinite(value)


def _several(sweep: Sweep) -> list[str]:
    """Return the parameters with more than one value."""
    return [name for name, values in sweep.parameters.items() if len(values) > 1]


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _x(sweep: Sweep) -> str:
    """Choose the parameter of the x axis: numbers before categories, a seed only where nothing else is swept."""
    names = [name for name in _several(sweep) if name != SEED] or _several(sweep) or list(sweep.parameters)
    return next((name for name in names if _is_numeric(sweep.parameters[name])), names[0])


def _lines(sweep: Sweep, points: Sequence[Point]) -> dict[str, list[Point]]:
    """Sort the points into lines, by their labels: one for each key and combination of the further parameters."""
    further = [name for name in _several(sweep) if name not in (_x(sweep), SEED)]
    lines: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        parts = [point.key] if point.key else []
        parts += [f"{name} = {as_text(point.values[name])}" for name in further]
        lines[", ".join(parts)].append(point)
    return dict(lines)


def _has_spread(sweep: Sweep) -> bool:
    """Say whether several seeds lie at each place of the x axis."""
    return SEED in _several(sweep) and _x(sweep) != SEED


def _draw(sweep: Sweep, name: str, points: Sequence[Point], path: Path) -> str:
    """Draw one recorded value into a file, and say in words what the picture shows."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from helper_utils.base.plots import COLORS, to_png, use_house_style

    x, lines = _x(sweep), _lines(sweep, points)
    numeric = x != SEED and _is_numeric(sweep.parameters[x])
    with mpl.rc_context():
        use_house_style()
        figure = Figure(figsize=(7.0, max(3.4, 0.3 * len(lines))))
        axes = figure.subplots()
        _prepare_x(axes, x, sweep.parameters[x], numeric)
        for index, (line, members) in enumerate(lines.items()):
            shift = 0 if numeric or x == SEED else 0.5 * ((index + 0.5) / len(lines) - 0.5)  # lines beside each other
            numbers: dict[float, list[float]] = defaultdict(list)
            for member in members:
                value = member.values[x]
                numbers[value if numeric else sweep.parameters[x].index(value) + shift].append(member.number)
            style = {
                "color": list(COLORS.values())[index % len(COLORS)],
                "marker": MARKERS[index % len(MARKERS)],
                "linestyle": LINE_STYLES[index // len(COLORS)] if numeric else "none",
                "label": line,
            }
            _draw_line(axes, dict(sorted(numbers.items())), style, _has_spread(sweep), mean=x == SEED)
        axes.set_ylabel(name)
        axes.set_title(_legend_of_marks(sweep), fontsize="small", loc="left")
        if len(lines) > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize="small")
        write_bytes(path, to_png(figure))
    return _description(sweep, name, lines)


def _prepare_x(axes: "Axes", x: str, values: Sequence[Any], numeric: bool) -> None:
    """Label the x axis with the swept values."""
    logarithmic = numeric and min(values) > 0 and max(values) / min(values) >= LARGE_RANGE
    if logarithmic:
        axes.set_xscale("log")
    places = values if numeric else range(len(values))
    axes.set_xticks(places, [f"{value:g}" if numeric else as_text(value) for value in values])
    axes.set_xticks([], minor=True)
    if not numeric:
        axes.set_xlim(-0.5, len(values) - 0.5)
    axes.set_xlabel(f"{x} (logarithmic)" if logarithmic else x)


def _draw_line(
    axes: "Axes", numbers: Mapping[float, list[float]], style: dict[str, Any], spread: bool, *, mean: bool
) -> None:
    """Draw a point for each run, and what they have in common: mean and standard deviation, or a line through them."""
    runs = [(place, number) for place, at_place in numbers.items() for number in at_place]
    if spread:
        axes.plot(
            *zip(*runs, strict=True), **style | {"linestyle": "none", "label": None}, markersize=4, alpha=0.5, zorder=3
        )
        means = [statistics.fmean(at_place) for at_place in numbers.values()]
        deviations = [_deviation(at_place) for at_place in numbers.values()]
        axes.errorbar(list(numbers), means, yerr=deviations, capsize=4, elinewidth=1, **style)
        return
    axes.plot(*zip(*runs, strict=True), **style)
    if mean:
        values = [number for _, number in runs]
        centre, deviation = statistics.fmean(values), _deviation(values)
        axes.axhline(centre, color=style["color"], linestyle="--", linewidth=1)
        axes.axhspan(centre - deviation, centre + deviation, color=style["color"], alpha=0.12, linewidth=0)


def _deviation(numbers: Sequence[float]) -> float:
    """Return the standard deviation with Bessel's correction, 0 for a single number."""
    return statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def _legend_of_marks(sweep: Sweep) -> str:
    if _has_spread(sweep):
        return f"small: runs; large: mean ± standard deviation over {len(sweep.parameters[SEED])} seeds"
    if _x(sweep) == SEED:
        return "one point a run; dashed: mean, band: ± standard deviation over the seeds"
    return "one point a run"


def _description(sweep: Sweep, name: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """Say what a picture shows, the lowest and the highest mean included."""
    x = _x(sweep)
    means = [
        (statistics.fmean(numbers), f"{x} = {as_text(value)}{', ' if line else ''}{line}")
        for line, points in lines.items()
        for value in sweep.parameters[x]
        if (numbers := [point.number for point in points if point.values[x] == value])
    ]
    kind = "mean" if _has_spread(sweep) else "value"
    (lowest, there), (highest, here) = min(means), max(means)
    text = name[:1].upper() + name[1:]
    text += f" over {x}" + (f", one line each for {'; '.join(lines)}" if len(lines) > 1 else "")
    return f"{text}. The lowest {kind} is {lowest:.4g} ({there}), the highest {highest:.4g} ({here})."
