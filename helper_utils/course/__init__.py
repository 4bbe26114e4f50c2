"""The command `course`: finds the lessons, runs and grades notebooks, and reports. Nothing here imports torch.

`cli` is the command line. `lessons` and `parameters` read notebooks, `files` writes what is left. The rooms:
`commands` (one module a command), `running` (notebooks in processes), `grading` (submitted answers), `reports` (tables
and pages).
"""
