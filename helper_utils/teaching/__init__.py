"""Exercises that check themselves, quizzes, and a learner's progress. Nothing here knows a topic by its name.

`registry` (what an exercise is, and finding one) · `verdict` (what is said about an answer) · `timeouts` (calls that
end in time) · `compare` (values: compared and shown) · `notebook` (what a notebook calls) · `progress` and
`progress_table` · `quiz` ·
`codec` (values as JSON, for the grader). The exercises themselves stand in `helper_utils/TOPIC/exercises.py`, in a list
`EXERCISES`, and the quizzes in `helper_utils/TOPIC/quiz.json`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
