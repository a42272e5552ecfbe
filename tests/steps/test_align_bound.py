"""The align step on stores as bind leaves them: a sense beside the hub's texts, and senses end to end."""

# Shapes: N clips, D size of a vector.
import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import bound, pages, scores, store
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.params import parse
from pipeline.models.methods.shared import Array, MethodParams, unit
from pipeline.models.tasks import Inputs
from pipeline.steps import align
from pipeline.training import method_rows, selection
from tests import toy

PARTS = {"fit": [0, 1, 2, 3, 4, 5], "val": [6, 7, 8], "unseen": [9, 10, 11]}
ALL = [class_id for part in PARTS.values() for class_id in part]
NOISE = {"hub": 0.05, "skeleton": 0.15, "depth": 4.0}  # depth tells next to nothing
ROW: dict[str, Any] = {
    "dataset": "toy",
    "split_table": "films",
    "features": "bind/toy/skeleton.zarr",
    "embeddings": "toy-clip",
    "method": "cosine",
    "variant": "action_fa",
    "splits": ["s0"],
    "seeds": [0],
    "refit": "none",
    "max_missing": 0.0,
    "spaces": ["unseen", "all", "gzsl"],
    "selection": "val",
    "num_folds": None,
    "explained": False,
}
COSINE = {"text_type": "label", "fusion": None}
WEIGHTS = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]
FUSED = {"text_type": "label", "fusion": {"senses": ["hub", "skeleton", "depth"], "weights": WEIGHTS}}


@dataclass
class World:
    """What bind, embed and split leave."""

    root: Path
    ids: list[str]
    vectors: dict[str, Array]  # by sense, a row a clip
    texts: Array

    def write(self, sense: str, hash_: str = "clip", without: tuple[str, ...] = (), **changes: Any) -> Inputs:
        """The store of a sense, or of all that are named with `+`, and the rest."""
        senses = sense.split("+")
        path = bound.vectors(self.root / "bind/toy", sense)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [place for place, clip_id in enumerate(self.ids) if clip_id not in without]
        attrs = {"dataset": "toy", "split_table": "films", "modality": sense, "encoder": "stgcn", "recipe": "r"}
        group = {"split": "s0", "seed": 0, "training_classes": [], "paired_classes": PARTS["fit"], "pairs": "fit"}
        with store.create(path, {**attrs, "senses": senses}) as writer:
            about = {**group, "weights_hash": "clip", "pretrained": None, **changes}
            vectors = np.concatenate([self.vectors[one] for one in senses], axis=1)[kept]
            writer.group("s0-0", [self.ids[place] for place in kept], about).put("pooled", vectors)
        toy.write_texts(self.root / "t.zarr", {"label": self.texts}, weights_hash=hash_)
        return Inputs(path, self.root / "t.zarr", self.root / "s.parquet")

    def align(self, inputs: Inputs, settings: dict[str, Any] = COSINE, **changed: Any) -> dict[str, scores.Scores]:
        """The scores by label space."""
        asked = {**ROW, **changed}
        row = parse(align.Row, {**asked, "refit_features": f"{asked['features']}/zarr.json"}, "align.rows.toy")
        params: MethodParams = parse(selection.method(row.method).Params, settings, "test")
        out = self.root / "out"
        align.align("toy", row, params, method_rows.Compute(num_threads=1), inputs, out=out, cache=self.root / ".cache")
        return {found.provenance.label_space: found for found in scores.read(out, "align")}

    def of(self, sense: str, clip_ids: list[str]) -> Array:
        """Rows by id."""
        return self.vectors[sense][[self.ids.index(clip_id) for clip_id in clip_ids]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    random = np.random.default_rng(3)
    texts = unit(random.normal(size=(12, 6)).astype(np.float32))
    ids = sorted(f"toy/{c:02d}-{n}" for c in ALL for n in range(4))
    class_ids = [int(clip_id[4:6]) for clip_id in ids]
    vectors = {
        sense: unit((texts[class_ids] + noise * random.normal(size=(48, 6))).astype(np.float32))
        for sense, noise in NOISE.items()
    }
    clips = dict(zip(ids, class_ids, strict=True))
    tested = [clip_id for clip_id, c in clips.items() if clip_id.endswith("3") and c not in PARTS["unseen"]]
    held_out = [clip_id for clip_id in ids if clip_id.endswith("2")]
    rows = toy.split_rows(clips, {"s0": PARTS}, roles=dict.fromkeys(tested, "seen_test"), held_out=held_out)
    toy.write_split(tmp_path / "s.parquet", rows, {"s0": PARTS}, split_table="films")
    return World(tmp_path, ids, vectors, texts)


def top1(found: scores.Scores) -> float:
    about = found.provenance
    guesses = np.array(about.class_ids)[found.values[:, about.selected].argmax(axis=1)]
    return float(np.mean(guesses == [int(clip_id[4:6]) for clip_id in found.clip_ids]))


def test_a_bound_sense_is_recognised_by_the_texts_of_its_hub(world: World) -> None:
    found = world.align(world.write("skeleton"))
    assert {space: one.values.shape for space, one in found.items()} == {
        "unseen": (12, 1, 3),
        "all": (12, 1, 12),
        "gzsl": (21, 1, 12),
    }
    for one in found.values():
        texts = world.texts[one.provenance.class_ids].astype(np.float64)
        expected = world.of("skeleton", one.clip_ids).astype(np.float64) @ texts.T
        np.testing.assert_allclose(one.values[:, 0], expected, atol=1e-6)
    assert top1(found["unseen"]) > 0.8
    about = found["gzsl"].provenance
    assert (about.inference, about.pairs, about.paired_classes, about.pretrained) == (
        "inductive",
        "fit",
        [*range(6)],
        None,
    )


def test_features_bound_to_another_hub_than_the_texts_are_refused(world: World) -> None:
    with pytest.raises(DataError, match=r"bind/toy/skeleton\.zarr and toy-clip are of different weights \(s0-0\)"):
        world.align(world.write("skeleton", hash_="another clip"))


def test_pairs_of_all_clips_are_told_in_scores_and_on_the_page(world: World) -> None:
    found = world.align(world.write("skeleton", pairs="all", paired_classes=ALL, pretrained="ViT-B-32 laion"))
    about = found["unseen"].provenance
    assert (about.inference, about.selection, about.paired_classes) == ("transductive", "validation_seen", ALL)
    assert about.pretrained == "ViT-B-32 laion"
    (text,) = pages.read(world.root / "out" / pages.FILE).text
    assert "It is transductive: the encoder was bound with clips of unseen classes, without their labels." in text
    assert "began as ViT-B-32 laion" in text


def test_an_unseen_class_among_pairs_of_fit_is_refused(world: World) -> None:
    with pytest.raises(LeakError, match=r"bound with clips of classes \[9\], which split 's0' calls unseen"):
        world.align(world.write("skeleton", paired_classes=[0, 9]))


def test_clips_that_a_sense_lacks_are_left_out_up_to_the_share_that_the_row_allows(world: World) -> None:
    lacked = ("toy/00-0", "toy/09-1", "toy/10-3")
    inputs = world.write("skeleton", without=lacked)
    with pytest.raises(DataError, match="3 of 48 items rejected"):
        world.align(inputs)
    found = world.align(inputs, max_missing=0.1)
    assert len(found["unseen"].clip_ids) == 10
    assert pages.read(world.root / "out" / pages.FILE).tables[0].rows[0][-1] == 3


def test_the_weights_of_fused_senses_are_chosen_on_val(world: World) -> None:
    found = world.align(world.write("hub+skeleton+depth"), FUSED)
    about = found["unseen"].provenance
    settings = [" + ".join(f"{w} {s}" for w, s in zip(one, NOISE, strict=True)) for one in WEIGHTS]
    assert about.settings == settings
    with (world.root / "out/history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [line["setting"] for line in history] == settings
    val = [float(line["val_top1"]) for line in history]
    assert (about.selected, about.selection) == (val.index(max(val)), "validation")
    assert val[0] < max(val)
    ids = found["unseen"].clip_ids
    sums = world.of("hub", ids).astype(np.float64) + world.of("skeleton", ids)
    expected = sums / np.linalg.norm(sums, axis=1, keepdims=True) @ world.texts[PARTS["unseen"]].T
    np.testing.assert_allclose(found["unseen"].values[:, 2], expected, atol=1e-6)


def test_the_page_of_fused_senses_lists_what_was_tried(world: World) -> None:
    world.align(world.write("hub+skeleton+depth"), FUSED)
    page = pages.read(world.root / "out" / pages.FILE)
    assert page.lines == []
    trainings, parted, tried = page.tables
    assert (trainings.header[2], tried.title) == ("chosen weights", "Tried on the val classes")
    assert [row[2] for row in tried.rows][1:] == [
        "0.0 hub + 1.0 skeleton + 0.0 depth",
        "0.5 hub + 0.5 skeleton + 0.0 depth",
    ]
    assert [row[2] for row in parted.rows] == [trainings.rows[0][2]]
    assert "trains nothing" in page.text[0]
    assert "Its weights are the best on the val classes" in page.text[0]


@pytest.mark.parametrize("sense", ["skeleton", "skeleton+hub+depth", "hub+skeleton"])
def test_a_store_of_other_senses_is_not_fused(world: World, sense: str) -> None:
    with pytest.raises(
        DataError, match=re.escape("cosine: fusion joins ['hub', 'skeleton', 'depth'], but the features")
    ):
        world.align(world.write(sense), FUSED)


SUPERVISED = {
    "text_type": "label",
    "centre": "none",
    "lambdas": [0.01, 1.0],
    "learns_from": "hub",
    "scores": "skeleton",
}


def test_a_hub_without_a_text_tower_is_tied_to_texts_by_seen_classes(world: World) -> None:
    inputs = world.write("hub+skeleton", hash_="no clip at all")
    found = world.align(inputs, SUPERVISED, method="bind_supervised", variant="label", refit="seen")
    assert top1(found["unseen"]) > 0.6
    assert found["unseen"].provenance.training_classes == [*PARTS["fit"], *PARTS["val"]]
    (text,) = pages.read(world.root / "out" / pages.FILE).text
    assert "This is no row of Action-SGFA: what ties hub to text was learned from the labels of seen classes" in text


def test_a_store_that_is_not_there_names_the_stage_that_writes_it(world: World) -> None:
    inputs = world.write("skeleton")
    with pytest.raises(FormatError, match=r"depth\.zarr: no readable store there; run `dvc repro bind`"):
        world.align(replace(inputs, features=inputs.features.with_name("depth.zarr")))
