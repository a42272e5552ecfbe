"""By which classes a setting is chosen, and what is trained again once it is."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.models import checkpoint, tasks
from pipeline.models.methods import ridge
from pipeline.models.tasks import TaskRequest
from pipeline.steps import align
from pipeline.training import selection
from pipeline.transfer.folds import class_folds
from tests.steps.aligning import FIT, RIDGE, ROW, UNSEEN, VAL, aligned, by_space, history, top1, written

ASKED = TaskRequest("toy", "random", ["s0"], [0], 0.0)
FOLDS = {"selection": "folds", "num_folds": 3}
BOTH = {"refit": "both", "refit_features": "extract/again.zarr"}
TURN_DD = np.linalg.qr(np.random.default_rng(4).normal(size=(8, 8)))[0].astype(np.float32)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return written(tmp_path_factory.mktemp("align"))


def regrouped(inputs, path, turn_DD=TURN_DD, about=None, **attrs):
    """A store of features of the same clips, by another encoder."""
    found = store.Store(inputs.features, "extract")
    with store.create(path, {**found.attrs, **(about or {})}) as writer:
        group = writer.group("s0-0", found.ids("s0-0"), {**found.group_attrs("s0-0"), **attrs})
        group.put("pooled", found.read("s0-0", "pooled") @ turn_DD)
    return path


@pytest.fixture
def twice(inputs, tmp_path):
    """With features of an encoder that was trained on all seen classes; its space is another."""
    attrs = {"training_classes": [*FIT, *VAL], "training_clips": "both"}
    return replace(inputs, refit_features=regrouped(inputs, tmp_path / "again.zarr", **attrs))


def test_both_chooses_with_the_first_encoder_and_scores_with_the_second(inputs, twice, tmp_path):
    folder = aligned(twice, tmp_path, **BOTH)
    both, seen = by_space(folder)["unseen"], by_space(aligned(inputs, tmp_path, "seen"))["unseen"]
    assert history(folder) == history(tmp_path / "seen")
    about = both.provenance
    assert (about.refit, about.selection, about.training_clips) == ("both", "validation", "both")
    assert about.training_classes == [*FIT, *VAL]
    (task,) = tasks.build_tasks(twice, ASKED)
    assert np.abs(task.refitted.test_features_ND - task.test_features_ND @ TURN_DD).max() < 1e-5
    candidates = ridge.candidates(task.refitted.training("both"), task.texts.of([*FIT, *VAL]), RIDGE, 0)
    expected = [candidate.score(task.refitted.test_features_ND, task.texts.of(UNSEEN)) for candidate in candidates]
    np.testing.assert_allclose(both.values, np.stack(expected, axis=1), atol=1e-6)
    assert np.abs(both.values - seen.values).max() > 1e-4
    assert top1(both) == 1
    assert checkpoint.load(folder / "weights" / "s0-0.safetensors")[1]["training_classes"] == [*FIT, *VAL]
    assert "a second training on fit and val clips, of an encoder of both" in (folder / "page.json").read_text()


@pytest.mark.parametrize(
    ("error", "message", "about", "attrs"),
    [
        (DataError, r"not trained on the seen classes \[12, 13, 14\] of split 's0'.*`classes: seen`", {}, {}),
        (LeakError, r"trained on classes \[15\], which split 's0' calls unseen", {}, {"training_classes": [*FIT, 15]}),
        (DataError, "encoder 'other', but 'stgcn' in", {"encoder": "other"}, {}),
    ],
)
def test_an_encoder_that_is_not_of_all_seen_classes_is_one_clear_line(inputs, tmp_path, error, message, about, attrs):
    again = regrouped(inputs, tmp_path / "again.zarr", about=about, **attrs)
    with pytest.raises(error, match=message):
        aligned(replace(inputs, refit_features=again), tmp_path, **BOTH)


def test_folds_choose_by_all_seen_classes_in_turn(inputs, tmp_path):
    (task,) = tasks.build_tasks(inputs, ASKED)
    seed = selection.seed_of(task)
    clips, hits, losses = task.training("seen"), [[], [], []], [[], [], []]
    for fold in class_folds([*FIT, *VAL], 3, seed):
        is_out_N = np.isin(clips.class_ids, fold)
        out, texts = clips.of(is_out_N), task.texts.of(fold)
        rest = sorted({*FIT, *VAL} - set(fold))
        for place, candidate in enumerate(ridge.candidates(clips.of(~is_out_N), task.texts.of(rest), RIDGE, seed)):
            guesses = np.array(fold)[candidate.score(out.features_ND, texts).argmax(axis=1)]
            hits[place] += (guesses == np.array(out.class_ids)).tolist()
            losses[place].append(candidate.loss)
    folder = aligned(inputs, tmp_path, **FOLDS)
    assert [len(each) for each in hits] == [48] * 3  # every clip of a seen class that is not held out, once
    assert [float(one["val_top1"]) for one in history(folder)] == pytest.approx(np.mean(hits, axis=1), abs=1e-6)
    assert [float(one["loss"]) for one in history(folder)] == pytest.approx(np.mean(losses, axis=1), abs=1e-6)
    about = by_space(folder)["unseen"].provenance
    assert about.selected == int(np.argmax(np.mean(hits, axis=1)))
    plain = by_space(aligned(inputs, tmp_path, "plain"))["unseen"]
    assert by_space(folder)["unseen"].values.tobytes() == plain.values.tobytes()  # the last training is the same
    page = (folder / "page.json").read_text()
    assert "trained on the other folds; its lambda is the best on folds of the seen classes" in page
    assert "val classes" not in page


@pytest.mark.parametrize(
    ("taught", "by", "word"),
    [
        (FIT, "folds", "folds_seen"),
        ([3], "folds", "folds_seen"),
        ([], "folds", "folds"),
        (FIT, "val", "validation"),
        ([], "val", "validation"),
    ],
)
def test_an_encoder_that_knew_the_classes_of_a_fold_is_told(inputs, tmp_path, taught, by, word):
    """Folds take classes that the encoder was trained on for unseen ones; one without training knows none."""
    plain = regrouped(inputs, tmp_path / "f.zarr", np.eye(8, dtype=np.float32), training_classes=taught)
    num_folds = 3 if by == "folds" else None
    folder = aligned(replace(inputs, features=plain), tmp_path, selection=by, num_folds=num_folds)
    assert by_space(folder)["unseen"].provenance.selection == word


def test_more_folds_than_classes_are_one_clear_line(inputs, tmp_path):
    with pytest.raises(DataError, match="16 folds of 15 seen classes: expected 2 to 15 folds"):
        aligned(inputs, tmp_path, selection="folds", num_folds=16)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"selection": "folds"}, "num_folds: expected a number with `selection: folds`"),
        ({"num_folds": 3}, "num_folds: expected a number with `selection: folds`, and null"),
        ({"selection": "folds", "num_folds": 1}, "num_folds"),
        ({"refit": "both"}, "refit_features: expected features of an encoder trained on all seen classes"),
        ({"refit": "both", "refit_features": "extract/toy.zarr"}, "refit_features: expected features of an encoder"),
        ({"refit_features": "extract/again.zarr"}, "refit_features: expected 'extract/toy.zarr/zarr.json' unless"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(changed, message):
    with pytest.raises(ParamsError, match=message):
        parse(align.Row, {**ROW.model_dump(), **changed}, "align.rows.toy")
