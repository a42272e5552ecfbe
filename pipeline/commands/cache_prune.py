"""cache prune: remove what nobody has used for long, least recently used first, and join small packs."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pipeline.commands.cache import PACKED, Unit, spent, units
from pipeline.core import array_cache
from pipeline.core.array_cache import ArrayCache
from pipeline.core.errors import ParamsError
from pipeline.core.outputs import remove
from pipeline.core.sizes import size_text

DEFAULT = (*PACKED, "index")  # made again in the time that the first run took
KINDS = (*DEFAULT, "parts")  # parts are trained again, so that they go when they are named
_SMALL_BYTES, _JOINED_BYTES = 64 << 20, 256 << 20  # of packs to join, and of what they make
_DAY = 86_400


@dataclass(frozen=True)
class Request:
    """What to prune. No limit of age or size: nothing but what serves nobody."""

    kinds: tuple[str, ...] = DEFAULT
    older_than_days: float | None = None
    max_bytes: int | None = None  # of all these kinds together
    dry_run: bool = False


def prune(request: Request, cache: Path) -> Iterator[str]:
    """Prune a cache folder, and say what goes, line by line. What a running stage has written stays.

    Raises ParamsError for an unknown kind.
    """
    unknown = sorted(set(request.kinds) - set(KINDS))
    if unknown:
        raise ParamsError(f"--kind {unknown[0]}: no kind to prune; they are {', '.join(KINDS)}")
    word = "would remove" if request.dry_run else "removed"
    useless = spent(cache)
    yield from _removed(useless, f"{word} what killed writers or earlier versions left", request.dry_run)
    gone = {unit.paths for unit in useless}
    kept = [unit for kind in request.kinds for unit in units(kind, cache) if unit.paths not in gone]
    busy = [unit for unit in kept if _is_busy(unit)]
    free = sorted((unit for unit in kept if not _is_busy(unit)), key=lambda unit: (unit.used, unit.paths))
    old = _old(free, request.older_than_days)
    yield from _removed(old, f"{word} what was not used for {request.older_than_days} days", request.dry_run)
    young = free[len(old) :]
    big = _too_much(young, busy, request.max_bytes)
    yield from _removed(big, f"{word} the least recently used above the size", request.dry_run)
    stays = young[len(big) :]
    running = f"; {len(busy)} of them may be of a running stage" if busy else ""
    yield f"{', '.join(request.kinds)}: {len(stays) + len(busy)} left, {_size([*stays, *busy])}{running}"
    yield from _joined(stays, request.dry_run)


def _is_busy(unit: Unit) -> bool:
    """Whether a stage that still runs may have written it."""
    if unit.kind in PACKED:
        return array_cache.may_be_in_use(unit.paths[0])
    return time.time() - unit.used < array_cache.BUSY_SECONDS


def _old(free: Sequence[Unit], days: float | None) -> Sequence[Unit]:
    """Of what is sorted by its last use, what is older than a number of days."""
    if days is None:
        return []
    now = time.time()
    return [unit for unit in free if now - unit.used > days * _DAY]


def _too_much(young: Sequence[Unit], busy: Sequence[Unit], max_bytes: int | None) -> Sequence[Unit]:
    """The first of what is sorted by its last use, so many that the rest fits."""
    num_bytes, gone = sum(unit.num_bytes for unit in (*young, *busy)), 0
    while max_bytes is not None and num_bytes > max_bytes and gone < len(young):
        num_bytes, gone = num_bytes - young[gone].num_bytes, gone + 1
    return young[:gone]


def _removed(some: Sequence[Unit], what: str, dry_run: bool) -> Iterator[str]:
    if not dry_run:
        for unit in some:
            for path in unit.paths:
                remove(path)
    for kind, group in groupby(sorted(some, key=lambda unit: unit.kind), key=lambda unit: unit.kind):
        members = list(group)
        yield f"{kind}: {what}: {len(members)}, {_size(members)}"


def _size(some: Sequence[Unit]) -> str:
    return size_text(sum(unit.num_bytes for unit in some))


def _joined(free: Sequence[Unit], dry_run: bool) -> Iterator[str]:
    """Join the small packs of each folder, those that were last used about the same time together."""
    small = [unit for unit in free if unit.kind in PACKED and unit.num_bytes < _SMALL_BYTES]
    small = [unit for unit in small if array_cache.num_entries(unit.paths[0]) is not None]  # may be read now
    for folder, group in groupby(sorted(small, key=lambda unit: str(unit.folder)), key=lambda unit: unit.folder):
        for batch in _batches(list(group)):
            if not dry_run:
                _join(folder, batch)
            yield f"{folder}: {'would join' if dry_run else 'joined'} {len(batch)} packs into one, {_size(batch)}"


def _batches(some: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Packs in order, as many at a time as make a large one; one alone stays as it is."""
    batch: list[Unit] = []
    for unit in some:
        if batch and sum(one.num_bytes for one in batch) + unit.num_bytes > _JOINED_BYTES:
            if len(batch) > 1:
                yield batch
            batch = []
        batch.append(unit)
    if len(batch) > 1:
        yield batch


def _join(folder: Path, batch: Sequence[Unit]) -> None:
    """Write one pack of several, which then go: who reads meanwhile finds each entry in one or in the other.

    An entry that a pack beside them has replaced is left out: the new pack, being the latest, would bring it back.
    """
    paths = sorted(unit.paths[0] for unit in batch)
    cached, names = ArrayCache(folder), {path.name for path in paths}
    with cached.writing() as pack:
        for path in paths:
            for key, (attrs, array) in array_cache.entries(path):
                if (cached.pack_of(key) or path.name) in names:  # none where it could not be read for the moment
                    pack.keep(key, attrs, array)
    if pack.path.is_file():
        os.utime(pack.path, (batch[-1].used, batch[-1].used))
    for path in paths:
        path.unlink(missing_ok=True)
