"""The emulator's own API under /emulator: what no real service has."""
