"""Encoders that texts teach within a batch, and that keep their map to them."""

import pytest

from pipeline.compute.shared import Compute
from pipeline.core import pages, tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import SPLIT
from pipeline.models import checkpoint, tasks
from pipeline.models.methods import pgfa
from pipeline.steps import extract
from pipeline.training.encoding import Batches
from tests.counting import count_reads, twice
from tests.steps.test_pretrain import ROW, TEXT, TOLD, differ, run, weights_of, world, write_texts

__all__ = ["world"]  # a fixture

IN_BATCH = {**TOLD, "text": {**TEXT, "loss": "batch"}, "label_smoothing": 0.0}
KEPT = {**IN_BATCH, "text": {**TEXT, "loss": "batch", "keep_map": True}}


def test_the_loss_within_a_batch_teaches_otherwise_and_the_page_says_so(world):
    write_texts(world)
    classes = run(world, out="classes", splits=["s0"], **TOLD, label_smoothing=0.0)[1]
    batch = run(world, out="batch", splits=["s0"], **IN_BATCH)[1]
    assert differ(weights_of(classes), weights_of(batch))
    page = pages.read(batch / "page.json")
    assert "told apart among those of each batch" in page.text[0]
    assert [chart.y_label for chart in page.lines] == ["divergence within a batch", "accuracy"]
    assert [chart.y_label for chart in pages.read(classes / "page.json").lines] == ["cross entropy", "accuracy"]


def test_labels_are_not_smoothed_where_none_are_read(world):
    with pytest.raises(ParamsError, match=r"label_smoothing: the loss within a batch has no labels .* set it to 0\.0"):
        run(world, **{**IN_BATCH, "label_smoothing": 0.1})
    write_texts(world)
    text = {**IN_BATCH["text"], "label_weight": 0.5}
    run(world, splits=["s0"], **{**IN_BATCH, "label_smoothing": 0.1, "text": text})


def test_a_kept_map_is_the_last_layer_of_the_same_encoder_and_names_its_texts(world):
    write_texts(world)
    plain = run(world, out="plain", splits=["s0"], **IN_BATCH)[1]
    kept = run(world, out="kept", splits=["s0"], **KEPT)[1]
    mapped = weights_of(kept)
    assert not differ(weights_of(plain), {name.removeprefix("encoder."): value for name, value in mapped.items()})
    assert mapped["map.weight"].shape[0] == 6
    about = checkpoint.load(kept / "s0-0.safetensors")[1]
    assert about["text_space"] == {"dim": 6, "weights_hash": "texts", "text_type": "label", "centre": "none"}
    assert "text_space" not in checkpoint.load(plain / "s0-0.safetensors")[1]
    assert "with the map to these texts as its last layer" in pages.read(kept / "page.json").text[0]
    write_texts(world, hash_="others")  # of the same numbers
    again = run(world, out="again", splits=["s0"], **KEPT)[1]
    assert checkpoint.load(again / "s0-0.safetensors")[1]["text_space"]["weights_hash"] == "others"


def test_from_weights_to_cosines_the_clips_lie_among_the_texts_that_taught(world):
    write_texts(world)
    run(world, splits=["s0"], **KEPT)
    whose = {key: ROW[key] for key in ("dataset", "split_table", "modality", "recipe", "encoder")}
    row = extract.Row(**whose, weights="w", options={}, tokens=False, masked=None, regions=False)
    batches, inline = Batches(batch_size=4, num_threads=1), Compute(engine="inline", num_workers=1)
    where = {"arrays": world / "x.zarr", "weights": world / "w", "out": world / "f.zarr", "cache": world / "cache"}
    extract.extract(row, batches, inline, key="k", **where)
    table = world / "split.parquet"
    meta = {**tables.read_meta(table, SPLIT), "dataset": "toy", "split_table": "random"}
    tables.write(table, SPLIT, tables.read_table(table, SPLIT).to_pylist(), meta)
    inputs = tasks.Inputs(world / "f.zarr", world / "texts.zarr", table)
    asked = tasks.TaskRequest("toy", "random", ["s0"], [0], 0.0)
    (task,) = tasks.build_tasks(inputs, asked)
    assert (task.one_space, task.fit.features_ND.shape[1]) == (True, 6)
    params = pgfa.Params(text_type="label", centre="none", prototypes=None)
    (found,) = pgfa.candidates(task.fit, task.texts, params, 0)
    assert found.score(task.test_features_ND, task.texts.of(task.unseen)).shape == (4, 2)
    write_texts(world, hash_="others")
    assert not tasks.build_tasks(inputs, asked)[0].one_space


def test_arrays_splits_and_texts_are_read_once_for_all_encoders(world, monkeypatch):
    write_texts(world)
    reads = count_reads(monkeypatch)
    run(world, training={**ROW["training"], "num_epochs": 1}, **TOLD)
    assert twice(reads) == {}
    assert {str(world / name) for name in ("x.zarr", "split.parquet", "texts.zarr")} <= set(reads)
