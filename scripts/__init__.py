"""What make runs: set-up, lock, documents."""
