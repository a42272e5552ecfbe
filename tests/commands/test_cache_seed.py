"""unseen cache seed: what it puts into the cache is what decoding would have put there, or nothing."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import yaml
from scipy.io import savemat

from pipeline.commands import cache_seed
from pipeline.compute.shared import Compute
from pipeline.core import array_cache, dag, stamp, store, tables
from pipeline.core.array_cache import ArrayCache
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.core.schemas import CLIPS
from pipeline.sources.decoding import Row
from pipeline.steps import fingerprint
from pipeline.steps.preprocess import Checks, preprocess
from tests.core.table_rows import clip_row
from tests.test_sizes import ROOT

ROW = {
    "dataset": "utd_mhad",
    "source": "data/raw/utd_mhad",
    "modality": "skeleton",
    "recipe": "dvta50",
    "options": {"num_frames": 30, "num_bodies": 2},
    "boxes": False,
}
STORE = "features/preprocess/utd_mhad/skeleton-dvta50.zarr"
NAME = "preprocess@row"


def md5(path):
    """As DVC does it, of a file or a folder."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    listed.sort(key=lambda file: file["relpath"])
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


def run(root, row=ROW):
    paths = {"clips": root / "data/ingest/utd_mhad.parquet", "source": root / row["source"]}
    engine = Compute(engine="inline", num_workers=1)
    made = parse(Row, row, "row")
    return preprocess(made, Checks(max_rejected=0.5), engine, key="row", out=root / STORE, cache=samples(root), **paths)


def samples(root):
    return root / ".cache/samples"


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def entries(root):
    found = {}
    for pack in array_cache.packs(samples(root)):
        for key, (header, array) in array_cache.entries(pack):
            found[key] = (header, array.tobytes())
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout of one row of preprocess: two clips, of different length, and one that is rejected."""
    root = tmp_path_factory.mktemp("made")
    raw = root / ROW["source"]
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    shapes = {"a1_s1_t1": rng.normal(size=(20, 3, 36)), "a2_s1_t1": rng.normal(size=(20, 3, 20))}
    clips = []
    for name, xyz in {**shapes, "a1_s1_t2": np.full((20, 3, 5), np.nan)}.items():
        file = raw / f"{name}_skeleton.mat"
        savemat(file, {"d_skel": xyz})
        told = {"path": file.name, "num_bytes": file.stat().st_size, "content_hash": file_digest(file)}
        clips.append(clip_row(clip_id=f"utd_mhad/{name}", num_frames=xyz.shape[2], **told))
    stamp.write(raw, stamp.scan(raw))
    (root / "data/ingest").mkdir()
    tables.write(root / "data/ingest/utd_mhad.parquet", CLIPS, sorted(clips, key=lambda clip: clip.clip_id))
    tree = {"preprocess": {"checks": {"max_rejected": 0.5}, "compute": {}, "rows": {"row": ROW}}}
    (root / "params.yaml").write_text(yaml.safe_dump(tree))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    ingest = {"cmd": "ingest", "outs": ["data/ingest/utd_mhad.parquet"]}
    stages = {"ingest": ingest, "preprocess": stages["preprocess"]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    fingerprint.fingerprint([], out=root / "data/fingerprint")
    assert run(root) == {"clips": 2, "rejected": 1, "decoded": 3}
    lock(root)
    return root


def lock(root):
    tree = yaml.safe_load((root / "params.yaml").read_text())
    locked = {}
    for one in dag.instances(root / "dvc.yaml", tree):
        locked[one.name] = {
            "cmd": one.cmd,
            "deps": [{"path": path, "md5": md5(root / path)} for path in one.deps],
            "params": {"params.yaml": {name: dag.look_up(tree, name, "") for name in one.params}},
            "outs": [{"path": path, "md5": md5(root / path)} for path in one.outs],
        }
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": locked}))


@pytest.fixture
def fresh(made, tmp_path, monkeypatch):
    """The checkout on another machine, which has no cache and no recordings, but the same code."""
    root, code = tmp_path / "fresh", made / "data/fingerprint"
    monkeypatch.setattr(fingerprint, "fingerprint", lambda rows, out: shutil.copytree(code, out))
    shutil.copytree(made, root, ignore=shutil.ignore_patterns(".cache", "*.mat"))
    return root


def test_entries_are_those_that_decoding_writes(made, fresh):
    assert list(cache_seed.seed(fresh)) == [f"{NAME}: 3 entries seeded, 0 were there"]
    assert entries(fresh) == entries(made)
    assert len(entries(fresh)) == 3


def test_then_preprocess_decodes_nothing_and_writes_the_same_bytes(made, fresh):
    list(cache_seed.seed(fresh))
    shutil.rmtree(fresh / STORE)
    assert run(fresh) == {"clips": 2, "rejected": 1, "decoded": 0}
    assert bytes_of(fresh / STORE) == bytes_of(made / STORE)


def test_what_is_there_is_not_written_again(fresh):
    list(cache_seed.seed(fresh))
    before = bytes_of(samples(fresh))
    assert list(cache_seed.seed(fresh)) == [f"{NAME}: 0 entries seeded, 3 were there"]
    assert bytes_of(samples(fresh)) == before


def refused(root):
    (line,) = cache_seed.seed(root)
    assert line.startswith(f"{NAME}: not seeded: ")
    assert array_cache.packs(samples(root)) == []
    return line.removeprefix(f"{NAME}: not seeded: ")


def test_a_store_that_is_not_there_is_asked_for(fresh):
    shutil.rmtree(fresh / STORE)
    assert refused(fresh) == f"{STORE} is not there; `dvc pull {STORE}` brings it, if somebody has pushed it"


def test_a_store_of_other_code_is_refused(fresh):
    text = (fresh / "dvc.lock").read_text()
    (fresh / "dvc.lock").write_text(text.replace(md5(fresh / "data/fingerprint/preprocess.txt"), "0" * 32))
    assert refused(fresh).endswith(f"is of the present code, settings and data; run `dvc repro {NAME}`")


def test_a_store_of_other_settings_is_refused(fresh):
    text = (fresh / "params.yaml").read_text()
    (fresh / "params.yaml").write_text(text.replace("num_frames: 30", "num_frames: 31"))
    assert "present code, settings and data" in refused(fresh)


def test_a_store_without_a_lock_is_refused(fresh):
    (fresh / "dvc.lock").unlink()
    assert "present code, settings and data" in refused(fresh)


def test_a_store_that_is_not_the_one_of_the_lock_is_refused(fresh):
    file = next(path for path in (fresh / STORE).rglob("*") if path.is_file() and path.stat().st_size > 4000)
    data = file.read_bytes()
    file.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    assert refused(fresh) == f"{STORE} is not what dvc.lock says; run `dvc pull {STORE}`"


def test_another_clips_table_is_refused(fresh):
    path = fresh / "data/ingest/utd_mhad.parquet"
    tables.write(path, CLIPS, list(tables.read(path, CLIPS))[:2])
    assert refused(fresh).startswith("data/ingest/utd_mhad.parquet is not what dvc.lock says")


def test_other_recordings_are_refused(fresh):
    path = fresh / "data/raw/utd_mhad.stamp"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert "present code, settings and data" in refused(fresh)


def test_layout_files_that_are_not_there_are_part_of_the_keys(fresh):
    text = (fresh / "data/raw/utd_mhad.stamp").read_text()
    first = text.splitlines()[1]
    assert first.endswith(" a1_s1_t1_skeleton.mat")
    (fresh / "data/raw/utd_mhad.stamp").write_text(text + first.replace("a1_s1_t1_skeleton.mat", "layout.yaml") + "\n")
    lock(fresh)
    assert refused(fresh).startswith(str(fresh / "data/raw/utd_mhad/layout.yaml"))


def test_boxes_come_back_to_the_last_bit(tmp_path):
    """As the header that decoding writes: through float32, and labels by number."""
    from pipeline.core import prepared
    from pipeline.core.boxes import Boxes
    from pipeline.sources import decoding

    corners = np.random.default_rng(0).random((3, 4)).astype(np.float32)
    boxes = [Boxes(np.array([0, 1, 1]), corners, ("cup", "arm", "cup")), Boxes(np.zeros(0, int), corners[:0], ())]
    x = np.random.default_rng(1).random((2, 3, 5, 4, 4)).astype(np.float32)
    x[1, :, 3:] = 0
    attrs = {"layout": "depth", "rejected": [], prepared.PADDED_TO: 5, prepared.BOX_LABELS: ["arm", "cup"]}
    with store.create(tmp_path / "x.zarr", attrs) as writer:
        group = writer.group(prepared.GROUP, ["a", "b"])
        prepared.put(group, (3, 5, 4, 4), [5, 3], iter(x))
        prepared.put_boxes(group, boxes, ["arm", "cup"])
    row = parse(Row, ROW | {"boxes": True}, "row")
    found = cache_seed._Entries(tmp_path / "x.zarr", row)
    for clip_id, some, x_CT, num_frames in zip("ab", boxes, x, (5, 3), strict=True):
        header, array = found[clip_id]
        assert header == {"layout": "depth", "num_nonempty_frames": num_frames, "boxes": decoding.box_rows(some)}
        assert np.array_equal(array, x_CT)
    with ArrayCache(tmp_path / "cache").writing() as pack:
        pack.keep("0" * 64, found["a"][0], found["a"][1])


def test_a_row_of_extract_is_seeded_from_its_arrays_and_weights(fresh, monkeypatch):
    """What is then kept, `steps.extract.seed` decides and its tests say."""
    from pipeline.steps import extract
    from pipeline.training.encoding import Batches

    row = dict.fromkeys(("split_table", "masked")) | {"dataset": "utd_mhad", "modality": "skeleton", "options": {}}
    row |= {"recipe": "dvta50", "encoder": "kinematics", "weights": "any.txt", "tokens": False, "regions": False}
    tree = yaml.safe_load((fresh / "params.yaml").read_text())
    tree["extract"] = {"batches": {"batch_size": 4, "num_threads": 1}, "compute": {}, "rows": {"vectors": row}}
    (fresh / "params.yaml").write_text(yaml.safe_dump(tree))
    stages = yaml.safe_load((fresh / "dvc.yaml").read_text())["stages"]
    stages["extract"] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["extract"]
    (fresh / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (fresh / "any.txt").write_text("any")
    features = fresh / "features/extract/vectors.zarr"
    features.mkdir(parents=True)
    (features / "zarr.json").write_text("{}")
    lock(fresh)
    asked = []
    monkeypatch.setattr(extract, "seed", lambda *a, **k: asked.append((a, k)) or {"seeded": 5, "known": 2})
    assert "extract@vectors: 5 entries seeded, 2 were there" in cache_seed.seed(fresh)
    expected = {"arrays": fresh / STORE, "weights": fresh / "any.txt", "features": features}
    expected["cache"] = fresh / ".cache/encoded"
    assert asked == [((parse(extract.Row, row, ""), Batches(batch_size=4, num_threads=1)), expected)]
    (fresh / "any.txt").write_text("others")
    (said,) = [line for line in cache_seed.seed(fresh) if line.startswith("extract")]
    assert said.startswith("extract@vectors: not seeded: dvc.lock does not say that")
    assert len(asked) == 1
