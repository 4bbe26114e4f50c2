"""Submitted notebooks as text: which exercises they answer, and what each answer needs. Nothing of them is run here.

An answer is what stands under `@exercise("name")`. Of several answers to one exercise the last one counts that is more
than dots. It runs as in the notebook: first the cells above it that bind or change a name it uses (`table = {}`,
`table["x"] = 2`, `names.append("a")`), and the cells that these need in turn, then its own cell. Imports and seeds are
taken one by one, so that an answer that needs `torch` does not run all that stands beside `import torch`. All other
cells stay untouched: trainings, plots, loops that never end.
"""

import __future__

import ast
import builtins
import copy
import dataclasses
import re
import symtable
import warnings
from collections.abc import Iterator, Set
from pathlib import Path

from helper_utils.course.lessons import read_lesson, source
from helper_utils.teaching.registry import checked_by
from helper_utils.teaching.verdict import is_untouched

MAX_BYTES = 50_000_000  # of a notebook file, pictures included
MAX_CODE = 1_000_000  # characters of code in it
SEEDS = {"manual_seed", "seed", "set_seed"}  # functions that set a random generator for all that follows
CHECKER = "<exercise>"  # what `exercise` is called in what is run: a name that no notebook can bind
DECORATOR = re.compile(r"""^@(?:\w+\.)*exercise\(\s*["']([\w.]+)["']""", re.MULTILINE)
TIMED_CELL = re.compile(r"\A\s*%%(?:time|timeit|capture)\b.*$", re.MULTILINE)


class UnreadableError(ValueError):
    """A submission that cannot be read; the message says why."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A code cell, or what of it is to be run.

    Attributes:
        number: Its number in the notebook, counted from 1.
        text: The whole cell, whose lines tracebacks show.
        statements: Its statements; `exercise` is called `CHECKER` in them.
        reads: The global names that it mentions, inside its functions too.
        binds: The global names that it gives a value, imports apart, or into whose values it stores something.
        calls: The global names whose values a call in it may change.
    """

    number: int
    text: str
    statements: list[ast.stmt]
    reads: Set[str]
    binds: Set[str]
    calls: Set[str]

    def part(self, needed: Set[str], seeds: list[ast.stmt], *, whole: bool) -> "Cell":
        """Return the cell with the imports that are needed and the seeds, and on demand with all other statements."""
        parts = (_part(statement, needed, whole or statement in seeds) for statement in self.statements)
        return dataclasses.replace(self, statements=[part for part in parts if part])


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a submission says to one exercise.

    Attributes:
        exercise: The exercise's name.
        cell: The number of its cell.
        attempted: Whether it is more than dots.
        problem: Why it can be judged without being run: it is not Python. Else an empty string.
        cells: What runs, in order; the last one is the answer's own cell.
        flags: The compiler's flags that `from __future__` in these cells sets.
    """

    exercise: str
    cell: int
    attempted: bool
    problem: str = ""
    cells: tuple[Cell, ...] = ()
    flags: int = 0


def read_answers(path: Path) -> dict[str, Answer]:
    """Read a submission, without running anything of it.

    Args:
        path: A notebook file.

    Returns:
        The answers by the names of their exercises, in the order of the notebook.

    Raises:
        UnreadableError: It is no notebook, or too large.
    """
    cells: list[Cell] = []
    broken: dict[str, Answer] = {}
    for number, text in _code_cells(path):
        try:
            cells.append(_parse(number, text))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = f"{error.msg}, line {error.lineno}" if isinstance(error, SyntaxError) else "it cannot be parsed"
            for name in DECORATOR.findall(text):
                broken[name] = Answer(name, number, True, f"the cell is not valid Python: {reason}")
    checkers = _names_of_checker(cells)
    marked = [_mark_answers(cell, checkers) for cell in cells]
    # An answer also gets the name of its exercise, whatever the student calls it.
    cells = [
        dataclasses.replace(cell, binds=cell.binds | set(map(function_name, answered)))
        for cell, answered in zip(cells, marked, strict=True)
    ]
    answers = [(name, attempted, i) for i, answered in enumerate(marked) for name, attempted in answered.items()]
    found: dict[str, Answer] = {}
    for name, attempted, index in answers:
        if attempted:
            found.pop(name, None)
            needed = _needed(cells[: index + 1])
            found[name] = Answer(name, cells[index].number, True, "", needed, _future_flags(cells[: index + 1]))
        elif name not in found:
            found[name] = Answer(name, cells[index].number, False)
    # A cell that does not parse counts only where there is no other attempt.
    return found | {name: answer for name, answer in broken.items() if name not in found or not found[name].attempted}


def found_instead(path: Path, exercise: str) -> str:
    """Say what a submission holds of an exercise that it does not answer, such as a cell in which it is a comment."""
    mention = re.compile(rf"""(?:@[\w.]+|exercise)\s*\(\s*(?:name\s*=\s*)?["']{re.escape(exercise)}["']""")
    for number, cell in enumerate(read_lesson(path).cells, start=1):
        if mention.search(source(cell)):
            kind = "" if cell.get("cell_type") == "code" else ", which is no code,"
            return f'cell {number}{kind} mentions it, but has no code under `@exercise("{exercise}")` that could be run'
    return "there is no cell with this exercise"


def function_name(exercise: str) -> str:
    """Return the name that the function of an exercise has in the cells below it."""
    return exercise.rpartition(".")[2]


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
    lesson = read_lesson(path)
    if lesson.error:
        raise UnreadableError(lesson.error)
    texts = [source(cell) if cell.get("cell_type") == "code" else "" for cell in lesson.cells]
    if sum(map(len, texts)) > MAX_CODE:
        raise UnreadableError(f"{path.name} holds more than {MAX_CODE} characters of code")
    yield from ((number, text) for number, text in enumerate(texts, start=1) if text.strip())


def _parse(number: int, text: str) -> Cell:
    """Take a cell apart.

    Raises:
        SyntaxError: It is not Python. Deep nesting also gives ValueError, RecursionError or MemoryError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice on the learner's code, such as on `x is 1`
        try:
            tree = ast.parse(text)
        except SyntaxError:
            from IPython.core.inputtransformer2 import TransformerManager

            # Lines with % and ! are no Python, and a first line such as %%time hides the rest of the cell.
            text = TransformerManager().transform_cell(TIMED_CELL.sub("", text, count=1))
            tree = ast.parse(text)
        table = symtable.symtable(text, "<cell>", "exec")
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned()}
    stores, calls = _changes(tree.body)
    return Cell(number, text, tree.body, _global_reads(table), binds | stores, calls)


def _global_reads(table: symtable.SymbolTable) -> set[str]:
    """Return the global names that a scope and the scopes in it mention."""
    is_module = table.get_type() == "module"
    symbols = [symbol for symbol in table.get_symbols() if symbol.is_referenced() and (is_module or symbol.is_global())]
    own = {symbol.get_name() for symbol in symbols}
    return own.union(*map(_global_reads, table.get_children()))


def _changes(statements: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """Return the names into whose values statements store (`a[k] = v`), and those that their calls may change.

    These are calls such as `a.append(v)`, `shuffle(a)` and `zeros_(a)`, in loops too. A definition changes something
    only when it is called.
    """
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    stores, calls = set(), set()
    for node in (node for s in statements if not isinstance(s, definitions) for node in ast.walk(s)):
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                stores.add(_root(node))
            case ast.Call(func=function, args=arguments):
                if isinstance(function, ast.Attribute):
                    calls.add(_root(function))
                if _last_name(function) == "shuffle" or _last_name(function).endswith("_"):
                    calls.update(map(_root, arguments))
    return stores, calls


def _root(node: ast.AST) -> str:
    """Return the name at which a chain of attributes and indices begins, such as `a` of `a.b[0].c`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _last_name(function: ast.AST) -> str:
    """Return the last name of what is called, such as `zeros_` of `torch.nn.init.zeros_`."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _sets_seed(statement: ast.stmt, imported: Set[str]) -> bool:
    """Say whether a statement seeds all that follows, and not one generator, as `g = Generator().manual_seed(0)`."""
    match statement:
        case ast.Expr(ast.Call(func=function)) | ast.Assign(value=ast.Call(func=function)):
            is_global = isinstance(function, ast.Name) or _root(function) in imported
            return is_global and _last_name(function) in SEEDS
    return False


def _part(statement: ast.stmt, needed: Set[str], whole: bool) -> ast.stmt | None:
    """Return what of a statement is to be run; `import *` may bind any name."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        part = copy.copy(statement)
        part.names = [alias for alias in part.names if _bound_by(alias) in needed | {"*"}]
        return part if part.names else None
    return statement if whole else None


def _bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds: `import a.b` binds `a`."""
    return alias.asname or alias.name.partition(".")[0]


def _names_of_checker(cells: list[Cell]) -> set[str]:
    """Return `exercise` and what else the notebook calls it: `... import exercise as ex`, `ex = hu.exercise`."""
    names = {"exercise"}
    for node in (node for cell in cells for statement in cell.statements for node in ast.walk(statement)):
        match node:
            case ast.alias(name="exercise", asname=str(name)):
                names.add(name)
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Name(id="exercise") | ast.Attribute(attr="exercise")
            ):
                names.add(name)
    return names


def _mark_answers(cell: Cell, checkers: Set[str]) -> dict[str, bool]:
    """Rename `exercise` to `CHECKER` in a cell; return which exercises it answers, and whether with more than dots."""
    nodes = [node for statement in cell.statements for node in ast.walk(statement)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and is_untouched(node)]
    untouched = [decorator for function in functions for decorator in function.decorator_list]
    found: dict[str, bool] = {}
    for node in nodes:
        if isinstance(node, ast.Call) and (name := checked_by(node, checkers)):
            node.func = ast.copy_location(ast.Name(CHECKER, ast.Load()), node.func)
            node.args, node.keywords = [ast.copy_location(ast.Constant(name), node.func)], []
            found[name] = found.get(name, False) or node not in untouched
    return found


def _needed(cells: list[Cell]) -> tuple[Cell, ...]:
    """Return what of some cells is to be run before the last one, and that one."""
    *above, own = cells
    statements = [statement for cell in cells for statement in cell.statements]
    # Imported modules have functions, not methods: a call such as `torch.save(...)` changes nothing that is needed.
    # Nor does one such as `dict.fromkeys(...)`.
    imports = [statement for statement in statements if isinstance(statement, ast.Import | ast.ImportFrom)]
    imported = {_bound_by(alias) for statement in imports for alias in statement.names}
    unchanged = imported | set(dir(builtins)).difference(*(cell.binds for cell in cells))
    seeds = [statement for statement in statements if _sets_seed(statement, imported)]
    for_seeds = [node for seed in seeds for node in ast.walk(seed) if isinstance(node, ast.Name)]
    needed = set(own.reads).union(node.id for node in for_seeds if isinstance(node.ctx, ast.Load))
    chosen = {own.number}
    while new := [c for c in above if c.number not in chosen and (c.binds | c.calls - unchanged) & needed]:
        chosen.update(cell.number for cell in new)
        needed.update(*(cell.reads for cell in new))
    parts = [cell.part(needed, seeds, whole=cell.number in chosen) for cell in cells]
    return tuple(part for part in parts if part.statements or part.number == own.number)


def _future_flags(cells: list[Cell]) -> int:
    """Return the compiler's flags of the `from __future__ import ...` among some cells."""
    nodes = [node for cell in cells for node in cell.statements if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in nodes if node.module == "__future__" for alias in node.names}
    return sum(getattr(__future__, name).compiler_flag for name in names & set(__future__.all_feature_names))
