"""Where and how work is done: devices, memory, progress."""
