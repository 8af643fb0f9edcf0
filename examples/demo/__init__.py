"""The main job, start to end, on both APIs: what `make demo` shows."""
