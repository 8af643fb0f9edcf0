"""Answering prompts, many at once: what is written, token by token, whichever model scores it."""
