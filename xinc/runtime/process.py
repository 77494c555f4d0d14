"""What this process is: a job of the workflow, or a session of the user's own."""

from __future__ import annotations

#: Whether the process ends after the one thing that it does: nobody else uses the packages that it has imported.
is_job: bool = False
