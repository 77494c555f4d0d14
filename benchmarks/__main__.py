"""``python -m benchmarks TASK FOLDER ARGUMENTS``: one measurement, its results as JSON; see `benchmarks.process`."""

from __future__ import annotations

import json
import sys

from benchmarks.perform import perform

name, folder, arguments = sys.argv[1:]
print(json.dumps(perform(name, folder, json.loads(arguments))))
