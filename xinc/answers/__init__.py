"""Answers: what a canvas comes to, as tables that need no further arithmetic."""
