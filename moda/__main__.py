"""`python -m moda`: see moda/cli.py."""

from moda.cli import main

if __name__ == "__main__":
    main()
