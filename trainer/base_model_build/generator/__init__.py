"""What the base model is taught: tasks, conversations and simulated users, all functions of a seed."""
