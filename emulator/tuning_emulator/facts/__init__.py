"""What the services say, as data: every row has a source and a grade. Imports nothing else of the emulator."""
