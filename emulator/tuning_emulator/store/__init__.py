"""Where records are kept: SQLite, one method per named statement."""
