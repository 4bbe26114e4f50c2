"""Notebooks in processes of their own: one, many, and what is shown meanwhile."""
