"""The metadata of a stored notebook, the same on every machine."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
FOLDED = "hide-input"  # the tag of a cell whose code is shown folded


def language_info() -> dict[str, Any]:
    """Return what the kernel of this Python says of itself; written here, for ipykernel is slow to import."""
    return {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }


def normalised(path: Path) -> str:
    """Return an executed notebook as it is stored: the outputs are kept, and what differs from run to run is not.

    Args:
        path: A notebook that ran to its end.

    Returns:
        The text of the notebook file.
    """
    import nbformat

    notebook: Any = nbformat.read(path, as_version=4)
    # Everything else differs from run to run or from editor to editor: times, paths, random ids of widgets.
    notebook.metadata = METADATA
    count = 0
    for cell in notebook.cells:
        cell.metadata = kept_metadata(cell.metadata)
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return nbformat.writes(notebook) + "\n"


def kept_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of a cell's metadata: its tags, and for JupyterLab what the tag `hide-input` says."""
    kept: dict[str, Any] = {}
    if tags := metadata.get("tags"):  # papermill gives every cell a list, most of them empty
        kept["tags"] = tags
        if FOLDED in tags:
            kept["jupyter"] = {"source_hidden": True}
    return kept
