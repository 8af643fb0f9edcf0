"""A cancel button, and the tests that press it too early, in time and too late."""
