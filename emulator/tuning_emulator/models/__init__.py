"""Language models on this machine that can play base models: where they are kept, and where they come from."""
