"""The cache of encoded clips: cold and warm runs, any engine and a run after a kill write the same bytes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.compute.shared import Compute
from pipeline.core import array_cache, store
from pipeline.core.array_cache import ArrayCache
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.hashing import folder_digest
from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.modalities.skeleton import stgcn
from pipeline.models import checkpoint
from pipeline.steps.extract import Row, extract, seed
from pipeline.training import encoded, frozen
from pipeline.training.encoding import Batches
from tests import toy

OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.5}
WHOSE = {"dataset": "toy", "split_table": "random", "modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
ROW = {**WHOSE, "weights": "w", "options": {}, "tokens": False, "masked": None, "regions": False}
MASKED = {"part": "joints", "moving": 0.0, "share": 0.3, "num_variants": 3, "seed": 0}
ALL = {"tokens": True, "masked": MASKED}
INLINE = Compute(engine="inline", num_workers=1)
Floats = npt.NDArray[np.float32]


class World:
    """Clips, one encoder, a cache, and how often networks were run."""

    def __init__(self, root: Path) -> None:
        self.root, self.num_runs = root, 0
        self.x = np.random.default_rng(0).normal(size=(12, 3, 4, 20, 2)).astype(np.float32)
        self.x[[1, 2, 5, 8], ..., 1] = 0  # one body

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def write(self, rows: list[int]) -> None:
        shutil.rmtree(self.root / "x.zarr", ignore_errors=True)
        toy.write_arrays(self.root / "x.zarr", [f"toy/{row:02d}" for row in rows], self.x[rows])

    def teach(self, seed: int = 0, **changes: Any) -> None:
        torch.manual_seed(seed)
        about = {**WHOSE, "options": OPTIONS, "layout": "kinect20", "split": "s0", "seed": 0, "training_classes": [0]}
        about |= {"training_names": ["jump"], "unseen_classes": [3], "training_clips": "clips of fit", **changes}
        checkpoint.save(self.root / "w/s0-0.safetensors", skeleton.build("stgcn", OPTIONS, "kinect20", ""), about)

    def run(
        self, batch_size: int = 4, compute: Compute = INLINE, cache: str = "cache", **changes: Any
    ) -> dict[str, int]:
        """What extract says, and how often the network was run."""
        self.num_runs = 0
        row, batches = parse(Row, {**ROW, **changes}, "row"), Batches(batch_size=batch_size, num_threads=1)
        where = {"arrays": self.root / "x.zarr", "weights": self.root / "w", "out": self.root / "f.zarr"}
        facts = extract(row, batches, compute, key="k", **where, cache=self.root / cache)
        return {**facts, "runs": self.num_runs}

    @property
    def digest(self) -> str:
        return folder_digest(self.root / "f.zarr")

    def cold(self, **changes: Any) -> str:
        """The digest of a store that no cache has helped to write."""
        shutil.rmtree(self.root / "none", ignore_errors=True)
        self.run(cache="none", **changes)
        return self.digest

    def array(self, name: str = "pooled") -> Floats:
        found: Floats = store.Store(self.root / "f.zarr", "extract").read("s0-0", name)
        return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    world.write(list(range(10)))
    world.teach()
    maps = stgcn.Encoder.maps

    def counted(self: Any, x_PCTV: torch.Tensor) -> torch.Tensor:
        world.num_runs += 1
        found: torch.Tensor = maps(self, x_PCTV)
        return found

    monkeypatch.setattr(stgcn.Encoder, "maps", counted)
    return world


@pytest.mark.parametrize("wanted", [{}, ALL])
def test_cold_and_warm_runs_and_any_engine_write_the_same_bytes(wanted: dict[str, Any], world: World) -> None:
    cold = world.cold(**wanted)
    assert world.run(**wanted)["encoded"] == 10
    assert world.digest == cold
    assert world.run(**wanted) == {"clips": 10, "encoders": 1, "encoded": 0, "runs": 0}
    assert world.digest == cold
    processes = Compute(engine="processes", num_workers=2)
    assert world.run(compute=processes, cache="other", **wanted)["encoded"] == 10
    assert world.digest == cold


def test_a_warm_run_reads_no_weights(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    monkeypatch.setattr(checkpoint, "load", None)
    assert world.run()["encoded"] == 0


@pytest.mark.parametrize("wanted", [{}, ALL])
def test_a_new_clip_costs_its_own_encoding_and_leaves_the_bytes_of_a_cold_run(
    wanted: dict[str, Any], world: World
) -> None:
    world.run(**wanted)
    world.write(list(range(11)))
    facts = world.run(**wanted)
    assert (facts["encoded"], facts["runs"]) == (1, 5 if wanted else 2)  # with a known clip, and three variants
    assert world.digest == world.cold(**wanted)


def test_a_changed_clip_is_encoded_anew_and_a_removed_one_leaves_the_store(world: World) -> None:
    world.run()
    world.x[3] += 1
    world.write([0, 3, 4, 5])
    assert world.run()["encoded"] == 1
    assert world.digest == world.cold()


def test_a_clip_that_another_dataset_has_too_is_known(world: World) -> None:
    world.run()
    shutil.rmtree(world.root / "x.zarr")
    toy.write_arrays(world.root / "x.zarr", ["other/a", "other/b"], world.x[:2], dataset="other")
    assert world.run()["encoded"] == 0
    assert world.run(masked=MASKED)["encoded"] == 2
    toy.write_arrays(world.root / "x.zarr", ["other/a", "other/c"], world.x[:2], dataset="other")
    assert world.run(masked=MASKED)["encoded"] == 1  # what is hidden is drawn from the clip's id


def test_what_is_asked_for_later_is_added(world: World) -> None:
    world.run()
    assert world.run(tokens=True)["encoded"] == 10
    assert world.run(**ALL)["encoded"] == 10
    assert world.digest == world.cold(**ALL)
    assert world.run()["runs"] == 0


def test_how_many_clips_are_read_at_a_time_changes_no_byte(world: World) -> None:
    cold = world.cold(**ALL)
    assert world.run(batch_size=3, **ALL)["encoded"] == 10
    assert world.digest == cold
    assert world.run(batch_size=5, **ALL)["encoded"] == 0


@pytest.mark.parametrize("changed", [{"masked": {**MASKED, "seed": 1}}, {"masked": {**MASKED, "num_variants": 4}}])
def test_what_decides_the_bytes_decides_the_key(changed: dict[str, Any], world: World) -> None:
    world.run(masked=MASKED)
    assert world.run(**{"masked": MASKED, **changed})["encoded"] == 10


def test_other_weights_code_libraries_or_threads_are_not_taken_for_these(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    world.teach(seed=1)
    assert world.run()["encoded"] == 10
    world.teach()
    assert world.run()["encoded"] == 0
    row, threads = parse(Row, ROW, "row"), Batches(batch_size=4, num_threads=2)
    where = {"arrays": world.root / "x.zarr", "weights": world.root / "w", "out": world.root / "f.zarr"}
    assert extract(row, threads, INLINE, key="k", **where, cache=world.cache)["encoded"] == 10
    with monkeypatch.context() as patch:
        patch.setattr(encoded, "version", lambda _: "0")
        assert world.run()["encoded"] == 10
    monkeypatch.setattr(encoded, "_code", lambda *_: "changed")
    assert world.run()["encoded"] == 10


def test_the_code_of_a_key_is_that_of_encoding_and_of_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    files = encoded.Code().files(*encoded.CODE, "pipeline.modalities.skeleton.stgcn")
    assert {f"pipeline/{name}.py" for name in ("training/encoding", "training/frozen", "models/mapped")} < set(files)
    assert {f"pipeline/modalities/skeleton/{name}.py" for name in ("stgcn", "_bodies", "__init__")} < set(files)
    assert not {f"pipeline/{name}.py" for name in ("core/store", "core/array_cache", "steps/extract")} & set(files)
    before = encoded._code("skeleton", "stgcn")
    own = encoded.Code.own
    encoded._code.cache_clear()
    monkeypatch.setattr(encoded.Code, "own", lambda code, name: {**own(code, name), name: "edited"})
    assert encoded._code("skeleton", "stgcn") != before  # what shapes an entry, in this file, decides it too
    encoded._code.cache_clear()


def packs(world: World) -> list[Path]:
    return array_cache.packs(world.cache)


def test_a_damaged_array_is_encoded_anew(world: World) -> None:
    world.run(**ALL)
    cold = world.digest
    (pack,) = packs(world)
    data = bytearray(pack.read_bytes())
    place = data.index(world.array("masked")[5].tobytes()[:64])
    data[place + 8] ^= 1
    pack.write_bytes(data)
    facts = world.run(**ALL)
    assert (facts["encoded"], facts["runs"]) == (1, 4)  # three variants, and a clip that is known
    assert world.digest == cold
    assert world.run(**ALL)["runs"] == 0


def test_a_pack_that_is_no_longer_one_is_encoded_anew(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.run()
    cold = world.digest
    packs(world)[0].write_bytes(b"no pack")
    assert world.run()["encoded"] == 10
    assert world.digest == cold
    assert "what it held is made again" in capfd.readouterr().err


def test_a_killed_run_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "_BLOCK_READS", 1)
    cold, keep = world.cold(), array_cache.Pack.keep
    num_kept = 0

    def killed(self: array_cache.Pack, *entry: Any) -> None:
        nonlocal num_kept
        num_kept += 1
        if num_kept > 6:
            raise KeyboardInterrupt
        keep(self, *entry)

    with monkeypatch.context() as patch:
        patch.setattr(array_cache.Pack, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            world.run()
    assert not (world.root / "f.zarr").exists() or world.digest == cold
    assert world.run()["encoded"] == 6  # of two blocks of four clips one was finished
    assert world.digest == cold
    assert [path.suffix for path in world.cache.iterdir()] == [".sqlite"] * 3


class TestVectorsOfAnotherProcessor:
    @pytest.fixture
    def foreign(self, world: World) -> World:
        """A cache whose vectors differ from this machine's by the last bit of a number."""
        world.run(masked=MASKED)
        cache, clips = ArrayCache(world.cache), _clips(world)
        entries = {name: [cache.load(clips.key(row, name)) for row in range(10)] for name in ("pooled", "masked")}
        with cache.writing() as pack:
            for name, found in entries.items():
                for row, entry in enumerate(found):
                    assert entry is not None
                    pack.keep(clips.key(row, name), {}, np.nextafter(entry[1], np.float32(np.inf)))
        return world

    def test_they_are_not_mixed_with_new_ones_and_that_is_said(
        self, foreign: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        foreign.write(list(range(12)))
        assert foreign.run(masked=MASKED)["encoded"] == 12
        (line,) = capsys.readouterr().err.splitlines()
        assert "k: s0-0: the cache" in line
        assert "holds vectors that differ from this machine's in the last bits; they are computed again" in line
        assert foreign.digest == foreign.cold(masked=MASKED)
        assert foreign.run(masked=MASKED)["runs"] == 0

    def test_they_are_not_mixed_with_tokens_either(self, foreign: World) -> None:
        assert foreign.run(**ALL)["encoded"] == 10
        assert foreign.digest == foreign.cold(**ALL)

    def test_where_nothing_is_new_they_serve(self, foreign: World) -> None:
        assert foreign.run(masked=MASKED)["runs"] == 0


def _clips(world: World) -> encoded.EncodedClips:
    """What the cache is asked for."""
    asked: list[encoded.EncodedClips] = []
    complete = encoded.EncodedClips.complete

    def kept(self: encoded.EncodedClips, compute: Compute, what: str) -> int:
        asked.append(self)
        return complete(self, compute, what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoded.EncodedClips, "complete", kept)
        world.run(masked=MASKED)
    return asked[0]


class TestSeeding:
    def seeded(self, world: World, **changes: Any) -> dict[str, int]:
        shutil.rmtree(world.cache, ignore_errors=True)
        return self.again(world, **changes)

    def again(self, world: World, **changes: Any) -> dict[str, int]:
        row, batches = parse(Row, {**ROW, **changes}, "row"), Batches(batch_size=4, num_threads=1)
        where = {"arrays": world.root / "x.zarr", "weights": world.root / "w", "features": world.root / "f.zarr"}
        return seed(row, batches, **where, cache=world.cache)

    @pytest.mark.parametrize("wanted", [{}, ALL])
    def test_a_pulled_store_stands_for_encoding(self, wanted: dict[str, Any], world: World) -> None:
        world.run(**wanted)
        num_arrays = 30 if wanted else 10
        assert self.seeded(world, **wanted) == {"seeded": num_arrays, "known": 0}
        assert self.again(world, **wanted) == {"seeded": 0, "known": num_arrays}
        world.write(list(range(11)))
        assert world.run(**wanted)["encoded"] == 1
        assert world.digest == world.cold(**wanted)

    @pytest.mark.parametrize("changes", [{"recipe": "other"}, {"masked": MASKED}, {"encoder": "shift_gcn"}])
    def test_a_store_of_another_row_is_refused(self, changes: dict[str, Any], world: World) -> None:
        world.run()
        world.teach(**{key: value for key, value in changes.items() if key in WHOSE})
        with pytest.raises(DataError, match="not what the row makes of these clips and weights; run"):
            self.seeded(world, **changes)
        assert not world.cache.exists()

    def test_a_store_of_other_weights_or_clips_is_refused(self, world: World) -> None:
        world.run()
        world.write(list(range(9)))
        with pytest.raises(DataError, match="not what the row makes of these clips"):
            self.seeded(world)
        world.write(list(range(10)))
        world.teach(seed=1)
        with pytest.raises(DataError, match="not what the row makes of these clips"):
            self.seeded(world)
        assert not world.cache.exists()

    def test_vectors_that_this_machine_does_not_give_are_refused(self, world: World) -> None:
        world.run()
        world.x += np.float32(1e-3)
        world.write(list(range(10)))
        with pytest.raises(DataError, match="group 's0-0': this machine encodes its clips with other last bits"):
            self.seeded(world)
        assert not world.cache.exists()


def test_weights_that_change_while_clips_are_encoded_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    remember = encoded.remember

    def changed(source: encoded.Source, encoder: frozen.FrozenEncoder) -> None:
        world.teach(seed=1)
        remember(source, encoder)

    monkeypatch.setattr(encoded, "remember", changed)
    with pytest.raises(DataError, match=r"s0-0\.safetensors: changed while it was read; run the stage again"):
        world.run()


def test_a_worker_refuses_weights_that_have_changed_since(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = encoded.compute_engines.run

    def late(*args: Any) -> Any:
        world.teach(seed=1)
        return run(*args)

    monkeypatch.setattr(encoded.compute_engines, "run", late)
    with pytest.raises(DataError, match="w: changed while clips were encoded; run the stage again"):
        world.run(compute=Compute(engine="processes", num_workers=1))


def test_an_encoder_that_saw_an_unseen_class_is_refused_though_its_vectors_are_known(world: World) -> None:
    world.run()
    world.teach(training_classes=[0, 3])
    with pytest.raises(LeakError, match=r"trained on classes \[3\]"):
        world.run()


@pytest.mark.parametrize("engine", ["inline", "processes"])
def test_a_part_that_the_encoder_lacks_is_said_by_any_engine(engine: str, world: World) -> None:
    compute = Compute.model_validate({"engine": engine, "num_workers": 1})
    with pytest.raises(ParamsError, match="masked: stgcn knows no 'pixels' to hide"):
        world.run(compute=compute, masked={**MASKED, "part": "pixels"})
    assert not world.cache.exists()
