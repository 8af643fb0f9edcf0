"""What the base model has to do: items that no mixture has, and how they are measured."""
