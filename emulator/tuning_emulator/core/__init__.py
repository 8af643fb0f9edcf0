"""The pure heart: records, lifecycle, resource names, clock, errors. No I/O, no wire shapes."""
