"""What the real services answered, played against the recordings, the emulator and, when asked, the services."""
