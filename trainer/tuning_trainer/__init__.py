"""The reference trainer: turns examples into a LoRA adapter. Usable alone, knows nothing of the emulator."""
