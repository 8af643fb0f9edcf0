"""The training loop: objectives, optimizer, memory, several processes, checkpoints and curves."""
