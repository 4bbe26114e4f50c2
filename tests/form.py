"""What a lesson's form is measured by: visible lines, exercises, predictions. CONTRIBUTING describes the form."""

import ast
import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

from nbformat import NotebookNode

from helper_utils.teaching.quiz import read_quiz
from helper_utils.teaching.registry import checked_by, find_exercise

MAX_CORE_LINES = 250
MAX_LINES = 450
MAX_CELL_LINES = 25
MIN_EXERCISES = 8
MIN_LIVE = 4
MIN_QUESTIONS = 6
TELLING = {"claim", "claim_equal", "claim_higher", "claim_level", "show_figure", "show_with_slider"}
EXERCISE_HEADING = re.compile(r"^#{3,4} Exercise · \S.* \(difficulty ([123]) of 3\)\s*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Exercise:
    """An exercise of a notebook: its name, the function's name, and the index of its cell."""

    name: str
    function: str
    cell: int


def is_in_new_form(cells: Sequence[NotebookNode]) -> bool:
    """Say whether a lesson has been rebuilt: it has a core, and what goes deeper under one heading."""
    return going_deeper(cells) < len(cells)


def going_deeper(cells: Sequence[NotebookNode]) -> int:
    """Return the index of the cell where the core has ended, or the number of cells."""
    marks = [i for i, cell in enumerate(cells) if is_markdown(cell) and has_heading(cell.source, "## Going deeper")]
    return marks[0] if marks else len(cells)


def has_heading(text: str, heading: str) -> bool:
    return any(line.startswith(heading) for line in text.splitlines())


def is_markdown(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def is_folded(cell: NotebookNode) -> bool:
    return "hide-input" in cell.metadata.get("tags", [])


def visible_lines(cell: NotebookNode) -> int:
    """Count the lines of code that a reader sees."""
    if cell.cell_type != "code" or is_folded(cell):
        return 0
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def exercises(cells: Sequence[NotebookNode]) -> list[Exercise]:
    """Return the exercises in the order of the notebook."""
    return [
        Exercise(name, node.name, i)
        for i, cell in enumerate(cells)
        if cell.cell_type == "code"
        for node in statements(cell)
        if isinstance(node, ast.FunctionDef)
        for name in filter(None, map(checked_by, node.decorator_list))
    ]


def statements(cell: NotebookNode) -> list[ast.stmt]:
    lines = ["pass" if line.startswith(("%", "!")) else line for line in cell.source.splitlines()]
    return ast.parse("\n".join(lines)).body


def live_exercises(cells: Sequence[NotebookNode]) -> list[Exercise]:
    """Return the exercises whose function a later cell uses."""
    used = [names_in(cell) for cell in cells]
    return [e for e in exercises(cells) if any(e.function in names for names in used[e.cell + 1 :])]


def names_in(cell: NotebookNode) -> set[str]:
    if cell.cell_type != "code":
        return set()
    nodes = [node for statement in statements(cell) for node in ast.walk(statement)]
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def length_problems(cells: Sequence[NotebookNode]) -> Iterator[str]:
    core, whole = (sum(map(visible_lines, part)) for part in (cells[: going_deeper(cells)], cells))
    if core > MAX_CORE_LINES:
        yield f"the core shows {core} lines of code, at most {MAX_CORE_LINES} are allowed"
    if whole > MAX_LINES:
        yield f"the lesson shows {whole} lines of code, at most {MAX_LINES} are allowed"
    for i, cell in enumerate(cells):
        if visible_lines(cell) > MAX_CELL_LINES:
            yield f"cell {i} shows {visible_lines(cell)} lines, at most {MAX_CELL_LINES} are allowed"
        if is_folded(cell) and not cell.source.startswith("# "):
            yield f"cell {i} is folded and does not begin with a comment that says what is inside"


def exercise_problems(cells: Sequence[NotebookNode]) -> Iterator[str]:
    found, live = exercises(cells), live_exercises(cells)
    if len(found) < MIN_EXERCISES:
        yield f"{MIN_EXERCISES} exercises are asked for, there are {len(found)}"
    if len(live) < MIN_LIVE:
        yield f"{MIN_LIVE} live exercises are asked for, these are used below: {[e.name for e in live]}"
    for e in found:
        above = cells[e.cell - 1]
        heading = EXERCISE_HEADING.search(above.source) if is_markdown(above) else None
        if not heading:
            yield f"{e.name}: no heading '### Exercise · … (difficulty N of 3)' directly above its cell"
        elif int(heading[1]) != find_exercise(e.name).difficulty:
            yield f"{e.name}: the heading says difficulty {heading[1]}, exercises.py another one"


def prediction_problems(cells: Sequence[NotebookNode]) -> Iterator[str]:
    predictions = [i for i, cell in enumerate(cells) if is_markdown(cell) and "**Predict.**" in cell.source]
    if not predictions:
        yield "there is no prediction"
    for i, end in itertools.pairwise([*predictions, len(cells)]):
        for j in cells_before_text(cells, i + 1):
            if not is_folded(cells[j]) and names_called(cells[j]) & TELLING:
                yield f"cell {j} shows a claim or a caption right after the prediction of cell {i}"
        # The answer may stand at the top of the cell that asks for the next prediction.
        later = "\n".join(cell.source for cell in cells[i + 1 : end] if is_markdown(cell))
        next_one = cells[end].source.partition("**Predict.**")[0] if end < len(cells) else ""
        if "**Answer.**" not in later + next_one:
            yield f"the prediction of cell {i} has no '**Answer.**' before the next one"


def cells_before_text(cells: Sequence[NotebookNode], start: int) -> list[int]:
    end = next((i for i in range(start, len(cells)) if is_markdown(cells[i])), len(cells))
    return list(range(start, end))


def names_called(cell: NotebookNode) -> set[str]:
    calls = [node.func for s in statements(cell) for node in ast.walk(s) if isinstance(node, ast.Call)]
    return {call.id for call in calls if isinstance(call, ast.Name)} | {
        call.attr for call in calls if isinstance(call, ast.Attribute)
    }


def content_problems(cells: Sequence[NotebookNode]) -> Iterator[str]:
    if not any(is_markdown(cell) and "erratum" in cell.source.lower() for cell in cells):
        yield "no erratum is named: a statement in wide circulation that a computation refutes"
    topics = [match[1] for cell in cells if (match := re.search(r'show_quiz\("(\w+)"\)', cell.source))]
    for topic in topics:
        if len(read_quiz(topic)) < MIN_QUESTIONS:
            yield f"{MIN_QUESTIONS} questions are asked for, the quiz {topic!r} has {len(read_quiz(topic))}"


def order_problems(cells: Sequence[NotebookNode]) -> Iterator[str]:
    wanted = ["## Objectives", "## Parameters", "## Set-up", "## 1 · ", "## Recipe", "## Quiz", "## Going deeper",
              "## Common mistakes", "## What to take away", "### Read more"]  # fmt: skip
    lines = [line for cell in cells if is_markdown(cell) for line in cell.source.splitlines()]
    places = {heading: [i for i, line in enumerate(lines) if line.startswith(heading)] for heading in wanted}
    yield from (f"the heading '{heading}' is missing" for heading, found in places.items() if not found)
    order = [found[0] for found in places.values() if found]
    if order != sorted(order):
        yield f"the headings are not in the order {', '.join(wanted)}"


def forward_references(cells: Sequence[NotebookNode], own: int, existing: set[int]) -> Iterator[str]:
    """Name links and words that lead to lessons that do not exist; `(planned)` marks those that are not written yet."""
    for i, cell in enumerate(cells):
        if not is_markdown(cell):
            continue
        for number, topic in re.findall(r"\]\((\d\d)_(\w+)\.ipynb", cell.source):
            if int(number) not in existing:
                yield f"cell {i} links to {number}_{topic}, which does not exist"
    later = sorted(number for number in existing if number > own)
    text = cells[-1].source if cells and is_markdown(cells[-1]) else ""
    if later and f"]({later[0]:02d}_" not in text:
        yield f"the last cell does not link to the next lesson, {later[0]:02d}"


def problems(cells: Sequence[NotebookNode], own: int, existing: set[int]) -> list[str]:
    """Return all that is wrong with the form of a rebuilt lesson."""
    rules = (length_problems, exercise_problems, prediction_problems, content_problems, order_problems)
    return [found for rule in rules for found in rule(cells)] + list(forward_references(cells, own, existing))
