"""A CI job that tunes on a dataset and fails when the tuned model is not good enough."""
