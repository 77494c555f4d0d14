"""The front door: torch modules of others as they are, captured, read, verified."""
