"""Zarr stores and files, written whole or not at all, on disk and on object storage."""
