"""`python -m moda`: see moda/cli/app.py."""

from moda.cli.app import main

if __name__ == "__main__":
    main()
