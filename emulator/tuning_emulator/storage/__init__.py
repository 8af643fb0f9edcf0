"""Cloud Storage: the embedded one, and the seam to it, to another emulator or to the real one."""
