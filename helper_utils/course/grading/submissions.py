"""Submitted notebooks as text: which exercises they answer, and what each answer needs. Nothing of them is run here.

An answer is a function decorated `@exercise("name")` at the left margin of a code cell. Of several answers to one
exercise the last one counts that is more than dots. Besides its own text an answer gets what it uses: the imports,
functions, classes and values above it, or elsewhere in its cell, that bind a name it mentions, and what those mention
in turn. All else stays untouched: trainings, plots, loops that never end, a checker that was defined anew.
"""

import ast
import copy
import dataclasses
import dis
import re
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

from helper_utils.course.lessons import read_lesson, source
from helper_utils.teaching.registry import checked_by

MOST_BYTES = 50_000_000  # of a notebook file, pictures included
MOST_CODE = 1_000_000  # characters of code in it
PACKAGE_OF_ANSWERS = "helper_utils.teaching"
DECORATOR = re.compile(r"""^@(?:\w+\.)*exercise\(\s*["']([\w.]+)["']""", re.MULTILINE)
TIMED_CELL = re.compile(r"\A\s*%%(?:time|timeit|capture)\b.*$", re.MULTILINE)
LOADS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
STORES = {"STORE_NAME", "STORE_GLOBAL"}


class UnreadableError(ValueError):
    """A submission that cannot be read; the message says why."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """Statements of one cell that are to be run.

    Attributes:
        name: What tracebacks call the cell.
        text: The whole cell, whose lines tracebacks show.
        tree: The statements; they keep their line numbers.
    """

    name: str
    text: str
    tree: ast.Module


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a submission says to one exercise.

    Attributes:
        exercise: The exercise's name.
        attempted: Whether the function has a body.
        problem: Why it can be judged without being run: it is not Python, or it is a copy. Else an empty string.
        function: The function's name.
        needed: What runs before the function, in order.
        definition: The function, without the line `@exercise(...)`.
        after: What its own cell defines below it and it needs, in order.
    """

    exercise: str
    attempted: bool
    problem: str = ""
    function: str = ""
    needed: tuple[Piece, ...] = ()
    definition: Piece | None = None
    after: tuple[Piece, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Statement:
    """One statement at the left margin of a cell, without the checker.

    Attributes:
        cell: The number of the cell.
        text: The text of the cell.
        node: The statement.
        exercises: The exercises that it answers.
        reads: The global names that it mentions, inside its functions too.
        binds: The global names that it gives a value.
    """

    cell: int
    text: str
    node: ast.stmt
    exercises: tuple[str, ...]
    reads: frozenset[str]
    binds: frozenset[str]

    def piece(self, needed: set[str]) -> Piece:
        """Return what is to be run; of an import only what is needed."""
        node = self.node
        if isinstance(node, ast.Import | ast.ImportFrom):
            node = copy.copy(node)
            node.names = [alias for alias in node.names if _bound_by(alias) in needed | {"*"}]
        return Piece(f"<cell {self.cell}>", self.text, ast.Module([node], []))


def read_answers(path: Path) -> dict[str, Answer]:
    """Read a submission, without running anything of it.

    Args:
        path: A notebook file.

    Returns:
        The answers by the names of their exercises, in the order of the notebook.

    Raises:
        UnreadableError: It is no notebook, or too large.
    """
    statements: list[_Statement] = []
    broken: dict[str, Answer] = {}
    for number, text in _code_cells(path):
        try:
            statements += _statements(number, text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = f"{error.msg}, line {error.lineno}" if isinstance(error, SyntaxError) else "it cannot be parsed"
            for name in DECORATOR.findall(text):
                broken[name] = Answer(name, attempted=True, problem=f"the cell is not valid Python: {reason}")
    found: dict[str, Answer] = {}
    for index, statement in enumerate(statements):
        for name in statement.exercises:
            answer = _answer(name, statements, index)
            if answer.attempted or name not in found:
                found[name] = answer
    # A cell that does not parse counts only where there is no other attempt.
    return found | {name: answer for name, answer in broken.items() if name not in found or not found[name].attempted}


def _code_cells(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, counted from 1, and the text of each code cell."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror}") from None
    if size == 0:
        raise UnreadableError(f"{path.name} is empty")
    if size > MOST_BYTES:
        raise UnreadableError(f"{path.name} has {size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f}")
    try:
        lesson = read_lesson(path)
    except (RecursionError, MemoryError, ValueError):
        raise UnreadableError(f"{path.name} is not a notebook: it cannot be parsed") from None
    if lesson.error:
        raise UnreadableError(lesson.error)
    texts = [source(cell) if cell.get("cell_type") == "code" else "" for cell in lesson.cells]
    if sum(map(len, texts)) > MOST_CODE:
        raise UnreadableError(f"{path.name} holds more than {MOST_CODE} characters of code")
    yield from ((number, text) for number, text in enumerate(texts, start=1) if text.strip())


def _statements(cell: int, text: str) -> list[_Statement]:
    """Take a cell apart.

    Raises:
        SyntaxError: It is not Python. Deep nesting also gives ValueError, RecursionError or MemoryError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice on the learner's code, such as on `x is 1`
        try:
            nodes = ast.parse(text).body
        except SyntaxError:
            from IPython.core.inputtransformer2 import TransformerManager

            # Lines with % and ! are no Python, and a first line such as %%time hides the rest of the cell.
            text = TransformerManager().transform_cell(TIMED_CELL.sub("", text, count=1))
            nodes = ast.parse(text).body
        return [_statement(cell, text, node) for node in nodes]


def _statement(cell: int, text: str, node: ast.stmt) -> _Statement:
    exercises = []
    if isinstance(node, ast.FunctionDef):
        exercises = [name for name in map(checked_by, node.decorator_list) if name]
        node.decorator_list = [decorator for decorator in node.decorator_list if checked_by(decorator) is None]
    code = compile(ast.Module([node], []), "<cell>", "exec", dont_inherit=True)
    binds = {instruction.argval for instruction in dis.get_instructions(code) if instruction.opname in STORES}
    return _Statement(cell, text, node, tuple(exercises), _reads(code), frozenset(binds))


def _reads(code: types.CodeType) -> frozenset[str]:
    """Return the global names that compiled code mentions; its local ones have operations of their own."""
    own = {instruction.argval for instruction in dis.get_instructions(code) if instruction.opname in LOADS}
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(own).union(*map(_reads, inner))


def _answer(name: str, statements: list[_Statement], index: int) -> Answer:
    """Collect what belongs to the answer that is the statement at this index."""
    from helper_utils.teaching.verdict import is_untouched

    statement = statements[index]
    assert isinstance(statement.node, ast.FunctionDef)  # noqa: S101 - only these have exercises
    function = statement.node.name
    if is_untouched(statement.node):
        return Answer(name, attempted=False)
    usable = [i for i, other in enumerate(statements) if i < index or (i > index and other.cell == statement.cell)]
    usable = [i for i in usable if i < index or function not in statements[i].binds]
    needed, chosen = set(statement.reads), set[int]()
    while new := [i for i in usable if i not in chosen and statements[i].binds & needed | _star(statements[i])]:
        chosen.update(new)
        needed.update(*(statements[i].reads for i in new))
    pieces = {i: statements[i].piece(needed) for i in sorted(chosen)}
    definition = statement.piece(needed)
    copied = any(_imports_answers(piece.tree) for piece in [definition, *pieces.values()])
    return Answer(
        name,
        attempted=True,
        problem=f"copied from the package: the answer uses {PACKAGE_OF_ANSWERS}" if copied else "",
        function=function,
        needed=tuple(piece for i, piece in pieces.items() if i < index),
        definition=definition,
        after=tuple(piece for i, piece in pieces.items() if i > index),
    )


def _star(statement: _Statement) -> set[str]:
    """Return `*` for `from ... import *`, which may bind any name."""
    node = statement.node
    return {"*"} if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" else set()


def _bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds: `import a.b` binds `a`."""
    return alias.asname or alias.name.partition(".")[0]


def _imports_answers(tree: ast.Module) -> bool:
    """Say whether code reaches for the package's own exercises, which hold the reference answers."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                modules = [module, *(f"{module}.{alias.name}" for alias in names)]
            case ast.Attribute(value=ast.Name(id="helper_utils"), attr="exercises"):
                return True
            case _:
                continue
        if any(f"{module}.".startswith(f"{PACKAGE_OF_ANSWERS}.") for module in modules):
            return True
    return False
