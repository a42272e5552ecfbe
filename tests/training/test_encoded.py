"""The cache of encoded clips: cold and warm runs, any engine and a run after a kill write the same bytes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import array_cache
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.models import checkpoint
from pipeline.steps.extract import Row, extract, seed
from pipeline.training import encoded, frozen
from pipeline.training.encoding import Batches
from tests import toy
from tests.training.encoded_world import ALL, INLINE, MASKED, ROW, WHOSE, World, made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


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
    monkeypatch.setattr(encoded, "BLOCK_READS", 1)
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
    run = compute_engines.run

    def late(*args: Any) -> Any:
        world.teach(seed=1)
        return run(*args)

    monkeypatch.setattr(compute_engines, "run", late)
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
