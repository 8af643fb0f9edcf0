"""The pure heart: records, states, ids, clock, errors. No I/O, no wire shapes."""
