"""All that a server remembers, as text: to see whether a request changed anything, and to undo it."""

from __future__ import annotations

import sqlite3

from tuning_emulator.store.store import Store


def dump_tables(store: Store) -> list[str]:
    """Every row of every table, as SQL."""
    connection = store._database.connection  # no method of the store answers all there is
    return list(connection.iterdump())


def count_changes(store: Store) -> int:
    """How many rows have been written so far."""
    return store._database.connection.total_changes


def save_tables(store: Store) -> sqlite3.Connection:
    """All of it, for ``restore_tables``."""
    saved = sqlite3.connect(":memory:")
    store._database.connection.backup(saved)
    return saved


def restore_tables(store: Store, saved: sqlite3.Connection) -> None:
    """Makes the store what it was."""
    saved.backup(store._database.connection)
