"""unseen cache info and prune, over a folder with something of every kind."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import cache, cache_prune
from pipeline.commands.cache_prune import Request
from pipeline.core import array_cache
from pipeline.core.array_cache import ArrayCache
from pipeline.core.errors import ParamsError

DAY = 86_400


def key(number):
    return f"{number:064x}"


def pack(folder, number, *, days=0.0, size=100, dead=True):
    """A pack of one entry that was last used so long ago, by a process that does not run any more."""
    with ArrayCache(folder).writing() as made:
        made.keep(key(number), {"number": number}, np.full(size, number, np.float32))
    path = made.path
    if dead:
        path = path.rename(path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{gone()}-")))
    return aged(path, days)


def gone():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def aged(path, days):
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def put(path, text="x", days=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return aged(path, days)


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".cache"


def said(root, **request):
    return list(cache_prune.prune(Request(**request), root))


def table(root):
    return [line.split() for line in cache.lines(root)]


def test_a_checkout_without_a_cache_has_nothing(root):
    for row in table(root)[1:]:
        assert row[-5:] == ["0", "0", "B", "0", "-"]
    assert said(root) == ["samples, encoded, texts, index: 0 left, 0 B"]
    assert not root.exists()


def test_every_kind_is_counted(root):
    with ArrayCache(root / "samples").writing() as made:
        for number in range(1200):
            made.keep(key(number), {}, np.zeros(2, np.float32))
    pack(root / "encoded", 1)
    for folder in ("a", "b"):
        aged(pack(root / "texts" / folder, 1), 2)
    for name in ("s0-ab", "s1-ab", "s2-ab.unfinished", "s3-ab.partial"):
        put(root / "parts/align/row" / name / "weights.bin", "1234")
    put(root / "index/row/s0-0/video.faiss", "12345")
    put(root / "index/row/s0-0/video.json", "12345")
    put(root / "packs/0123/manifest.json", "{}")
    put(root / "runs/align.jsonl", "{}\n{}\n")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    found = {row[0]: row for row in table(root)}
    assert found["samples"][3] == "1,200"
    assert found["samples"][-2:] == ["1", today]
    assert found["encoded"][3] == "1"
    assert found["texts"][4] == "2"
    assert found["texts"][-1] == time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * DAY))
    assert found["parts"][3:] == ["2", "8", "B", "2", today]
    assert found["index"][3:] == ["1", "10", "B", "2", today]
    assert found["packs"][7:] == ["1", "2", "B", "1", today]
    assert found["runs"][3:] == ["2", "6", "B", "1", today]
    assert list(found) == ["kind", "samples", "encoded", "texts", "parts", "index", "packs", "runs"]


def leftovers(root):
    name = f"{1:020d}-{array_cache._host()}-{gone()}-00000000.sqlite"
    return [
        put(root / "samples" / f"{name}.partial"),
        put(root / "samples/ab.pack"),
        put(root / "texts/abc" / key(1)),
        put(root / "encoded" / name, "no pack"),
    ]


def test_what_serves_nobody_always_goes_and_what_is_not_ours_never(root):
    stays = [pack(root / "samples", 1), put(root / "encoded/ab.pack")]
    goes = leftovers(root)
    living = f"{1:020d}-{array_cache._host()}-{os.getpid()}-00000000.sqlite.partial"
    stays += [put(root / "samples" / living), put(root / "samples/notes.sqlite"), put(root / "samples/notes.txt")]
    stays += [put(root / "texts/abc/notes"), put(root / "parts/align/row/s0-ab/x"), put(root / "runs/align.jsonl")]
    assert table(root)[-1][:2] == ["4", "files"]
    assert said(root, kinds=("index",), dry_run=True)[:2] == [
        "encoded: would remove what killed writers or earlier versions left: 1, 7 B",
        "samples: would remove what killed writers or earlier versions left: 2, 2 B",
    ]
    assert all(path.exists() for path in goes)
    said(root, kinds=("index",))
    assert not any(path.exists() for path in goes)
    assert all(path.exists() for path in stays)
    assert len(table(root)) == 1 + len(cache.KINDS)  # no line about leftovers


def test_what_was_not_used_for_so_long_goes(root):
    old, young = pack(root / "samples", 1, days=11), pack(root / "samples", 2, days=9)
    text = pack(root / "texts/a", 3, days=11)
    lines = said(root, kinds=("samples",), older_than_days=10)
    assert lines[0].startswith("samples: removed what was not used for 10 days: 1, ")
    assert lines[1].startswith("samples: 1 left, ")
    assert (old.exists(), young.exists(), text.exists()) == (False, True, True)
    said(root, older_than_days=10)
    assert not text.exists()


def test_use_keeps_what_is_old(root):
    old = pack(root / "samples", 1, days=11)
    assert ArrayCache(root / "samples").load(key(1)) is not None
    said(root, older_than_days=10)
    assert old.exists()


def test_the_least_recently_used_goes_first_whatever_its_kind(root, monkeypatch):
    monkeypatch.setattr(cache_prune, "_SMALL_BYTES", 0)
    paths = [
        pack(root / "samples", 1, days=3, size=50_000),
        pack(root / "texts/a", 2, days=4, size=50_000),
        pack(root / "samples", 3, days=2, size=50_000),
        pack(root / "encoded", 4, days=1, size=50_000),
    ]
    num_bytes = paths[0].stat().st_size
    said(root, max_bytes=4 * num_bytes, dry_run=True)
    assert [path.exists() for path in paths] == [True] * 4
    said(root, max_bytes=3 * num_bytes, kinds=("encoded",))
    assert [path.exists() for path in paths] == [True] * 4
    said(root, max_bytes=3 * num_bytes)
    assert [path.exists() for path in paths] == [True, False, True, True]
    lines = said(root, max_bytes=int(1.5 * num_bytes), dry_run=True)
    assert lines[0].startswith("samples: would remove the least recently used above the size: 2, ")
    said(root, max_bytes=int(1.5 * num_bytes))
    assert [path.exists() for path in paths] == [False, False, False, True]


def test_what_a_running_stage_has_written_stays(root):
    mine = pack(root / "samples", 1, days=30, dead=False)
    other = f"{5:020d}-elsewhere-7-00000000.sqlite"
    theirs, dead = pack(root / "samples", 2), pack(root / "encoded", 3)
    theirs, dead = aged(theirs.rename(theirs.with_name(other)), 0), aged(dead.rename(dead.with_name(other)), 1)
    part = put(root / "parts/align/row/s0-ab/weights", days=0)
    done = put(root / "parts/align/row/s1-ab/weights", days=1)
    lines = said(root, kinds=cache_prune.KINDS, max_bytes=0, older_than_days=0)
    assert lines[-1].endswith("; 3 of them may be of a running stage")
    assert mine.exists()
    assert theirs.exists()
    assert part.exists()
    assert not dead.exists()
    assert not done.exists()


def test_parts_go_only_when_they_are_named(root):
    part = put(root / "parts/align/row/s0-ab/weights", days=9)
    unfinished = put(root / "parts/align/row/s1-ab.unfinished/weights", days=9)
    said(root, max_bytes=0, older_than_days=1)
    assert part.exists()
    said(root, older_than_days=1, kinds=("parts",))
    assert not part.parent.exists()
    assert unfinished.exists()


def test_an_index_goes_with_its_description(root):
    index, facts = put(root / "index/a/b/video.faiss", days=9), put(root / "index/a/b/video.json", days=9)
    said(root, older_than_days=1)
    assert not index.exists()
    assert not facts.exists()


def test_small_packs_of_a_folder_are_joined_and_keep_their_entries_and_their_age(root):
    packs = [pack(root / "samples", number, days=number) for number in range(1, 6)]
    pack(root / "texts/a", 7)
    lines = said(root, dry_run=True)
    assert lines[-1].startswith(f"{root / 'samples'}: would join 5 packs into one, ")
    assert all(path.exists() for path in packs)
    reader = ArrayCache(root / "samples")
    assert reader.load(key(3)) is not None
    assert said(root)[-1].startswith(f"{root / 'samples'}: joined 5 packs into one, ")
    (one,) = array_cache.packs(root / "samples")
    assert one not in packs
    assert array_cache.num_entries(one) == 5
    for cached in (reader, ArrayCache(root / "samples")):
        for number in range(1, 6):
            header, array = cached.load(key(number))
            assert header == {"number": number, "shape": [100]}
            assert array.tolist() == [number] * 100
    assert len(array_cache.packs(root / "texts/a")) == 1


def test_a_joined_pack_is_as_old_as_the_youngest_of_them(root):
    for days in (3, 2, 5):
        pack(root / "samples", days, days=days)
    said(root)
    (one,) = array_cache.packs(root / "samples")
    assert (time.time() - one.stat().st_mtime) / DAY == pytest.approx(2, abs=0.1)


def test_large_packs_stay_as_they_are_and_joined_ones_keep_within_their_size(root, monkeypatch):
    monkeypatch.setattr(cache_prune, "_SMALL_BYTES", 300_000)
    monkeypatch.setattr(cache_prune, "_JOINED_BYTES", 500_000)
    large = pack(root / "samples", 0, size=100_000)
    for number in range(1, 6):
        pack(root / "samples", number, size=50_000)
    said(root)
    after = array_cache.packs(root / "samples")
    assert large in after
    assert sorted(array_cache.num_entries(path) for path in after) == [1, 1, 2, 2]


def test_damage_is_not_joined_and_the_later_entry_counts(root):
    with ArrayCache(root / "samples").writing() as made:
        made.keep(key(1), {}, np.full(100, 1, np.float32))
        made.keep(key(2), {}, np.full(100, 2, np.float32))
    data = made.path.read_bytes()
    place = data.index(np.full(100, 2, np.float32).tobytes())
    dead = made.path.with_name(made.path.name.replace(f"-{os.getpid()}-", f"-{gone()}-"))
    dead.write_bytes(data[:place] + b"\x01" + data[place + 1 :])
    made.path.unlink()
    pack(root / "samples", 1)
    later = pack(root / "samples", 1, size=3)
    assert later.name > dead.name
    said(root)
    cached = ArrayCache(root / "samples")
    assert len(array_cache.packs(root / "samples")) == 1
    assert cached.load(key(2)) is None
    assert cached.load(key(1))[0] == {"number": 1, "shape": [3]}


def test_an_entry_that_was_replaced_is_not_brought_back_by_a_joined_pack(root):
    for number in (1, 2):
        pack(root / "encoded", number)
    pack(root / "encoded", 1, size=3, dead=False)  # of a stage that still runs, so it is not joined
    assert said(root)[-1].startswith(f"{root / 'encoded'}: joined 2 packs into one, ")
    cached = ArrayCache(root / "encoded")
    assert cached.load(key(1))[0] == {"number": 1, "shape": [3]}
    assert cached.load(key(2)) is not None


@pytest.mark.parametrize("kind", ["sample", "runs", "", "../samples"])
def test_an_unknown_kind_is_refused_and_nothing_goes(root, kind):
    goes = leftovers(root)
    with pytest.raises(ParamsError, match=r"no kind to prune; they are samples, encoded, texts, index, parts$"):
        said(root, kinds=("samples", kind))
    assert all(path.exists() for path in goes)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """As in the folder of a checkout."""
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    (tmp_path / "params.yaml").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*words):
    return CliRunner().invoke(app, ["cache", *words])


def test_the_options_reach_the_cache(here):
    paths = [pack(here / ".cache/samples", number, days=number, size=50_000) for number in (1, 2, 3)]
    text = pack(here / ".cache/texts/a", 1, days=9)
    size = str(int(2.5 * paths[0].stat().st_size)) + "B"
    assert typed("info").output.splitlines() == list(cache.lines(here / ".cache"))
    assert "would remove" in typed("prune", "--max-size", size, "--kind", "samples", "--dry-run").output
    assert all(path.exists() for path in paths)
    assert typed("prune", "--max-size", size, "--kind", "samples").exit_code == 0
    assert not paths[2].exists()
    assert typed("prune", "--older-than", "8.5").exit_code == 0
    assert not text.exists()
    assert cache.units("samples", here / ".cache")


@pytest.mark.parametrize("command", ["info", "prune", "seed"])
def test_outside_of_a_checkout_the_folder_is_named(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = typed(command).exception
    assert isinstance(error, ParamsError)
    assert str(error).startswith(f"unseen cache {command}: there is no dvc.yaml in {tmp_path}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "clips"], "--kind clips: no kind to prune; they are samples, encoded, texts, index, parts"),
        (["--max-size", "10"], "--max-size: a number and a unit of B, kB, MB, GB, TB are expected"),
        (["--max-size", "-1GB"], "--max-size: a number and a unit of B, kB, MB, GB, TB are expected"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(here, words, message):
    error = typed("prune", *words).exception
    assert isinstance(error, ParamsError)
    assert str(error).startswith(message)


@pytest.mark.parametrize("days", ["-1", "soon"])
def test_days_are_a_number(here, days):
    result = typed("prune", "--older-than", days)
    assert result.exit_code == 2
    assert "Invalid value for '--older-than'" in result.output
