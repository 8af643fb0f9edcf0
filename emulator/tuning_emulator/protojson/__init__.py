"""JSON as Google's servers read and print it."""
