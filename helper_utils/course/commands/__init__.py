"""One module for each command of `course` that needs more than a line."""
