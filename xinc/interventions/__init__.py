"""Interventions: networks changed on purpose, and what their output loses by it."""
