"""The page at /emulator: static files of our own that speak to the control API and the two APIs from a browser."""
