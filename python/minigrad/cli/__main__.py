"""``python -m minigrad.cli`` is the command ``minigrad``."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
