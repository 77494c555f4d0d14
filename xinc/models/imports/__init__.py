"""Networks that other code trained: a module for each checkpoint layout, and safe reading of files."""
