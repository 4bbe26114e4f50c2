"""Values as text, tables as CSV and JSON, and files from their templates."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helper_utils.base.files import write_text

PAGE_LINKS = "<!-- links -->"  # where the page of a lesson gets its links to other pages


def render(template: str | Path, **values: Any) -> str:
    """Fill in a template; a missing value is an error, and in a page values are escaped.

    Args:
        template: Its file, by default in this folder. That of a page is named `NAME.html.j2`.
        values: What the template names.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    path = Path(__file__).parent / template
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = as_text
    environment.filters["short"] = lambda value: as_text(rounded(value))
    return environment.get_template(path.name).render(**values)


def as_text(value: Any) -> str:
    """Return a value as text: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def rounded(value: Any) -> Any:
    """Return a value for readers: its numbers with four significant digits; whole numbers stay."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def as_json(value: Any) -> str:
    """Return a value as the text of a JSON file."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write_table(folder: Path, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as NAME.json and NAME.csv into a folder."""
    write_text(folder / f"{name}.json", as_json(rows))
    write_text(folder / f"{name}.csv", as_csv(columns, rows))


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a line of names; what is not text is written as JSON.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([_as_cell(row.get(column)) for column in columns] for row in rows)
    return buffer.getvalue()


def _as_cell(value: Any) -> str:
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else as_text(value)
