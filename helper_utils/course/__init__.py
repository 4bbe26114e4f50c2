"""The command `course`: finds the lessons, runs and grades notebooks, and reports. Nothing here imports torch.

`cli` is the command line. `lessons` and `parameters` read notebooks, `files` writes what is left. The rooms:
`commands` (one module a command), `running` (notebooks in processes), `grading` (submitted answers), `reports` (tables
and pages).
"""

import sys

# jsonschema, which nbformat imports, would build a grammar of web addresses (1.5 to 3 s of every command) to check a
# format that no notebook has. With None here it leaves the grammar out, as where rfc3987-syntax is not installed.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
