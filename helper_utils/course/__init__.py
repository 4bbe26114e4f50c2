"""The course runner: finds the lessons, runs their notebooks in processes of their own, and collects what they show.

Nothing here imports torch. One file a job: `lessons` and `parameters` read notebooks, `execution` runs one,
`runner` runs many at once, `report` writes the tables and pages (`pages` one lesson as HTML), `refresh` renews the
stored notebooks, `sweep` and `sweep_report` run a lesson with many parameters, `release` makes the version for a class,
`submissions` reads what comes back and `grade` and `grade_one` judge it, `progress_page` shows a learner's progress,
`doctor` looks at the machine, and `cli` is the command `course`.
"""
