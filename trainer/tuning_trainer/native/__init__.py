"""Decoders of the families that are known here, in plain torch: loaded, tuned, asked."""
