"""Where `moda` and `python -m moda` begin: the interpreter is looked at before anything else; see moda/cli/app.py."""

from moda.interpreter import require_known_python


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    require_known_python()
    from moda.cli.app import main as command_line

    command_line()


if __name__ == "__main__":
    main()
