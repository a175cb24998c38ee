"""`python -m moda`: see moda/cli/app.py."""

from moda.interpreter import require_known_python

if __name__ == "__main__":
    require_known_python()
    from moda.cli.app import main

    main()
