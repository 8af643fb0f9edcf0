"""All that a server remembers, as text: to see whether a request changed anything."""

from __future__ import annotations

from emulator.store.store import Store


def dump_tables(store: Store) -> list[str]:
    """Every row of every table, as SQL."""
    connection = store._database._connection  # no method of the store answers all there is
    return list(connection.iterdump())
