"""Which clips the stores of bind hold, and when their vectors are computed."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core import bound as places
from pipeline.core import store
from pipeline.core.closure import Code
from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.steps import bind as step
from pipeline.training import bound, bound_encoders, encoding
from tests.steps import binding
from tests.steps.binding import IDS, LABELS, ONE, ROW, changed, run


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(step.Code, "digest", lambda *modules: "code")
    return binding.made(tmp_path)


def test_stores_hold_the_clips_of_the_split_table_of_every_role_and_no_others_are_read(world: Path) -> None:
    whole = store.Store(places.vectors(run(world, ONE, out="whole"), "hub"), "bind")
    listed = [clip_id for clip_id in IDS if "p1-v1" not in clip_id]
    binding.write_split(world, {clip_id: LABELS[clip_id] for clip_id in listed})
    unlisted = [clip_id for clip_id in IDS if clip_id not in listed]
    for number, name in enumerate(binding.SENSES):
        binding.write_arrays(world, name, IDS, number, empty=unlisted)
    folder = run(world, {**ROW, "fused": {"both": ["hub", "skeleton", "depth"]}})
    for name, group in (("hub", "all-0"), ("skeleton", "s0-0"), ("depth", "s0-0"), ("fused-both", "s0-0")):
        assert store.Store(folder / f"{name}.zarr", "bind").ids(group) == listed
    found = store.Store(places.vectors(folder, "hub"), "bind")
    np.testing.assert_allclose(found.read("all-0", "pooled"), whole.rows("all-0", "pooled", listed), atol=1e-6)


def test_a_split_table_that_names_other_clips_makes_the_vectors_anew(world: Path) -> None:
    run(world, ONE)
    listed = [clip_id for clip_id in IDS if "c7-" not in clip_id]
    binding.write_split(world, {clip_id: LABELS[clip_id] for clip_id in listed})
    folder = run(world, ONE)
    for name, group in (("hub", "all-0"), ("skeleton", "s0-0")):
        found = store.Store(places.vectors(folder, name), "bind")
        assert found.ids(group) == listed
        assert found.read(group, "pooled").shape == (28, 4)


@pytest.mark.parametrize(("of", "namesake", "own"), [("fit_and_val", 5, [0, 1, 2, 3, 4]), ("all", 6, [*range(5), 7])])
def test_classes_of_a_further_dataset_count_by_their_names(of: str, namesake: int, own: list[int], world: Path) -> None:
    """Where they may be paired: a choice by val classes is known to be flattered, and unseen ones are told."""
    binding.made(world, "other")
    binding.write_clips(world, LABELS, "other", [f"class {namesake}", *(f"other {label}" for label in range(1, 8))])
    there = [clip_id for clip_id in IDS if LABELS[clip_id] not in (5, 6)]
    for number, name in enumerate(binding.SENSES):
        binding.write_arrays(world, name, there, number)
    row = changed(ONE, pairs__of=of, pairs__further=[{"dataset": "other", "split_table": None}])
    attrs = store.Store(places.vectors(run(world, row), "skeleton"), "bind").group_attrs("s0-0")
    assert attrs["paired_classes"] == sorted({*own, namesake})


def test_a_rank_that_does_not_lead_reads_the_hubs_vectors_where_they_are(world: Path, monkeypatch) -> None:
    """Of a run that was killed in its training."""
    monkeypatch.setattr(bound_encoders.binding, "train", lambda *told: 1 / 0)
    encoded, original = [], encoding.encode
    monkeypatch.setattr(encoding, "encode", lambda *told: encoded.append(len(told[1])) or original(*told))
    with pytest.raises(ZeroDivisionError):
        run(world, ONE)
    monkeypatch.setattr("pipeline.training.ranks.leads", lambda: False)
    with pytest.raises(ZeroDivisionError):
        run(world, ONE)
    assert encoded == [32]


def test_the_code_of_bound_encoders_decides_their_vectors(world: Path, monkeypatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(step.Code, "digest", lambda self, *modules: asked.append(modules) or "code")
    run(world, ONE)
    (of_vectors,) = {modules for modules in asked if len(modules) == 3 and "pipeline.training.hub" in modules}
    assert {"pipeline/models/bound.py", "pipeline/modalities/skeleton/stgcn.py"} <= set(Code().files(*of_vectors))


@pytest.mark.parametrize(
    ("changes", "clips"),
    [
        ({}, None),
        ({"senses__skeleton__start": "features/pretrain/supervised"}, "clips of fit"),
        ({"pairs__same_class": "skip", "pairs__of": "fit_and_val"}, clips_digest(c for c in IDS if LABELS[c] < 6)),
        ({"senses__skeleton__start": "features/pretrain/supervised", "pairs__same_class": "skip"}, UNKNOWN_CLIPS),
    ],
)
def test_weights_and_vectors_name_the_clips_whose_labels_were_read(changes: dict, clips: str, world: Path) -> None:
    binding.write_pretrained(world)
    folder = run(world, {**changed(ONE, **changes), "fused": {"both": ["hub", "skeleton"]}})
    assert bound.load(places.weights(folder, "skeleton", "s0", 0))[1].training_clips == clips
    for name in ("skeleton", "fused-both"):
        found = store.Store(folder / f"{name}.zarr", "bind")
        assert found.group_attrs("s0-0")["training_clips"] == clips
