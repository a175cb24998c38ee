"""`python -m moda.training`: see commands.py."""

import sys

from moda import console
from moda.training.commands import app

if __name__ == "__main__":
    console.main(app, "python -m moda.training", sys.argv[1:])
