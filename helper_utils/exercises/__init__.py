"""Exercises that check themselves: what a learner's answer must do, hints, a reference answer and known wrong answers.

A file a topic, such as `metrics.py` for the lesson 01_metrics, with a list `EXERCISES`: plain Python to read and copy.
What they share: `catalogue` (what an exercise is, and finding one) · `checking` (the verdict on an answer) · `limits`
(calls that end in time) · `values` (comparing and showing) · `notebook` (what a notebook calls) · `progress` ·
`coding` (values as JSON, for the grader).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
