"""Tuning datasets, read from ``gs://`` or inline, checked line by line and counted."""
