"""A polling loop, and the tests that show it patient, quick and bounded."""
