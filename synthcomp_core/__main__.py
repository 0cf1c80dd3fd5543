"""``python -m synthcomp_core``: the command line."""

import sys

from synthcomp_core.cli import main

sys.exit(main())
