"""What the services say, as data: every row has a source and a grade. Of the emulator it imports core alone."""
