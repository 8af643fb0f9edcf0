"""From a waiting job to a tuned model: the queue, the steps of a job, its pace, the trainers behind it."""
