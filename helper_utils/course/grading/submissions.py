"""Submitted notebooks as text: which exercises they answer, and what each answer needs. Nothing of them is run here.

An answer is a function decorated `@exercise("name")` at the left margin of a code cell. Of several answers to one
exercise the last one counts that is more than dots. Besides its own text an answer gets what it uses: the imports,
functions, classes and values above it, or elsewhere in its cell, that bind or change a name it mentions
(`table["x"] = 2`, `names.append("a")`), and what those mention in turn; `from __future__` and seeds count for all that
follows them. All else stays untouched: trainings, plots, loops that never end, a checker that was defined anew.
"""

import __future__

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

MAX_BYTES = 50_000_000  # of a notebook file, pictures included
MAX_CODE = 1_000_000  # characters of code in it
SEEDS = {"manual_seed", "seed", "set_seed"}  # functions that set a random generator for all that follows
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
        problem: Why it can be judged without being run: it is not Python. Else an empty string.
        function: The function's name.
        needed: What runs before the function, in order.
        definition: The function, without the line `@exercise(...)`.
        after: What its own cell defines below it and it needs, in order.
        flags: The compiler's flags that `from __future__` above it sets.
    """

    exercise: str
    attempted: bool
    problem: str = ""
    function: str = ""
    needed: tuple[Piece, ...] = ()
    definition: Piece | None = None
    after: tuple[Piece, ...] = ()
    flags: int = 0


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
        changes: The global names into whose values it stores something, such as a dict that gets an entry.
        calls: The global names that a call in it may change, such as `names.append("a")` or `shuffle(names)`.
        sets_seed: Whether it seeds a random generator.
    """

    cell: int
    text: str
    node: ast.stmt
    exercises: tuple[str, ...]
    reads: frozenset[str]
    binds: frozenset[str]
    changes: frozenset[str]
    calls: frozenset[str]
    sets_seed: bool

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
    if size > MAX_BYTES:
        raise UnreadableError(f"{path.name} has {size / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}")
    try:
        lesson = read_lesson(path)
    except (RecursionError, MemoryError, ValueError):
        raise UnreadableError(f"{path.name} is not a notebook: it cannot be parsed") from None
    if lesson.error:
        raise UnreadableError(lesson.error)
    texts = [source(cell) if cell.get("cell_type") == "code" else "" for cell in lesson.cells]
    if sum(map(len, texts)) > MAX_CODE:
        raise UnreadableError(f"{path.name} holds more than {MAX_CODE} characters of code")
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
    return _Statement(
        cell=cell,
        text=text,
        node=node,
        exercises=tuple(exercises),
        reads=_reads(code),
        binds=frozenset(binds),
        changes=_changes(node),
        calls=_calls(node),
        sets_seed=_sets_seed(node),
    )


def _reads(code: types.CodeType) -> frozenset[str]:
    """Return the global names that compiled code mentions; its local ones have operations of their own."""
    own = {instruction.argval for instruction in dis.get_instructions(code) if instruction.opname in LOADS}
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(own).union(*map(_reads, inner))


def _changes(node: ast.stmt) -> frozenset[str]:
    """Return the names into whose values a statement stores: `a[k] = v`, `a.b = v`, `del a[k]`, in loops too."""
    places = [part for part in _parts(node) if isinstance(part, ast.Subscript | ast.Attribute)]
    return frozenset(_root(place) for place in places if isinstance(place.ctx, ast.Store | ast.Del))


def _calls(node: ast.stmt) -> frozenset[str]:
    """Return the names that calls in a statement may change: `a.append(v)`, `shuffle(a)`, `zeros_(a)`, in loops too."""
    calls = [part for part in _parts(node) if isinstance(part, ast.Call)]
    owners = [call.func for call in calls if isinstance(call.func, ast.Attribute)]
    in_place = [call for call in calls if _called(call) == "shuffle" or _called(call).endswith("_")]
    return frozenset(map(_root, [*owners, *(argument for call in in_place for argument in call.args)]))


def _called(call: ast.Call) -> str:
    """Return the last name of what is called, such as `zeros_` of `torch.nn.init.zeros_(w)`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _parts(node: ast.stmt) -> list[ast.AST]:
    """Return all nodes of a statement; none of a definition, which changes something only when it is called."""
    is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return [] if is_definition else list(ast.walk(node))


def _root(node: ast.expr) -> str:
    """Return the name at which a chain of attributes and indices begins, such as `a` of `a.b[0].c`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _sets_seed(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Call() as call) | ast.Assign(value=ast.Call() as call):
            return _called(call) in SEEDS
    return False


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
    # Imported modules have functions, not methods: a call such as `torch.save(...)` changes nothing that is needed.
    imports = (other for other in statements if isinstance(other.node, ast.Import | ast.ImportFrom))
    imported = set().union(*(other.binds for other in imports))
    seeds = {i for i in usable if i < index and statements[i].sets_seed}
    needed, chosen = set(statement.reads).union(*(statements[i].reads for i in seeds)), seeds

    def is_needed(other: _Statement) -> bool:
        touched = other.binds | other.changes | (other.calls - imported)
        return bool(touched & needed or _star(other))

    while new := [i for i in usable if i not in chosen and is_needed(statements[i])]:
        chosen.update(new)
        needed.update(*(statements[i].reads for i in new))
    pieces = {i: statements[i].piece(needed) for i in sorted(chosen)}
    definition = statement.piece(needed)
    return Answer(
        name,
        attempted=True,
        function=function,
        needed=tuple(piece for i, piece in pieces.items() if i < index),
        definition=definition,
        after=tuple(piece for i, piece in pieces.items() if i > index),
        flags=_future_flags(statements[:index]),
    )


def _future_flags(statements: list[_Statement]) -> int:
    """Return the compiler's flags of the `from __future__ import ...` among some statements."""
    imports = [s.node for s in statements if isinstance(s.node, ast.ImportFrom) and s.node.module == "__future__"]
    names = [alias.name for node in imports for alias in node.names]
    return sum({getattr(__future__, name).compiler_flag for name in names if name in __future__.all_feature_names})


def _star(statement: _Statement) -> set[str]:
    """Return `*` for `from ... import *`, which may bind any name."""
    node = statement.node
    return {"*"} if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" else set()


def _bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds: `import a.b` binds `a`."""
    return alias.asname or alias.name.partition(".")[0]
