"""Figures of prepared videos."""
