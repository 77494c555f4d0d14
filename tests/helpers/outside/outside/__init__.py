"""An architecture and an analysis for xinc."""
