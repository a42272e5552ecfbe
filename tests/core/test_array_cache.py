import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import array_cache
from pipeline.core.array_cache import ArrayCache
from pipeline.core.errors import DataError

KEY, OTHER = "ab" + "0" * 62, "ab" + "1" * 62


def key(number: int) -> str:
    return f"{number:064x}"


def keep(folder: Path, *entries: tuple[str, np.ndarray]) -> Path:
    """A pack of these entries; its path."""
    before = set(array_cache.packs(folder))
    with ArrayCache(folder).writing() as pack:
        for name, array in entries:
            pack.keep(name, {}, array)
    (made,) = set(array_cache.packs(folder)) - before
    return made


def full(value: float, num: int = 3) -> np.ndarray:
    return np.full(num, value, np.float32)


@pytest.mark.parametrize("shape", [(3, 4), (), (0,), (0, 5), (2, 3, 4, 5)])
def test_what_was_kept_comes_back(tmp_path, shape):
    array = np.random.default_rng(0).random(shape).astype(np.float32)
    with ArrayCache(tmp_path).writing() as pack:
        pack.keep(KEY, {"layout": "rgb", "boxes": [[1, 0.5]], "reason": "weiß"}, np.array(array, order="F"))
    cached = ArrayCache(tmp_path)
    header, found = cached.load(KEY)
    assert header == {"layout": "rgb", "boxes": [[1, 0.5]], "reason": "weiß", "shape": list(shape)}
    assert found.dtype == np.float32
    assert found.shape == shape
    assert np.array_equal(found, array)
    assert cached.header(KEY) == header
    assert KEY in cached
    assert cached.load(OTHER) is cached.header(OTHER) is None
    assert OTHER not in cached


def test_the_last_bits_and_what_is_no_number_stay(tmp_path):
    array = np.array([np.nan, -0.0, np.inf, 1e-45, np.float32(1) / 3], np.float32)
    keep(tmp_path, (KEY, array))
    assert ArrayCache(tmp_path).load(KEY)[1].tobytes() == array.tobytes()


def test_a_folder_that_is_not_there_is_an_empty_cache_and_is_not_made_by_reading(tmp_path):
    assert ArrayCache(tmp_path / "none").load(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_of_two_entries_the_later_counts_in_one_pack_and_in_two(tmp_path):
    keep(tmp_path, (KEY, full(1)), (KEY, full(2)))
    assert ArrayCache(tmp_path).load(KEY)[1].tolist() == [2, 2, 2]
    keep(tmp_path, (KEY, full(3)))
    assert ArrayCache(tmp_path).load(KEY)[1].tolist() == [3, 3, 3]


def test_a_pack_of_another_clock_keeps_its_place_whenever_it_is_met(tmp_path):
    keep(tmp_path, (KEY, full(1)))
    cached = ArrayCache(tmp_path)
    assert cached.load(KEY)[1].tolist() == [1, 1, 1]
    before = keep(tmp_path, (KEY, full(0)))
    before.rename(before.with_name("0" * 20 + before.name[20:]))
    cached.refresh()
    assert cached.load(KEY)[1].tolist() == ArrayCache(tmp_path).load(KEY)[1].tolist() == [1, 1, 1]


def test_packs_of_others_are_seen_after_refresh_and_own_ones_at_once(tmp_path):
    one, two = ArrayCache(tmp_path), ArrayCache(tmp_path)
    assert one.load(KEY) is two.load(KEY) is None
    with one.writing() as pack:
        pack.keep(KEY, {}, full(1))
        assert one.load(KEY) is None
    assert one.load(KEY)[1].tolist() == [1, 1, 1]
    assert two.load(KEY) is None
    two.refresh()
    assert two.load(KEY)[1].tolist() == [1, 1, 1]


def test_two_writers_at_once_lose_nothing(tmp_path):
    one, two = ArrayCache(tmp_path), ArrayCache(tmp_path)
    with one.writing() as first, two.writing() as second:
        first.keep(KEY, {}, full(1))
        second.keep(OTHER, {}, full(2))
        second.keep(key(0), {}, full(3))
        first.keep(key(1), {}, full(4))
    found = [ArrayCache(tmp_path).load(name)[1][0] for name in (KEY, OTHER, key(0), key(1))]
    assert found == [1, 2, 3, 4]


def test_threads_share_one_cache(tmp_path):
    cached, wrong = ArrayCache(tmp_path), []

    def use(first):
        for number in range(first, first + 20):
            with cached.writing() as pack:
                pack.keep(key(number), {"number": number}, full(number))
            header, array = cached.load(key(number))
            if header["number"] != number or array[0] != number:
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(array_cache.packs(tmp_path)) == 80


def test_an_error_while_writing_leaves_nothing(tmp_path):
    cached = ArrayCache(tmp_path)

    def write():
        with cached.writing() as pack:
            pack.keep(KEY, {}, full(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_pack_without_entries_does_not_appear(tmp_path):
    with ArrayCache(tmp_path).writing():
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_digest_is_refused_and_leads_nowhere(tmp_path):
    cached = ArrayCache(tmp_path / "cache")
    for name in ("../" + "a" * 61, "ab", "g" * 64, ""):
        with pytest.raises(ValueError, match="hexadecimal"):
            cached.load(name)
        with pytest.raises(ValueError, match="hexadecimal"), cached.writing() as pack:
            pack.keep(name, {}, full(1))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_whose_name_means_something_in_an_address_is_a_folder(tmp_path):
    folder = tmp_path / "a?mode=memory#b%20c ü"
    keep(folder, (KEY, full(1)))
    assert ArrayCache(folder).load(KEY)[1].tolist() == [1, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from pipeline.core.array_cache import ArrayCache
cached = ArrayCache(Path(sys.argv[1]))
for number in range(1000):
    with cached.writing() as pack:
        for at in range(4):
            pack.keep(f"{4 * number + at:064x}", {}, np.full(100_000, number, np.float32))
    print(number, flush=True)
"""


def test_a_killed_writer_loses_one_pack_and_the_next_one_cleans_up(tmp_path):
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        done = int([writer.stdout.readline() for _ in range(3)][-1])
        time.sleep(0.003)
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split()
        done = int(rest[-1]) if rest else done
        cached = ArrayCache(tmp_path)
        for number in range(4 * done + 4):
            assert cached.load(key(number))[1].tolist()[0] == number // 4
    keep(tmp_path, (KEY, full(1)))
    assert list(tmp_path.glob("*.partial")) == []


def leave(folder: Path, host: str, process: int, seconds_ago: float) -> Path:
    path = folder / f"{1:020d}-{host}-{process}-00000000.sqlite.partial"
    path.write_bytes(b"half")
    then = time.time() - seconds_ago
    os.utime(path, (then, then))
    return path


def test_only_what_a_dead_writer_left_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here, day = array_cache._host(), array_cache.LEFT_SECONDS
    stays = [leave(tmp_path, here, os.getpid(), 5), leave(tmp_path, "elsewhere-1.b", 7, day - 60)]
    goes = [
        leave(tmp_path, here, dead.pid, 5),
        leave(tmp_path, "elsewhere-1.b", 8, day + 60),
        leave(tmp_path, here, 10**30, day + 60),
    ]
    (tmp_path / "notes.txt").write_text("mine")
    assert array_cache.leftovers(tmp_path) == sorted(goes)
    keep(tmp_path, (KEY, full(1)))
    assert sorted(tmp_path.glob("*.partial")) == sorted(stays)
    assert (tmp_path / "notes.txt").is_file()


def test_a_folder_is_looked_through_for_leftovers_once_in_a_process(tmp_path, monkeypatch):
    """To list a large one for each pack would take minutes."""
    looked, leftovers = [], array_cache.leftovers
    monkeypatch.setattr(array_cache, "leftovers", lambda folder: [looked.append(folder), *leftovers(folder)][1:])
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        leave(folder, "elsewhere", 7, array_cache.LEFT_SECONDS + 60)
    cached = ArrayCache(one)
    for number in range(3):
        with cached.writing() as pack:
            pack.keep(key(number), {}, full(number))
    keep(one, (KEY, full(1)))
    monkeypatch.chdir(tmp_path)
    keep(Path("one"), (OTHER, full(1)))
    assert looked == [one]
    assert list(one.glob("*.partial")) == []
    keep(two, (KEY, full(1)))
    assert looked == [one, two]
    assert list(two.glob("*.partial")) == []


def test_every_flipped_byte_is_noticed_and_the_rest_stays(tmp_path):
    pack = keep(tmp_path, (KEY, full(1, 50)), (OTHER, full(2, 50)))
    data = pack.read_bytes()
    spoilt = 0
    for place in range(0, len(data), 7):
        pack.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        cached = ArrayCache(tmp_path)
        for name, value in ((KEY, 1), (OTHER, 2)):
            found, header = cached.load(name), cached.header(name)
            assert found is None or (found[0] == {"shape": [50]} and found[1].tolist() == [value] * 50)
            assert header in (None, {"shape": [50]})
            spoilt += found is None
    assert spoilt > 20
    pack.write_bytes(data)
    place = data.index(np.float32(1).tobytes() * 50)
    pack.write_bytes(data[:place] + b"\x01" + data[place + 1 :])
    assert ArrayCache(tmp_path).load(KEY) is None
    assert ArrayCache(tmp_path).load(OTHER)[1].tolist() == [2] * 50


def test_a_pack_that_is_cut_short_is_as_if_not_there(tmp_path):
    pack = keep(tmp_path, *((key(number), full(number, 3000)) for number in range(5)))
    data = pack.read_bytes()
    for cut in range(0, len(data), 4001):
        pack.write_bytes(data[:cut])
        cached = ArrayCache(tmp_path)
        for number in range(5):
            found = cached.load(key(number))
            assert found is None or found[1].tolist() == [number] * 3000


def test_a_damaged_entry_gives_way_to_an_earlier_and_to_a_later_one(tmp_path):
    keep(tmp_path, (KEY, full(1)))
    later = keep(tmp_path, (KEY, full(2)))
    data = later.read_bytes()
    later.write_bytes(data.replace(full(2).tobytes(), full(7).tobytes()))
    cached = ArrayCache(tmp_path)
    assert cached.load(KEY)[1].tolist() == [1, 1, 1]
    with cached.writing() as pack:
        pack.keep(KEY, {}, full(3))
    assert cached.load(KEY)[1].tolist() == [3, 3, 3]


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE entries (number INTEGER, key BLOB)")
    file.close()


def odd_rows(path: Path) -> None:
    """Of our layout, with what no writer writes."""
    file = sqlite3.connect(path, isolation_level=None)
    file.executescript(array_cache._TABLES)
    file.execute("INSERT INTO entries VALUES (0, 'text', 5, NULL, 1e300)")
    file.execute("INSERT INTO entries VALUES (7, NULL, NULL, NULL, NULL)")
    file.execute("INSERT INTO entries VALUES (9, ?, NULL, 'x', NULL)", (bytes.fromhex(OTHER),))
    file.close()


@pytest.mark.parametrize(
    "make", [foreign_database, odd_rows, Path.touch, Path.mkdir, lambda path: path.write_text("x")]
)
def test_a_foreign_file_is_not_read_and_not_changed(tmp_path, make, capfd):
    keep(tmp_path, (KEY, full(1)))
    make(tmp_path / "other.sqlite")
    cached = ArrayCache(tmp_path)
    for _ in range(3):
        cached.refresh()
        assert cached.load(KEY)[1].tolist() == [1, 1, 1]
        assert cached.load(OTHER) is None
    said = capfd.readouterr().err.splitlines()
    assert len(said) == (0 if make in (Path.mkdir, odd_rows) else 1)
    assert all("other.sqlite: not read: " in line and line.endswith("made again") for line in said)
    assert (tmp_path / "other.sqlite").exists()


def test_a_pack_that_another_process_joins_meanwhile_is_found_where_it_is(tmp_path):
    one = keep(tmp_path, (KEY, full(1)), (OTHER, full(2)))
    cached = ArrayCache(tmp_path)
    assert KEY in cached
    keep(tmp_path, (KEY, full(1)), (OTHER, full(2)))
    one.unlink()
    assert cached.load(KEY)[1].tolist() == [1, 1, 1]
    assert cached.header(OTHER) == {"shape": [3]}


def test_a_pack_that_is_gone_is_gone(tmp_path):
    one = keep(tmp_path, (KEY, full(1)))
    cached = ArrayCache(tmp_path)
    assert KEY in cached
    one.unlink()
    assert cached.load(KEY) is None
    assert KEY not in cached


def test_what_is_used_says_so_once_by_the_time_of_its_file(tmp_path):
    one, two = keep(tmp_path, (KEY, full(1))), keep(tmp_path, (OTHER, full(2)))
    for path in (one, two):
        os.utime(path, (5, 5))
    cached = ArrayCache(tmp_path)
    assert OTHER in cached
    cached.load(KEY)
    assert one.stat().st_mtime > 1e9
    assert two.stat().st_mtime == 5
    os.utime(one, (5, 5))
    cached.load(KEY)
    assert one.stat().st_mtime == 5


def test_where_headers_are_more_than_memory_may_hold_they_are_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(array_cache, "_HEADER_BYTES", 500)
    monkeypatch.setattr(array_cache, "_OPEN_PACKS", 2)
    for number in range(10):
        keep(tmp_path, (key(number), full(number)))
    cached = ArrayCache(tmp_path)
    for _ in range(2):
        for number in range(10):
            assert cached.load(key(number))[1].tolist() == [number] * 3
        assert cached._header_bytes <= 500
        assert len(cached._open) <= 2


def test_a_disk_that_refuses_is_an_error_of_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(array_cache, "_TABLES", array_cache._TABLES + "PRAGMA max_page_count=20;")
    with pytest.raises(DataError, match=r"a pack cannot be written: database or disk is full"):
        keep(tmp_path, (KEY, full(1, 100_000)))
    assert list(tmp_path.iterdir()) == []


def test_a_thousand_packs_are_opened_and_their_headers_read_in_little_time(tmp_path):
    for number in range(1000):
        with ArrayCache(tmp_path).writing() as pack:
            for at in range(10):
                pack.keep(key(10 * number + at), {"number": 10 * number + at}, full(1))
    start = time.process_time()
    cached = ArrayCache(tmp_path)
    headers = [cached.header(key(7 * number % 10_000)) for number in range(10_000)]
    assert [header["number"] for header in headers] == [7 * number % 10_000 for number in range(10_000)]
    assert time.process_time() - start < 10
    assert len(cached._open) <= array_cache._OPEN_PACKS


def test_headers_are_json_that_any_reader_of_sqlite_can_see(tmp_path):
    file = sqlite3.connect(keep(tmp_path, (KEY, full(1))))
    ((header,),) = file.execute("SELECT header FROM entries").fetchall()
    file.close()
    assert json.loads(header) == {"shape": [3]}
