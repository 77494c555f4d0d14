"""Devices, memory and progress."""
