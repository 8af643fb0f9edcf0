"""Cloud Storage, embedded: buckets and objects; and the seam to it, to another emulator or to the real one."""
