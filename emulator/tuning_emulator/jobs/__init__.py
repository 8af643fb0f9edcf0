"""From a waiting job to a tuned model: the queue, the trainers behind it, and what a finished job leaves behind."""
