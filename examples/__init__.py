"""Runnable programs against the emulator."""
