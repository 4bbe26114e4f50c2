"""The tables and pages that a run, a sweep or a grading leaves."""
