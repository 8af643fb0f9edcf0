"""Images, sounds, videos and documents: fetched, counted, and put into words that a small model can learn from."""
