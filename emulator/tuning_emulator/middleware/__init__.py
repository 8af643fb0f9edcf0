"""What happens around every call: faults, journal, counters, the request log. No client is meant to see it."""
