"""unseen cache prune takes what is no pack any more, and leaves what only cannot be read for the moment."""

import sqlite3
from contextlib import closing

import pytest

from pipeline.commands import cache
from pipeline.core import array_cache
from pipeline.core.array_cache import ArrayCache
from pipeline.core.errors import DataError
from tests.commands.test_cache import key, pack, said, table


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".cache"


PASSING = [
    sqlite3.OperationalError("disk I/O error"),
    sqlite3.OperationalError("unable to open database file"),
    sqlite3.OperationalError("database is locked"),
]


class Failing:
    """A connection that opens, and then cannot read."""

    def __init__(self, error):
        self.error = error

    def execute(self, *_):
        raise self.error

    def close(self):
        pass


@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("error", PASSING, ids=str)
def test_a_pack_that_cannot_be_read_for_the_moment_stays_and_is_not_joined(root, monkeypatch, error, opens):
    packs = [pack(root / "samples", number) for number in range(3)]
    before = [path.read_bytes() for path in packs]
    opened = array_cache._opened

    def refused(path):
        if path != packs[1]:
            return opened(path)
        if opens:
            return Failing(error)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(array_cache, "_opened", refused)
        assert len(table(root)) == 1 + len(cache.KINDS)  # no line about leftovers
        lines = said(root)
    assert lines[0].startswith("samples, encoded, texts, index: 3 left, ")
    assert lines[1].startswith(f"{root / 'samples'}: joined 2 packs into one, ")
    assert packs[1].read_bytes() == before[1]
    assert all(ArrayCache(root / "samples").load(key(number)) is not None for number in range(3))


def failing_at(monkeypatch, bad, when):
    """Let SQLite fail to open a pack at the n-th time."""
    num_opened, opened = 0, array_cache._opened

    def refused(path):
        nonlocal num_opened
        num_opened += path == bad
        if path == bad and num_opened == when:
            raise PASSING[0]
        return opened(path)

    monkeypatch.setattr(array_cache, "_opened", refused)


def test_packs_of_which_one_fails_while_they_are_joined_stay(root, monkeypatch):
    packs = [pack(root / "samples", number) for number in range(3)]
    failing_at(monkeypatch, packs[1], 4)
    with pytest.raises(DataError, match=r"\.sqlite: cannot be read: disk I/O error; it stays as it is$"):
        said(root)
    assert array_cache.packs(root / "samples") == sorted(packs)


@pytest.mark.parametrize("when", [1, 2, 3])  # looked at, counted, asked for its keys
def test_no_entry_is_lost_whenever_a_pack_fails(root, monkeypatch, when):
    packs = [pack(root / "samples", number) for number in range(3)]
    failing_at(monkeypatch, packs[1], when)
    said(root)
    assert packs[0] not in array_cache.packs(root / "samples")
    assert all(ArrayCache(root / "samples").load(key(number)) is not None for number in range(3))


def no_tables(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA application_id={array_cache._FORMAT}")


def foreign(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE entries (number INTEGER)")


def cut_short(path):
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("change", [no_tables, foreign, cut_short, lambda path: path.write_bytes(b"")])
def test_what_is_no_pack_goes(root, change):
    good, bad = pack(root / "samples", 1), pack(root / "samples", 2)
    change(bad)
    assert said(root)[0].startswith("samples: removed what killed writers or earlier versions left: 1, ")
    assert (good.exists(), bad.exists()) == (True, False)
