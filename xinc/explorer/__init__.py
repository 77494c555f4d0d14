"""The explorer: a page, in a browser or a notebook, that asks a session about canvases and shows its answers."""
