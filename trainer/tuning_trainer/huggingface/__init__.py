"""Every other model: by transformers and peft, which are imported only here."""
