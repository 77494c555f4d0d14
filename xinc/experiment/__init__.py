"""The library's side of the workflow: configuration, plan, provenance, paths."""
