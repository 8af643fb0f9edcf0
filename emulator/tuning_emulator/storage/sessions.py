"""Uploads in several requests: resumable sessions, which every API shares.

A session is a record and a file that grows. Each request takes a turn at it; the turn of a newer request ends the
older one's, so a client whose connection has died is not kept waiting by its own ghost.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.composing import join
from tuning_emulator.storage.contents import Spool
from tuning_emulator.storage.records import (
    Conditions,
    Content,
    Fields,
    Part,
    Session,
    StoredObject,
    check_object_name,
)
from tuning_emulator.storage.store import Storage

QUANTUM_BYTES = 256 * 1024
"""Of a chunk that is not the last only multiples of this are kept.

Source: cloud.google.com/storage/docs/performing-resumable-uploads."""

LIFETIME_NS = 7 * 86_400 * SECOND_NS
"""How long a session can be gone on with. Source: cloud.google.com/storage/docs/resumable-uploads."""

PART_LEAST_BYTES = 5 << 20
"""Of every part of a multipart upload but the last. Source: cloud.google.com/storage/docs/multipart-uploads."""

_PRUNED_EVERY = 256


@dataclass(slots=True)
class _Open:
    """A session that this process writes: its file, and whose turn it is."""

    spool: Spool
    turn: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)


class TurnOverError(Exception):
    """A newer request goes on with the session."""


class Sessions:
    """The sessions of a storage. Safe in any thread."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._open: dict[str, _Open] = {}
        self._opened = 0

    def create(
        self,
        bucket: str,
        name: str,
        fields: Fields,
        conditions: Conditions,
        sent: Mapping[str, str] | None = None,
        total_bytes: int | None = None,
        *,
        parts: bool = False,
    ) -> Session:
        """A new session.

        Raises:
            ApiError: the bucket is not there, the name is none, or a condition does not hold already.
        """
        check_object_name(name)
        now_ns = self.storage.now_ns()
        content = "" if parts else uuid.uuid4().hex
        session = Session(
            *(uuid.uuid4().hex, bucket, name, content, now_ns, fields, conditions, sent or {}),
            total_bytes=total_bytes,
            parts=parts,
        )
        with self.storage.database.transaction():
            self.storage.get_bucket(bucket, filling=True)
            conditions.check(self.storage.find_object(bucket, name))
            self.storage.database.put(session)
        self._opened += 1
        if self._opened % _PRUNED_EVERY == 1:
            self._prune(now_ns)
        return session

    def get(self, identifier: str) -> Session:
        """A session that can be gone on with, or that has ended well.

        Raises:
            ApiError: it was never there, is too old or was cancelled.
        """
        found = self.storage.database.sessions("WHERE id = ?", identifier)
        if not found or found[0].created_ns + LIFETIME_NS <= self.storage.now_ns():
            self._forget(identifier)
            raise storage_errors.UPLOAD_GONE()
        if found[0].cancelled:
            raise storage_errors.UPLOAD_CANCELLED()
        return found[0]

    def cancel(self, identifier: str) -> None:
        """Ends a session without an object."""
        session = self.get(identifier)
        self._forget(identifier)
        with self.storage.change() as doomed:
            doomed.append(session.content)
            doomed += [part.content.id for part in self.storage.database.parts(identifier)]
            self.storage.database.execute("DELETE FROM parts WHERE session = ?", identifier)
            self.storage.database.put(replace(session, cancelled=True, content="", received_bytes=0))

    def take_turn(self, session: Session) -> Turn:
        """A request's turn: it alone writes from here on."""
        with self.storage.database.alone():
            known = self._open.get(session.id)
            if known is None:
                spool = self.storage.contents.open_spool(session.content)
                spool.resume(session.received_bytes)
                known = self._open[session.id] = _Open(spool)
            known.turn += 1
            return Turn(self, session, known)

    def finish(self, session: Session, content: Content, sent: Mapping[str, str]) -> StoredObject:
        """Makes the object of all that was received; ends the session, however it goes.

        Raises:
            ApiError: a checksum does not fit, a condition does not hold, the bucket is gone.
        """
        try:
            verify({**session.sent, **sent}, content)
            with self.storage.change() as doomed:
                stored = self.storage.replace_object(
                    *(session.bucket, session.name, content, session.fields, session.conditions, 0, doomed)
                )
                done = replace(session, content="", received_bytes=content.size_bytes, generation=stored.generation)
                self.storage.database.put(done)
        except BaseException:
            self.drop(session)
            raise
        self._open.pop(session.id, None)
        return stored

    def drop(self, session: Session) -> None:
        """Removes a session with all that it has received."""
        self._forget(session.id)
        with self.storage.change() as doomed:
            doomed.append(session.content)
            doomed += [part.content.id for part in self.storage.database.parts(session.id)]
            self.storage.database.execute("DELETE FROM sessions WHERE id = ?", session.id)

    def put_part(self, identifier: str, number: int, content: Content) -> None:
        """Keeps a part of a multipart upload, in the place of one of the same number."""
        with self.storage.change() as doomed:
            self._get_parts_session(identifier)
            doomed += [one.content.id for one in self.storage.database.parts(identifier) if one.number == number]
            self.storage.database.put_part(identifier, Part(number, content, self.storage.now_ns()))

    def list_parts(self, identifier: str) -> tuple[Session, list[Part]]:
        """A multipart upload and its parts so far, in order."""
        with self.storage.database.alone():
            return self._get_parts_session(identifier), self.storage.database.parts(identifier)

    def complete(self, identifier: str, wanted: Sequence[tuple[int, str]], conditions: Conditions) -> StoredObject:
        """Makes an object of some parts, told by number and MD5 in base64 ("" for whatever it is).

        Raises:
            ApiError: a part is not there or too small, they are out of order, or a condition does not hold.
        """
        session, parts = self.list_parts(identifier)
        numbers = [number for number, _ in wanted]
        known = {part.number: part.content for part in parts}
        if not wanted or any(number not in known or md5 not in ("", known[number].md5) for number, md5 in wanted):
            raise storage_errors.PART_INVALID()
        if numbers != sorted(set(numbers)):
            raise storage_errors.PART_ORDER_INVALID()
        if any(known[number].size_bytes < PART_LEAST_BYTES for number in numbers[:-1]):
            raise storage_errors.PART_TOO_SMALL()
        with self.storage.spooling() as spool:
            join([self.storage.contents.open(known[number].id) for number in numbers], spool)
            content = spool.finish(sync=self.storage.durable)
            with self.storage.change() as doomed:
                self._get_parts_session(identifier)
                session.conditions.check(self.storage.find_object(session.bucket, session.name))
                stored = self.storage.replace_object(
                    *(session.bucket, session.name, content, session.fields, conditions, len(wanted), doomed)
                )
                doomed += [part.content.id for part in parts]
                self.storage.database.execute("DELETE FROM sessions WHERE id = ?", identifier)
        return stored

    def _get_parts_session(self, identifier: str) -> Session:
        found = self.storage.database.sessions("WHERE id = ? AND parts = 1", identifier)
        if not found:
            raise storage_errors.PARTS_UPLOAD_NOT_FOUND()
        return found[0]

    def note(self, session: Session, received_bytes: int) -> None:
        """Writes down how much counts."""
        with self.storage.database.transaction():
            statement = "UPDATE sessions SET received_bytes = ?, total_bytes = ? WHERE id = ?"
            self.storage.database.execute(statement, received_bytes, session.total_bytes, session.id)

    def _forget(self, identifier: str) -> None:
        known = self._open.pop(identifier, None)
        if known is not None:
            with known.lock:
                known.turn += 1
                known.spool.pause()

    def _prune(self, now_ns: int) -> None:
        for session in self.storage.database.sessions("WHERE created_ns <= ?", now_ns - LIFETIME_NS):
            self.drop(session)

    def clear(self) -> None:
        """Forgets what this process has of sessions: other files have taken the place of theirs."""
        for identifier in list(self._open):
            self._forget(identifier)


class Turn:
    """One request's turn at a session."""

    def __init__(self, sessions: Sessions, session: Session, known: _Open) -> None:
        self.session = session
        self._sessions = sessions
        self._known = known
        self._number = known.turn

    @property
    def received_bytes(self) -> int:
        """How much has been received."""
        return self._known.spool.size_bytes

    def write(self, data: bytes) -> None:
        """More bytes.

        Raises:
            TurnOverError: see there.
        """
        self._do(lambda spool: spool.write(data))

    def keep(self) -> None:
        """Writes down what was received so far. Raises as ``write``."""

        def pause(spool: Spool) -> None:
            if self._sessions.storage.durable:
                spool.sync()
            spool.pause()
            self._sessions.note(self.session, spool.size_bytes)

        self._do(pause)

    def finish(self, sent: Mapping[str, str]) -> StoredObject:
        """See ``Sessions.finish``. Raises as ``write``."""
        stored: list[StoredObject] = []

        def finish(spool: Spool) -> None:
            content = spool.finish(sync=self._sessions.storage.durable)
            self._known.turn += 1  # nobody writes to it any more
            stored.append(self._sessions.finish(self.session, content, sent))

        self._do(finish)
        return stored[0]

    def _do(self, step: Callable[[Spool], None]) -> None:
        with self._known.lock:
            if self._known.turn != self._number:
                raise TurnOverError
            step(self._known.spool)


def verify(sent: Mapping[str, str], content: Content) -> None:
    """Compares the checksums that came along.

    Raises:
        ApiError: one does not fit.
    """
    if sent.get("md5") not in (None, "", content.md5):
        raise storage_errors.MD5_MISMATCH(sent=sent["md5"], found=content.md5)
    if sent.get("crc32c") not in (None, "", content.crc32c):
        raise storage_errors.CRC32C_MISMATCH(sent=sent["crc32c"], found=content.crc32c)
