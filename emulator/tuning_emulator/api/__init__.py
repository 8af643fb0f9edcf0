"""The one way of every call, over REST and gRPC alike: found, authorised, dispatched to its handler."""
