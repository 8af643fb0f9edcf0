"""A retry policy, and the tests that show when it tries again and when it does not."""
