"""The course runner: finds the lessons, runs their notebooks in processes of their own, and collects what they show.

Nothing here imports torch. One file a job: `lessons` and `parameters` read notebooks, `execution` runs one,
`runner` runs many at once, `report` writes the tables and pages, `refresh` renews the stored notebooks, `doctor`
looks at the machine, and `cli` is the command `course`.
"""
