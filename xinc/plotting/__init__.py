"""The look of figures and animations."""
