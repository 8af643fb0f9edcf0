"""For tests of other people's programs: a running emulator, its controls, a pytest plugin, an in-process mode."""
