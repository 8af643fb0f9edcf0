"""Everything that can be done with buckets and objects, each in one transaction that checks and writes.

Safe in any thread. What is refused is refused in Cloud Storage's own words, and leaves everything as it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.core.ids import project_number
from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.contents import CONTENTS_NAME, Contents, Spool
from tuning_emulator.storage.database import Database
from tuning_emulator.storage.migration import migrate
from tuning_emulator.storage.records import (
    NO_CONDITIONS,
    NOBODY,
    Bucket,
    Conditions,
    Content,
    Fields,
    State,
    StoredObject,
    check_bucket_name,
    check_object_name,
    refuse_held,
    touch,
)
from tuning_emulator.storage.sample_data import SAMPLE_BUCKET, STAND_IN
from tuning_emulator.storage.stand_in import SAMPLES_OWNER, is_stand_in, lay_out_samples

log = logging.getLogger(__name__)

AT_ONCE = 500
"""So many objects are forgotten in one step, which takes some hundredths of a second."""

YIELD_S = 0.001
"""Between two steps, for who waits: a lock is not handed on by itself."""

SOFT_DELETED_BYTES = 256 << 20
SOFT_DELETED_OBJECTS = 10_000
"""More than this is not kept of what was deleted: the oldest goes first."""

_NAMED = """
SELECT 1 FROM objects WHERE content = ?1 UNION ALL
SELECT 1 FROM sessions WHERE content = ?1 UNION ALL
SELECT 1 FROM parts WHERE content = ?1 LIMIT 1
"""
_SOME_CONTENTS = "SELECT content FROM objects WHERE bucket = ? ORDER BY name, generation LIMIT ?"
_DELETE_SOME = """
DELETE FROM objects WHERE (bucket, name, generation) IN (
    SELECT bucket, name, generation FROM objects WHERE bucket = ? ORDER BY name, generation LIMIT ?
)
"""
_LIVE = int(State.LIVE)
_SOFT = int(State.SOFT_DELETED)


@dataclass(frozen=True, slots=True)
class Source:
    """An object that another one is made of.

    Attributes:
        generation: 0: the live one. conditions: What must hold for it.
    """

    bucket: str
    name: str
    generation: int = 0
    conditions: Conditions = NO_CONDITIONS


class Storage:
    """The embedded Cloud Storage.

    Args:
        directory: Where it is kept; made if need be, brought up to date if an older version wrote it.
        now_ns: The emulator's clock. durable: Whether the directory is to outlive the process.
        auto_create: Whether an upload makes the bucket that it names.

    Raises:
        DamagedStorageError: the directory holds something else.
    """

    def __init__(
        self, directory: Path, now_ns: Callable[[], int], *, durable: bool = False, auto_create: bool = False
    ) -> None:
        self.directory = directory
        self.durable = durable
        self.now_ns = now_ns
        self._auto_create = auto_create
        directory.mkdir(parents=True, exist_ok=True)
        migrate(directory, now_ns())
        self.contents = Contents(directory / CONTENTS_NAME)
        self.database = Database(directory, durable=durable)
        self._soft_deleted: tuple[int, int] | None = None
        self._announced = False
        self._sweep()

    def close(self) -> None:
        """Closes the database."""
        self.database.close()

    def _sweep(self) -> None:
        with self.database.transaction():
            # Whatever version laid them out: this one lays out its own.
            self.database.execute("DELETE FROM buckets WHERE project = ?", SAMPLES_OWNER)
            named = "SELECT content FROM objects UNION SELECT content FROM sessions UNION SELECT content FROM parts"
            self.contents.sweep({row[0] for row in self.database.rows(named)})

    @contextmanager
    def change(self) -> Iterator[list[str]]:
        """A transaction; the contents that are noted in the list go after it, unless a record still names them."""
        doomed: list[str] = []
        with self.database.transaction():
            yield doomed
            doomed[:] = [one for one in doomed if not self._is_named(one)]
        self.contents.remove(doomed)

    def _is_named(self, content: str) -> bool:
        return bool(self.database.rows(_NAMED, content))

    @contextmanager
    def spooling(self) -> Iterator[Spool]:
        """A file for bytes that arrive; on an error it leaves no trace."""
        spool = self.contents.create()
        try:
            yield spool
        except BaseException:
            spool.discard()
            raise

    # --- buckets ------------------------------------------------------------------------------------

    def create_bucket(self, name: str, project: str = "", fields: Fields | None = None) -> Bucket:
        """A new bucket, of a project (id or number).

        Raises:
            ApiError: the name is none, or taken.
        """
        check_bucket_name(name)
        now_ns = self.now_ns()
        bucket = Bucket(name, project_number(project) if project else "", now_ns, now_ns, fields=fields or {})
        with self.database.transaction():
            if (found := self._find_bucket(name)) is not None:
                if not is_stand_in(found):
                    raise storage_errors.BUCKET_OWNED()
                self._drop_bucket(name, [])  # its files go with the next start: an outer transaction may fail
            self.database.put(bucket)
        return bucket

    def ensure_bucket(self, name: str, project: str = "") -> Bucket:
        """The bucket, made if it is not there; one of one's own takes the place of the stand-in for sample data."""
        with self.database.transaction():
            found = self._find_bucket(name)
            return found if found is not None and not is_stand_in(found) else self.create_bucket(name, project)

    def find_bucket(self, name: str) -> Bucket | None:
        """The bucket, or None."""
        found = self._find_bucket(name)
        return self._lay_out_samples() if found is None and name == SAMPLE_BUCKET else found

    def _find_bucket(self, name: str) -> Bucket | None:
        return next(iter(self.database.buckets("WHERE name = ?", name)), None)

    def _lay_out_samples(self) -> Bucket:
        """The stand-in for the public bucket that samples read, made when it is first asked for."""
        with self.database.transaction():
            found = self._find_bucket(SAMPLE_BUCKET)
            if found is not None:
                return found
            if not self._announced:
                log.warning("%s", STAND_IN)
                self._announced = True
            return lay_out_samples(self.database, self.contents)

    def has_stand_in(self, bucket: str) -> bool:
        """Whether a name is that of the stand-in for sample data, and nobody's own bucket."""
        return bucket == SAMPLE_BUCKET and is_stand_in(self.find_bucket(bucket))

    def _refuse_stand_in(self, bucket: str, permission: str) -> None:
        """Refuses to change sample data. Raises ApiError, 403."""
        if self.has_stand_in(bucket):
            raise storage_errors.ACCESS_DENIED(permission=permission)

    def get_bucket(self, name: str, conditions: Conditions = NO_CONDITIONS, *, filling: bool = False) -> Bucket:
        """The bucket.

        Args:
            filling: It is about to get an object: where buckets are made by uploads, it is made.

        Raises:
            ApiError: it is not there, or a condition does not hold.
        """
        bucket = self.find_bucket(name)
        if filling and not self._auto_create:
            self._refuse_stand_in(name, "storage.objects.create")
        if filling and self._auto_create and (bucket is None or is_stand_in(bucket)):
            return self.ensure_bucket(name)
        if bucket is None:
            raise storage_errors.BUCKET_NOT_FOUND()
        conditions.check(bucket, reading=not filling)
        return bucket

    def list_buckets(self, project: str = "", prefix: str = "", after: str = "", limit: int = -1) -> list[Bucket]:
        """The buckets that a project sees, by name: its own and nobody's; all of them where none is named.

        In older files nobody's have the number that they show.
        """
        return self.database.buckets(
            "WHERE project != ? AND (? = '' OR project IN ('', ?, ?)) AND substr(name, 1, length(?)) = ? AND name > ? "
            "ORDER BY name LIMIT ?",
            *(SAMPLES_OWNER, project, NOBODY, project_number(project), prefix, prefix, after, limit),
        )

    def update_bucket(
        self, name: str, change: Callable[[Bucket], Fields], conditions: Conditions = NO_CONDITIONS
    ) -> Bucket:
        """Gives it the fields that ``change`` makes of it."""
        self._refuse_stand_in(name, "storage.buckets.update")
        with self.database.transaction():
            bucket = self.get_bucket(name)
            conditions.check(bucket)
            changed = replace(
                bucket,
                fields=change(bucket),
                metageneration=bucket.metageneration + 1,
                updated_ns=self.now_ns(),
            )
            self.database.put(changed)
        return changed

    def delete_bucket(self, name: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Removes an empty bucket: uploads under way and what was deleted before go with it.

        Raises:
            ApiError: it is not there, not empty, or a condition does not hold.
        """
        self._refuse_stand_in(name, "storage.buckets.delete")
        with self.change() as doomed:
            conditions.check(self.get_bucket(name))
            if self.database.rows("SELECT 1 FROM objects WHERE bucket = ? AND state != ? LIMIT 1", name, _SOFT):
                raise storage_errors.BUCKET_NOT_EMPTY()
            self._drop_bucket(name, doomed)

    def _drop_bucket(self, name: str, doomed: list[str]) -> None:
        for statement in (
            "SELECT content FROM objects WHERE bucket = ?",
            "SELECT content FROM sessions WHERE bucket = ?",
            "SELECT parts.content FROM parts JOIN sessions ON session = id WHERE bucket = ?",
        ):
            doomed += [row[0] for row in self.database.rows(statement, name)]
        self.database.execute("DELETE FROM buckets WHERE name = ?", name)
        self._soft_deleted = None

    # --- objects ------------------------------------------------------------------------------------

    def find_object(self, bucket: str, name: str, generation: int = 0) -> StoredObject | None:
        """The live generation, or one that is named and not deleted; None: there is none."""
        if bucket == SAMPLE_BUCKET:
            self.find_bucket(bucket)
        where, value = ("state", _LIVE) if not generation else ("state != 2 AND generation", generation)
        found = self.database.objects(f"WHERE bucket = ? AND name = ? AND {where} = ?", bucket, name, value)
        return found[0] if found else None

    def get_object(
        self,
        bucket: str,
        name: str,
        generation: int = 0,
        conditions: Conditions = NO_CONDITIONS,
        *,
        soft_deleted: bool = False,
    ) -> StoredObject:
        """A generation that is there.

        Raises:
            ApiError: bucket or object is not there, or a condition does not hold.
        """
        with self.database.alone():
            found = (
                self._find_soft_deleted(bucket, name, generation)
                if soft_deleted
                else self.find_object(bucket, name, generation)
            )
            if found is None:
                self.get_bucket(bucket)
                missing = self.has_stand_in(bucket)
                row = storage_errors.SAMPLE_NOT_FOUND if missing else storage_errors.OBJECT_NOT_FOUND
                raise row(bucket=bucket, name=name)
        conditions.check(found, reading=True)
        return found

    def _find_soft_deleted(self, bucket: str, name: str, generation: int) -> StoredObject | None:
        where = "WHERE bucket = ? AND name = ? AND generation = ? AND state = ? AND until_ns > ?"
        return next(iter(self.database.objects(where, bucket, name, generation, _SOFT, self.now_ns())), None)

    def open_object(
        self, bucket: str, name: str, generation: int = 0, conditions: Conditions = NO_CONDITIONS
    ) -> tuple[StoredObject, BinaryIO]:
        """A generation and its bytes, which stay readable whatever becomes of it. Raises as ``get_object``."""
        with self.database.alone():
            found = self.get_object(bucket, name, generation, conditions)
            return found, self.contents.open(found.content)

    def insert(
        self,
        bucket: str,
        name: str,
        content: Content,
        fields: Fields | None = None,
        conditions: Conditions = NO_CONDITIONS,
        components: int = 0,
    ) -> StoredObject:
        """Makes bytes the live generation of an object.

        Raises:
            ApiError: the name is none, the bucket is not there, a condition does not hold, or what is there is held.
        """
        check_object_name(name)
        with self.change() as doomed:
            return self.replace_object(bucket, name, content, fields or {}, conditions, components, doomed)

    def replace_object(
        self,
        bucket: str,
        name: str,
        content: Content,
        fields: Fields,
        conditions: Conditions,
        components: int,
        doomed: list[str],
    ) -> StoredObject:
        """The same as a part of a transaction that is open."""
        owner = self.get_bucket(bucket, filling=True)
        current = self.find_object(bucket, name)
        conditions.check(current)
        if current is not None:
            self.retire(owner, current, doomed)
        if owner.fields.get("defaultEventBasedHold"):
            fields = {**fields, "eventBasedHold": True}
        now_ns = self.now_ns()
        stored = StoredObject(
            *(bucket, name, self._next_generation(now_ns), content.size_bytes, content.id),
            *("" if components else content.md5, content.crc32c, now_ns, now_ns),
            components=components,
            fields=fields,
        )
        self.database.put(stored)
        return stored

    def _next_generation(self, now_ns: int) -> int:
        last = self.database.rows("SELECT last FROM generations")[0][0]
        generation: int = max(now_ns // 1000, last + 1)
        self.database.execute("UPDATE generations SET last = ?", generation)
        return generation

    def update_object(
        self,
        bucket: str,
        name: str,
        change: Callable[[StoredObject], Fields],
        generation: int = 0,
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """Gives a generation the fields that ``change`` makes of it. Raises as ``get_object``."""
        self._refuse_stand_in(bucket, "storage.objects.update")
        with self.database.transaction():
            found = self.get_object(bucket, name, generation)
            conditions.check(found)
            changed = touch(found, change(found), self.now_ns())
            self.database.put(changed)
        return changed

    def delete_object(
        self, bucket: str, name: str, generation: int = 0, conditions: Conditions = NO_CONDITIONS
    ) -> None:
        """Deletes the live generation, or one that is named. Raises as ``get_object``, and where it is held."""
        self._refuse_stand_in(bucket, "storage.objects.delete")
        with self.change() as doomed:
            found = self.get_object(bucket, name, generation)
            conditions.check(found)
            self.retire(self.get_bucket(bucket), found, doomed, named=bool(generation))

    def retire(self, bucket: Bucket, found: StoredObject, doomed: list[str], *, named: bool = False) -> None:
        """What becomes of a generation that is replaced or deleted."""
        now_ns = self.now_ns()
        refuse_held(bucket, found, now_ns)
        if bucket.versioned and not named:
            self.database.put(replace(found, state=State.NONCURRENT, gone_ns=now_ns))
        elif bucket.soft_delete_s:
            until_ns = now_ns + bucket.soft_delete_s * SECOND_NS
            gone_ns = found.gone_ns or now_ns
            self.database.put(replace(found, state=State.SOFT_DELETED, gone_ns=gone_ns, until_ns=until_ns))
            self._bound_soft_deleted(found, doomed)
        else:
            self.drop_object(found, doomed)

    def drop_object(self, found: StoredObject, doomed: list[str]) -> None:
        """Removes a generation for good, as a part of a transaction."""
        statement = "DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?"
        self.database.execute(statement, found.bucket, found.name, found.generation)
        doomed.append(found.content)

    def _bound_soft_deleted(self, added: StoredObject, doomed: list[str]) -> None:
        """Lets go of what is too old, and of the oldest where it is too much."""
        if self._soft_deleted is None:
            counted = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM objects WHERE state = 2"
            count, size = self.database.rows(counted)[0]
        else:
            count, size = self._soft_deleted[0] + 1, self._soft_deleted[1] + added.size_bytes
        while found := self.database.objects("WHERE state = 2 ORDER BY until_ns LIMIT 1"):
            fits = count <= SOFT_DELETED_OBJECTS and size <= SOFT_DELETED_BYTES
            if fits and found[0].until_ns > self.now_ns():
                break
            self.drop_object(found[0], doomed)
            count, size = count - 1, size - found[0].size_bytes
        self._soft_deleted = (count, size)

    # --- objects made of objects --------------------------------------------------------------------

    def resolve(self, source: Source) -> StoredObject:
        """The generation that a source means. Raises as ``get_object``; unmet conditions are 412."""
        found = self.get_object(source.bucket, source.name, source.generation)
        source.conditions.check(found)
        return found

    def copy(
        self,
        source: Source,
        bucket: str,
        name: str,
        fields: Fields | None = None,
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """A new object with another's bytes, which are not copied: files are never written again.

        Args:
            fields: Of the new object; None: those of the source.
        """
        check_object_name(name)
        with self.change() as doomed:
            return self._copy(self.resolve(source), bucket, name, fields, conditions, doomed)

    def _copy(
        self,
        found: StoredObject,
        bucket: str,
        name: str,
        fields: Fields | None,
        conditions: Conditions,
        doomed: list[str],
    ) -> StoredObject:
        content = Content(found.content, found.size_bytes, found.md5, found.crc32c)
        kept = {key: value for key, value in found.fields.items() if key not in ("temporaryHold", "eventBasedHold")}
        given = kept if fields is None else fields
        return self.replace_object(bucket, name, content, given, conditions, found.components, doomed)

    def move(self, source: Source, name: str, conditions: Conditions = NO_CONDITIONS) -> StoredObject:
        """Gives an object another name in its bucket, at once."""
        check_object_name(name)
        with self.change() as doomed:
            found = self.resolve(source)
            if name == found.name:
                raise storage_errors.ARGUMENTS_CLASH(reason="The source and destination object names are the same.")
            moved = self._copy(found, source.bucket, name, found.fields, conditions, doomed)
            refuse_held(self.get_bucket(source.bucket), found, self.now_ns())
            if self.get_bucket(source.bucket).versioned:
                self.database.put(replace(found, state=State.NONCURRENT, gone_ns=self.now_ns()))
            else:
                self.drop_object(found, doomed)
        return moved

    def restore(self, bucket: str, name: str, generation: int, conditions: Conditions = NO_CONDITIONS) -> StoredObject:
        """Makes what was deleted the live generation again, under a new number; the old one stays until its time."""
        with self.change() as doomed:
            found = self.get_object(bucket, name, generation, soft_deleted=True)
            restored = self._copy(found, bucket, name, found.fields, conditions, doomed)
        return restored

    # --- all of it ----------------------------------------------------------------------------------

    def clear(self, removed: Path, project: str | None = None) -> None:
        """Forgets every bucket, or those of one project (its number). Very many objects go a part at a time.

        Args:
            removed: A directory to be, on the same file system, that takes the files; removing it is the caller's.
        """
        removed.mkdir(parents=True, exist_ok=True)  # before a record goes: a full disk may refuse it
        for row in self.database.rows("SELECT name FROM buckets WHERE ? IN ('', project)", project or ""):
            while self._clear_part(row[0], removed):
                time.sleep(YIELD_S)

    def _clear_part(self, bucket: str, removed: Path) -> bool:
        """Forgets some objects of a bucket, and with the last ones itself. Returns whether there are more."""
        with self.database.transaction():
            doomed = [row[0] for row in self.database.rows(_SOME_CONTENTS, bucket, AT_ONCE)]
            more = len(doomed) == AT_ONCE
            if more:
                self.database.execute(_DELETE_SOME, bucket, AT_ONCE)
            else:
                self._drop_bucket(bucket, doomed)
            gone = [one for one in doomed if one and not self._is_named(one)]
        for one in gone:
            with suppress(FileNotFoundError):
                self.contents.path(one).rename(removed / one)
        return more

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Another directory, which ``check_copy`` has found good, takes the place of this one in the block."""
        with self.database.closed():
            yield
            self.contents = Contents(self.directory / CONTENTS_NAME)
            self._soft_deleted = None
