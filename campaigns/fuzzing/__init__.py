"""Requests at random for every route, and what no answer to them may be."""
