"""Every official client, unmodified, against the emulator: programs, their environments, and what came of them."""
