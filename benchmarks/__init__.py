"""Measurements of the canvas against a plain dense implementation of the same equations: ``make bench``."""
