"""`python -m helper_utils` is the command `course`."""

import signal


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the command itself is loaded, Ctrl-C ends it without a word
    from helper_utils.course.cli import main as course

    signal.signal(signal.SIGINT, signal.default_int_handler)
    course()


if __name__ == "__main__":
    main()
