"""The align step over a small world in which unseen classes can be told apart by a linear map."""

# Shapes: D feature size, T text size.
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.core import hashing, pages, scores, store
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.models import checkpoint
from pipeline.models.methods import ridge
from pipeline.models.methods.shared import CandidateModel, Clips
from pipeline.models.tasks import Inputs
from pipeline.steps import align
from pipeline.training import selection
from tests.models.dvta import plain
from tests.steps import aligning
from tests.steps.aligning import (
    DEVISE,
    FIT,
    RIDGE,
    ROW,
    SEEN_TEST,
    UNSEEN,
    VAL,
    aligned,
    by_space,
    history,
    top1,
    written,
)

DVTA = plain.VARIANT | {"batch_size": 16, "epochs": 4, "keep_every": 2}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return written(tmp_path_factory.mktemp("align"))


@pytest.fixture(scope="module")
def generalised(inputs, tmp_path_factory):
    return aligning.generalised(inputs, tmp_path_factory.mktemp("gzsl"))


def test_unseen_clips_are_scored_against_both_label_spaces(inputs, tmp_path):
    found = by_space(aligned(inputs, tmp_path))
    assert found["unseen"].values.shape == (12, 3, 3)
    assert found["all"].values.shape == (12, 3, 18)
    assert found["unseen"].provenance.class_ids == UNSEEN
    assert found["all"].provenance.class_ids == list(range(18))
    assert found["unseen"].clip_ids == [f"toy/{c}-{n}" for c in UNSEEN for n in range(4)]
    assert top1(found["unseen"]) == 1
    np.testing.assert_allclose(found["all"].values[..., UNSEEN], found["unseen"].values, atol=1e-6)


def test_clips_of_seen_and_unseen_classes_are_scored_over_all_classes_where_the_row_asks(generalised, tmp_path):
    found = by_space(aligned(generalised, tmp_path, spaces=["unseen", "gzsl"]))
    assert sorted(found) == ["gzsl", "unseen"]
    assert found["gzsl"].values.shape == (15, 3, 18)
    assert found["gzsl"].provenance.class_ids == list(range(18))
    tested = [f"toy/{c:02d}-{n}" for c in UNSEEN for n in range(4)]
    assert found["gzsl"].clip_ids == sorted([*SEEN_TEST, *tested])
    of_unseen = [found["gzsl"].clip_ids.index(clip_id) for clip_id in tested]
    columns = [found["gzsl"].provenance.class_ids.index(c) for c in UNSEEN]
    np.testing.assert_allclose(found["gzsl"].values[of_unseen][..., columns], found["unseen"].values, atol=1e-6)
    page = pages.read(tmp_path / "out" / pages.FILE)
    assert page.tables[0].header[-2:] == ["seen test", "left out"]
    assert page.tables[0].rows[0][4:] == [36, 12, 12, 3, 0]


def test_what_a_row_does_not_ask_for_does_not_change_what_it_does(generalised, tmp_path):
    few, more = (
        by_space(aligned(generalised, tmp_path, str(len(spaces)), spaces=spaces))
        for spaces in (["unseen", "all"], ["unseen", "all", "gzsl"])
    )
    for space in ("unseen", "all"):
        assert few[space].provenance == more[space].provenance
        assert few[space].values.tobytes() == more[space].values.tobytes()


def test_what_lies_behind_the_scores_of_the_chosen_setting_is_kept_where_the_row_asks(inputs, tmp_path):
    folder = aligned(inputs, tmp_path, explained=True)
    found, plain = by_space(folder), by_space(aligned(inputs, tmp_path, "plain"))
    about = found["unseen"].provenance
    assert (about, found["unseen"].values.tobytes()) == (
        plain["unseen"].provenance,
        plain["unseen"].values.tobytes(),
    )
    assert (sorted(found["unseen"].explained), sorted(found["all"].explained)) == (["direct", "vectors"], [])
    np.testing.assert_array_equal(found["unseen"].explained["direct"], found["unseen"].values[:, about.selected])
    text_KT = scores.read_texts(folder, "align", about)
    direct_NK = found["unseen"].explained["vectors"] @ text_KT.T
    np.testing.assert_allclose(direct_NK, found["unseen"].explained["direct"], atol=1e-6)
    assert (plain["unseen"].explained, scores.read_texts(tmp_path / "plain", "align", about)) == ({}, None)


def test_the_store_says_what_a_clip_costs(inputs, tmp_path):
    attrs = store.Store(aligned(inputs, tmp_path) / "scores.zarr", "align").attrs
    assert (attrs["num_params"], attrs["macs"]) == (8 * 6 + 6, 8 * 6 + 3 * 6)


def test_provenance_says_who_was_trained_on_what(inputs, tmp_path):
    about = by_space(aligned(inputs, tmp_path))["unseen"].provenance
    assert (about.selection, about.refit, about.inference) == ("validation", "seen", "inductive")
    assert about.settings == ["0.01", "1.0", "1000.0"]
    assert about.training_classes == [*FIT, *VAL]
    attrs = store.Store(tmp_path / "out" / "scores.zarr", "align").attrs
    keys = ("dataset", "split_table", "modality", "encoder", "method", "variant", "embeddings")
    assert [attrs[key] for key in keys] == ["toy", "random", "skeleton", "stgcn", "ridge", "label", "toy-minilm"]


class Guesser:
    """A method whose settings say which class it always finds best, by place among the candidates."""

    NEEDS = "pooled"

    @staticmethod
    def candidates(clips, texts, params, seed):
        for place, setting in enumerate(params.settings):
            always = np.eye(18, dtype=np.float32)[place]
            module = torch.nn.Linear(1, 1)
            torch.nn.init.constant_(module.weight, place)
            yield CandidateModel(
                setting, 0.5, lambda x_ND, t, row=always: np.tile(row[: len(t.class_ids)], (len(x_ND), 1)), module
            )


def test_the_setting_that_is_best_on_val_is_chosen(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(selection, "method", lambda name: Guesser)
    build_tasks = align.build_tasks

    def few(*args):
        """Of the val clips two are of class 13, the second candidate, and one each of the others."""
        tasks = build_tasks(*args)
        return [replace(t, val=Clips(t.val.features_ND[[0, 4, 5, 8]], (12, 13, 13, 14))) for t in tasks]

    monkeypatch.setattr(align, "build_tasks", few)
    folder = aligned(inputs, tmp_path)
    assert [float(line["val_top1"]) for line in history(folder)] == [0.25, 0.5, 0.25]
    assert by_space(folder)["unseen"].provenance.selected == 1
    state, about = checkpoint.load(folder / "weights" / "s0-0.safetensors")
    assert (about["setting"], state["weight"].item()) == ("1.0", 1)


def test_of_equally_good_settings_the_first_is_chosen(inputs, tmp_path):
    folder = aligned(
        inputs, tmp_path, settings=ridge.Params(text_type="label", centre="none", lambdas=[0.01, 0.0100001])
    )
    val = [line["val_top1"] for line in history(folder)]
    assert val[0] == val[1]
    assert by_space(folder)["unseen"].provenance.selected == 0


def test_refit_trains_on_the_val_clips_as_well(inputs, tmp_path):
    none, seen = (by_space(aligned(inputs, tmp_path, refit, refit=refit))["unseen"] for refit in ("none", "seen"))
    assert none.provenance.training_classes == FIT
    assert np.abs(none.values - seen.values).max() > 1e-3
    fits = align.build_tasks(inputs, align.TaskRequest("toy", "random", ["s0"], [0], 0.0))[0]
    for scored, clips in ((none, fits.fit), (seen, fits.training("seen"))):
        candidate = next(ridge.candidates(clips, fits.texts, RIDGE, 0))
        expected = candidate.score(fits.test_features_ND, fits.texts.of(UNSEEN))
        np.testing.assert_allclose(scored.values[:, 0], expected, atol=1e-6)


def test_weights_are_those_of_the_chosen_setting_after_the_refit(inputs, tmp_path):
    folder = aligned(inputs, tmp_path)
    state, about = checkpoint.load(folder / "weights" / "s0-0.safetensors")
    scored = by_space(folder)["unseen"].provenance
    assert about["setting"] == scored.settings[scored.selected]
    assert about["training_classes"] == scored.training_classes
    task = align.build_tasks(inputs, align.TaskRequest("toy", "random", ["s0"], [0], 0.0))[0]
    candidates = ridge.candidates(task.training("seen"), task.texts, RIDGE, 0)
    expected = [candidate.module.weight_DT.T for candidate in candidates][scored.selected]
    np.testing.assert_array_equal(state["linear.weight"].numpy(), expected)


@pytest.mark.parametrize(("method", "section"), [("devise", DEVISE), ("dvta", DVTA)])
def test_gradient_methods_repeat_bit_for_bit(inputs, tmp_path, method, section):
    settings = parse(selection.method(method).Params, section, "test")
    digests = []
    for name in ("one", "two"):
        folder = aligned(inputs, tmp_path, name, settings, method=method, variant="tuned", seeds=[0, 1])
        digests.append(hashing.path_digest(folder))
    assert digests[0] == digests[1]
    found = scores.read(folder, "align")
    assert [s.provenance.settings for s in found] == [["2", "4"]] * 4
    assert np.abs(found[0].values - found[2].values).max() > 0  # of another seed


def test_classes_that_only_the_encoder_was_trained_on_are_told_too(inputs, tmp_path, monkeypatch):
    build_tasks = align.build_tasks

    def few(*args):
        """Clips of five fit classes are left; the encoder was trained on all of them."""
        return [replace(t, fit=Clips(t.fit.features_ND[:15], t.fit.class_ids[:15])) for t in build_tasks(*args)]

    monkeypatch.setattr(align, "build_tasks", few)
    folder = aligned(inputs, tmp_path, refit="none")
    assert by_space(folder)["unseen"].provenance.training_classes == FIT
    assert checkpoint.load(folder / "weights" / "s0-0.safetensors")[1]["training_classes"] == FIT


@pytest.mark.parametrize(("refit", "last"), [("none", FIT), ("seen", [*FIT, *VAL])])
def test_a_method_learns_from_the_texts_of_its_training_classes_alone(inputs, tmp_path, monkeypatch, refit, last):
    learnt = []

    class Curious:
        NEEDS = "pooled"

        @staticmethod
        def candidates(clips, texts, params, seed):
            learnt.append((sorted(set(clips.class_ids)), list(texts.class_ids)))
            yield from ridge.candidates(clips, texts, params, seed)

    monkeypatch.setattr(selection, "method", lambda name: Curious)
    aligned(inputs, tmp_path, refit=refit)
    assert learnt == [(FIT, FIT), (last, last)]


def test_the_page_shows_the_choice_and_the_curves(inputs, tmp_path):
    page = pages.read(aligned(inputs, tmp_path) / pages.FILE)
    assert page.tables[0].rows[0][4:] == [36, 12, 12, 0]
    assert [chart.title for chart in page.lines] == ["Accuracy on the val classes", "Training loss"]
    assert page.lines[0].series[0].x == [0.01, 1.0, 1000.0]


def test_dvta_without_contexts_names_the_stage_to_mend(inputs, tmp_path):
    bare = tmp_path / "bare.zarr"
    texts = store.Store(inputs.embeddings, "embed")
    with store.create(bare, texts.attrs) as writer:
        writer.group("label", texts.ids("label")).put("pooled", texts.read("label", "pooled"))
    settings = parse(selection.method("dvta").Params, DVTA, "test")
    with pytest.raises(DataError, match=r"no 'context' sentences.*prompt stage"):
        aligned(
            Inputs(inputs.features, bare, inputs.split), tmp_path, settings=settings, method="dvta", variant="tuned"
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [("refit", "all"), ("seeds", []), ("splits", ["s0", "s0"]), ("spaces", ["seen"]), ("spaces", ["all", "all"])],
)
def test_a_row_that_asks_for_what_there_is_not_is_refused(key, value):
    with pytest.raises(ParamsError, match=key):
        parse(align.Row, {**ROW.model_dump(), key: value}, "align.rows.toy")
