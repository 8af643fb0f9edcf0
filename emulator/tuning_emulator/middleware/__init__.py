"""What happens around every call and no client is meant to see: faults, journal, counters, the request log."""
