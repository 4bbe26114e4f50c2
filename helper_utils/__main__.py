"""`python -m helper_utils` is the command `course`."""

from helper_utils.course.cli import main

if __name__ == "__main__":
    main()
