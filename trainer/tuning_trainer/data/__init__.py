"""From a conversation to tokens: chat templates, tokenizers, data sets and how they fit a model."""
