"""What tables and summaries say of the results of notebooks."""

from collections.abc import Collection
from typing import Any

from helper_utils.course.running.notebook import Result

RESULT_COLUMNS = ("status", "seconds", "peak_memory_mb", "claims_held", "claims", "error")


def result_columns(result: Result) -> dict[str, Any]:
    """Return what a table says of a result, by `RESULT_COLUMNS`."""
    return {
        "status": result.status,
        "seconds": result.seconds,
        "peak_memory_mb": result.peak_memory_mb,
        "claims_held": result.n_held,
        "claims": len(result.claims),
        "error": result.error,
    }


def count_passed(results: Collection[Result]) -> int:
    """Return how many notebooks ran to their end."""
    return sum(result.passed for result in results)


def claims_held(results: Collection[Result]) -> str:
    """Return how many claims hold of those that were made in all notebooks, such as `3 of 4`."""
    return f"{sum(result.n_held for result in results)} of {sum(len(result.claims) for result in results)}"
