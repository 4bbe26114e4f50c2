"""Values as text, tables as CSV, and pages from their templates."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE_LINKS = "<!-- links -->"  # where the page of a lesson gets its links to other pages


def render(template: str, **values: Any) -> str:
    """Fill in the template of a page, a file of this folder; values are escaped, and a missing one is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = as_text
    environment.filters["short"] = lambda value: as_text(rounded(value))
    return environment.get_template(template).render(**values)


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
