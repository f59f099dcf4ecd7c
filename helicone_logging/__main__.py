"""`python -m helicone_logging` is the command `helicone-logging`."""

import sys

from helicone_logging.cli import main

if __name__ == "__main__":
    sys.exit(main())
