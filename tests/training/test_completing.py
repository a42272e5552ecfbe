"""One run of the engine completes all encoders of a row, and what other processors computed is noticed."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.compute.shared import Compute
from pipeline.core.array_cache import ArrayCache, Pack
from pipeline.models import checkpoint
from pipeline.steps import extract
from pipeline.training import completing, encoded, encoding, frozen
from tests.training.encoded_world import ALL, MASKED, World, made

SPLITS = ("s0", "s1", "s2")
TWO = Compute(engine="processes", num_workers=2)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


@pytest.fixture
def several(world: World) -> World:
    """Weights of three splits."""
    for number, split in enumerate(SPLITS):
        world.teach(seed=number, split=split)
    return world


def _asked(world: World, **changes: Any) -> dict[str, encoded.EncodedClips]:
    """What the cache is asked for, by encoder."""
    asked: dict[str, encoded.EncodedClips] = {}
    complete = completing.complete

    def kept(several: dict[str, encoded.EncodedClips], *args: Any) -> int:
        asked.update(several)
        return complete(several, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completing, "complete", kept)
        world.run(**changes)
    return asked


def make_foreign(world: World, group: str, names: Iterable[str] = ("pooled",), rows: Iterable[int] = range(10)) -> None:
    """Let vectors of the cache differ from this machine's by the last bit of a number."""
    changes = {"masked": MASKED} if "masked" in names else {}
    cache, clips = ArrayCache(world.cache), _asked(world, **changes)[group]
    with cache.writing() as pack:
        for key in [clips.key(row, name) for name in names for row in rows]:
            entry = cache.load(key)
            assert entry is not None
            pack.keep(key, {}, np.nextafter(entry[1], np.float32(np.inf)))


class TestOneRunForAllEncodersOfARow:
    def test_an_engine_starts_once_and_where_nothing_is_missing_never(self, several: World) -> None:
        assert several.run(compute=TWO, **ALL)["encoded"] == 30
        assert several.num_starts == 1
        cold = several.digest
        facts = several.run(compute=TWO, **ALL)
        assert (facts["encoders"], facts["encoded"], several.num_starts) == (3, 0, 0)
        assert several.digest == cold == several.cold(**ALL)

    def test_each_has_the_vectors_that_it_has_alone(self, several: World) -> None:
        several.run()
        together = [several.array(group=f"{split}-0") for split in SPLITS]
        assert len({vectors.tobytes() for vectors in together}) == 3
        for split, vectors in zip(SPLITS, together, strict=True):
            for other in set(SPLITS) - {split}:
                (several.root / f"w/{other}-0.safetensors").unlink()
            several.cold()
            assert several.array(group=f"{split}-0").tobytes() == vectors.tobytes()
            for number, name in enumerate(SPLITS):
                several.teach(seed=number, split=name)

    def test_it_starts_once_more_for_all_whose_vectors_disagree(
        self, several: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        several.run()
        for split in ("s0", "s2"):
            make_foreign(several, f"{split}-0")
        several.write(list(range(12)))
        capsys.readouterr()
        assert several.run()["encoded"] == 12 + 2 + 12
        assert several.num_starts == 2
        assert [line.split(": the cache")[0] for line in capsys.readouterr().err.splitlines()] == ["k: s0-0", "k: s2-0"]
        assert several.digest == several.cold()

    def test_an_encoder_is_loaded_once_for_all_its_blocks(
        self, several: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encoded, "BLOCK_READS", 1)
        load, num_loads = checkpoint.load, 0

        def counted(file: Path) -> Any:
            nonlocal num_loads
            num_loads += 1
            return load(file)

        monkeypatch.setattr(checkpoint, "load", counted)
        assert several.run(batch_size=2)["encoded"] == 30  # 5 blocks for each
        assert num_loads == 3

    def test_of_all_encoders_the_first_alone_is_in_memory_when_the_run_begins(
        self, several: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, complete = extract._source, completing.complete
        seen: list[weakref.ref[frozen.FrozenEncoder]] = []
        alive: list[str] = []

        def met(work: Any, encoder: frozen.FrozenEncoder) -> encoded.Source:
            seen.append(weakref.ref(encoder))
            return source(work, encoder)

        def begun(*args: Any) -> int:
            alive.extend(encoder.group for ref in seen if (encoder := ref()) is not None)
            return complete(*args)

        monkeypatch.setattr(extract, "_source", met)
        monkeypatch.setattr(completing, "complete", begun)
        several.run()
        assert len(seen) == 3
        assert alive == ["s0-0"]

    def test_blocks_are_made_when_they_are_asked_for(self, several: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else the keys of all clips and all encoders would lie in memory at once."""
        monkeypatch.setattr(encoded, "BLOCK_READS", 1)
        block, encode, events = encoded.EncodedClips.block, encoded.encode, list[str]()

        def told(event: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def telling(*args: Any) -> Any:
                events.append(event)
                return call(*args)

            return telling

        monkeypatch.setattr(encoded.EncodedClips, "block", told("made", block))
        monkeypatch.setattr(encoded, "encode", told("done", encode))
        several.run(batch_size=2)
        assert events == ["made", "done"] * 15

    def test_a_killed_run_goes_on_at_the_encoder_where_it_stopped(
        self, several: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encoded, "BLOCK_READS", 1)
        cold, keep = several.cold(), Pack.keep
        num_kept = 0

        def killed(self: Pack, *entry: Any) -> None:
            nonlocal num_kept
            num_kept += 1
            if num_kept > 16:  # in the second block of the second encoder
                raise KeyboardInterrupt
            keep(self, *entry)

        with monkeypatch.context() as patch:
            patch.setattr(Pack, "keep", killed)
            with pytest.raises(KeyboardInterrupt):
                several.run()
        assert several.run()["encoded"] == 30 - 14
        assert several.digest == cold

    def test_what_single_clips_lack_is_computed_and_no_more(self, several: World) -> None:
        several.run()
        several.write([0, 1, 2])
        several.run(tokens=True)
        several.write(list(range(12)))
        assert several.run(tokens=True)["encoded"] == 3 * 9
        assert several.num_starts == 1
        assert several.digest == several.cold(tokens=True)


class TestVectorsOfAnotherProcessor:
    @pytest.fixture
    def foreign(self, world: World) -> World:
        """A cache whose vectors differ from this machine's by the last bit of a number."""
        world.run(masked=MASKED)
        make_foreign(world, "s0-0", ("pooled", "masked"))
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


class TestEveryBlockHasAKnownClip:
    """Blocks of two clips each; a cache of six."""

    @pytest.fixture(autouse=True)
    def _small(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encoded, "BLOCK_READS", 1)
        world.write(list(range(6)))
        world.run()

    def test_of_several_encoded_along_none_is_kept_or_counted(self, world: World) -> None:
        world.write(list(range(12)))
        facts = world.run(batch_size=2)
        assert (facts["encoded"], facts["runs"]) == (6, 6 + 3)  # new ones, and one for each of three blocks
        assert world.digest == world.cold()

    def test_a_cache_of_which_a_part_is_foreign_is_noticed_by_a_later_block(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        make_foreign(world, "s0-0", rows=[1])
        world.write(list(range(12)))
        capsys.readouterr()
        assert world.run(batch_size=2)["encoded"] == 12
        (line,) = capsys.readouterr().err.splitlines()
        assert "they are computed again" in line
        assert world.digest == world.cold()

    @pytest.mark.parametrize("is_other", [{2}, {1, 2}])
    def test_a_worker_of_another_processor_is_noticed_and_said(
        self, is_other: set[int], world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        encode, outputs, number = encoded.encode, encoding.outputs, 0

        def shifted(*args: Any) -> Iterator[tuple[Any, list[torch.Tensor]]]:
            for name, found in outputs(*args):
                yield name, [torch.nextafter(tensor, torch.tensor(torch.inf)) for tensor in found]

        def somewhere(block: encoded.Block) -> bool:
            """Every third block, or two of three, on a machine of another kind."""
            nonlocal number
            number += 1
            with pytest.MonkeyPatch.context() as patch:
                if number % 3 in is_other:
                    patch.setattr(encoding, "outputs", shifted)
                return encode(block)

        monkeypatch.setattr(encoded, "encode", somewhere)
        world.write(list(range(12)))
        assert world.run(batch_size=2)["encoded"] == 12
        first, second = capsys.readouterr().err.splitlines()
        assert "they are computed again" in first
        assert second.startswith("k: s0-0: the workers differ from each other in the last bits")
        assert f"choose workers of one kind, remove {world.cache} and run the stage again" in second
