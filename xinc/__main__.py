"""``python -m xinc``, the same as the command ``xinc``."""

import sys

from xinc.experiment.cli import main

sys.exit(main())
