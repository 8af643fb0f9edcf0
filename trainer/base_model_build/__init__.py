"""How the embedded base model is made and measured: its tasks, its tokenizer, its training, its gates.

A program of the checkout, not of the wheel; the weights that it makes are ``tuning_trainer/base_model``.
"""
