"""A report for people whose tuning job failed, and the tests that make jobs fail in every way."""
