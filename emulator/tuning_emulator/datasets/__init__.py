"""Reads tuning datasets from ``gs://`` or inline, checks them line by line and computes their statistics."""
