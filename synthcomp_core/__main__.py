"""``python -m synthcomp_core``: the command line, as the installed command ``synthcomp`` runs it."""

import sys

from synthcomp_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
