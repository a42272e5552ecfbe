"""Features of an encoder that has kept its map to texts: compared with these, as they taught it, and with no others."""

# Shapes: N clips, K classes, T text size.
from dataclasses import replace

import numpy as np
import pytest

from pipeline.core import pages, store
from pipeline.core.errors import DataError
from pipeline.core.params import parse
from pipeline.models.methods import cosine, pgfa
from pipeline.models.methods.shared import unit
from tests.steps.aligning import FIT, UNSEEN, VAL, aligned, by_space, top1, written

SPACE = {"dim": 6, "weights_hash": "sentences", "text_type": "label", "centre": "none"}
COSINE = cosine.Params(text_type="label", fusion=None)
PLAIN = {"text_type": "label", "centre": "none", "prototypes": None}
GUIDED = {**PLAIN, "prototypes": {"support_factors": [0.5, 1.0], "scale": 14.3}}
NONE = {"refit": "none", "method": "pgfa", "variant": "paper"}


def settings(**changes):
    return parse(pgfa.Params, {**PLAIN, **changes}, "test")


def rewritten(inputs, folder, hash_="sentences", name="kept", **space):
    """Clips beside their class's text; the encoder's own weights have a hash of their own."""
    texts, features = store.Store(inputs.embeddings, "embed"), store.Store(inputs.features, "extract")
    label_KT, ids = texts.read("label", "pooled"), features.ids("s0-0")
    with store.create(folder / "texts.zarr", {**texts.attrs, "weights_hash": hash_}) as writer:
        for kind in texts.groups():
            writer.group(kind, texts.ids(kind)).put("pooled", texts.read(kind, "pooled"))
    class_ids = [int(id_[4:6]) for id_ in ids]
    mean_T = label_KT[FIT].mean(axis=0) if {**SPACE, **space}["centre"] == "seen" else 0
    noise_NT = 0.35 * np.random.default_rng(3).normal(size=(len(ids), 6))
    near_NT = (unit(label_KT - mean_T)[class_ids] + noise_NT).astype(np.float32)
    classes = {"training_classes": [*FIT, *VAL]} if name == "again" else {}
    about = {**features.group_attrs("s0-0"), "weights_hash": "encoder", **classes}
    about |= {"text_space": {**SPACE, **space}} if space is not None else {}
    with store.create(folder / f"{name}.zarr", features.attrs) as writer:
        writer.group("s0-0", ids, about).put("pooled", near_NT)
    return replace(inputs, features=folder / f"{name}.zarr", embeddings=folder / "texts.zarr")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return written(tmp_path_factory.mktemp("align"))


@pytest.mark.parametrize(("method", "params"), [("cosine", COSINE), ("pgfa", settings())])
def test_they_are_compared_with_the_texts_that_taught_the_encoder(inputs, tmp_path, method, params):
    kept = rewritten(inputs, tmp_path)
    folder = aligned(kept, tmp_path, settings=params, **{**NONE, "method": method})
    found = by_space(folder)["unseen"]
    assert found.provenance.inference == "inductive"
    assert not found.provenance.scored_together
    assert top1(found) > 0.6
    near_NT = store.Store(kept.features, "extract").rows("s0-0", "pooled", found.clip_ids)
    text_KT = store.Store(kept.embeddings, "embed").read("label", "pooled")[UNSEEN]
    np.testing.assert_allclose(found.values[:, 0], unit(near_NT) @ unit(text_KT).T, atol=1e-6)
    assert "transductive" not in pages.read(folder / "page.json").text[0]


@pytest.mark.parametrize(("method", "params"), [("cosine", COSINE), ("pgfa", settings())])
def test_texts_of_other_weights_are_refused_in_one_line(inputs, tmp_path, method, params):
    kept = rewritten(inputs, tmp_path, hash_="other sentences")
    words = rf"align\.rows: {method} compares features with texts, but .* different weights \(s0-0\); .* keeps its map"
    with pytest.raises(DataError, match=words) as caught:
        aligned(kept, tmp_path, settings=params, **{**NONE, "method": method})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "taught", "read"),
    [
        ({"text_type": "context"}, "'label' (centred: none)", "'context' (centred: none)"),
        ({"centre": "seen"}, "'label' (centred: none)", "'label' (centred: seen)"),
    ],
)
def test_texts_are_read_as_they_were_taught(inputs, tmp_path, changes, taught, read):
    kept = rewritten(inputs, tmp_path)
    with pytest.raises(DataError, match="which taught its encoder, and variant 'paper' reads") as caught:
        aligned(kept, tmp_path, settings=settings(**changes), **NONE)
    assert taught in str(caught.value)
    assert read in str(caught.value)
    centred = rewritten(inputs, tmp_path, centre="seen")
    with pytest.raises(DataError, match=r"\(centred: seen\), which taught its encoder, and variant 'action_fa' reads"):
        aligned(centred, tmp_path, settings=COSINE, refit="none", method="cosine", variant="action_fa")


def test_centred_texts_are_centred_on_the_classes_that_taught_the_encoder(inputs, tmp_path):
    kept = rewritten(inputs, tmp_path, centre="seen")
    told = {"settings": settings(centre="seen"), **NONE}
    found = by_space(aligned(kept, tmp_path, **told))["unseen"]
    label_KT = store.Store(kept.embeddings, "embed").read("label", "pooled")
    near_NT = store.Store(kept.features, "extract").rows("s0-0", "pooled", found.clip_ids)
    expected_NK = unit(near_NT) @ unit(label_KT[UNSEEN] - label_KT[FIT].mean(axis=0)).T
    np.testing.assert_allclose(found.values[:, 0], expected_NK, atol=1e-5)
    for other in ({"refit": "seen"}, {"selection": "folds", "num_folds": 3}):
        with pytest.raises(DataError, match=r"are centred on the 12 classes that taught its encoder; take"):
            aligned(kept, tmp_path, **{**told, **other})


def test_an_encoder_that_is_trained_again_is_held_to_its_texts_too(inputs, tmp_path):
    kept = rewritten(inputs, tmp_path, centre="seen")
    told = {"settings": settings(centre="seen"), **NONE, "refit": "both", "refit_features": "extract/again.zarr"}
    again = rewritten(inputs, tmp_path, centre="seen", name="again").features
    found = by_space(aligned(replace(kept, refit_features=again), tmp_path, **told))["unseen"]
    label_KT = store.Store(kept.embeddings, "embed").read("label", "pooled")
    near_NT = store.Store(again, "extract").rows("s0-0", "pooled", found.clip_ids)
    expected_NK = unit(near_NT) @ unit(label_KT[UNSEEN] - label_KT[[*FIT, *VAL]].mean(axis=0)).T
    np.testing.assert_allclose(found.values[:, 0], expected_NK, atol=1e-5)
    other = rewritten(inputs, tmp_path, centre="seen", name="again", weights_hash="elsewhere").features
    with pytest.raises(DataError, match=r"different weights \(s0-0\)"):
        aligned(replace(kept, refit_features=other), tmp_path, **told)


def test_prototypes_are_of_the_test_clips_and_say_so(inputs, tmp_path):
    kept = rewritten(inputs, tmp_path)
    folder = aligned(kept, tmp_path, settings=settings(**GUIDED), **NONE)
    for space, found in by_space(folder).items():
        about = found.provenance
        assert (about.label_space, about.inference, about.scored_together) == (space, "transductive", True)
        assert about.settings == ["0.5", "1.0"]
        near_NT = store.Store(kept.features, "extract").rows("s0-0", "pooled", found.clip_ids)
        text_KT = unit(store.Store(kept.embeddings, "embed").read("label", "pooled")[about.class_ids])
        for place, share in enumerate((0.5, 1.0)):
            doubles = unit(near_NT).astype(np.float64), text_KT.astype(np.float64)
            expected_NK = doubles[0] @ pgfa.prototypes(*doubles, share, 14.3).T
            np.testing.assert_allclose(found.values[:, place], expected_NK, atol=1e-5)
    told = "It is transductive: the scores of a clip depend on the other clips that are scored with it."
    assert told in pages.read(folder / "page.json").text[0]
