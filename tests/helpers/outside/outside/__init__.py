"""An architecture, an analysis and an activation for xinc."""
