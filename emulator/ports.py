"""Where the emulator listens unless told otherwise."""

DEFAULT_PORT = 8790
DEFAULT_STORAGE_PORT = 8791
