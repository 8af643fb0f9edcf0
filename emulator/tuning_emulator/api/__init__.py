"""A call of any method: found, authorised, dispatched to its handler, over REST and gRPC alike."""
