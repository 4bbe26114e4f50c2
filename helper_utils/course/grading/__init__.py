"""Submitted notebooks: read, run and judged."""
