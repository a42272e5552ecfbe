"""JPoSE's loss against formulas written by hand in double precision, and its options."""

# Shapes: B clips of a batch, D feature size.
import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.methods import jpose
from pipeline.models.methods.shared import ClassEmbedder, ClassTexts
from tests.models.methods import toy

PARAMS = {
    **toy.DESCENT,
    "verb": "verb",
    "noun": "noun",
    "centre": "none",
    "features": "unit",
    "text_hidden": 7,
    "part_dim": 4,
    "joint_dim": 3,
    "margin": 0.3,
    "triplets": 0.01,
}
VERB_K = [0, 1, 0, 2]  # of the task: classes 0 and 2 share one


def clip_part(x_BD, part):
    return toy.units(toy.through(x_BD, toy.layers(part.visual)[0], np.tanh))


def text_part(text_KT, part):
    weights = toy.layers(part.text)
    if len(weights) == 1:
        return toy.units(toy.through(text_KT, weights[0], np.tanh))
    return toy.units(toy.through(toy.through(text_KT, weights[0], np.tanh), weights[1], toy.relu))


def joint(verb, noun, layer):
    return toy.units(toy.through(np.concatenate([verb, noun], axis=1), toy.layers(layer)[0], np.tanh))


def triplets(vector_BP, labels, margin):
    """A clip against its least like and its most unlike."""
    losses = []
    for one, label in zip(vector_BP, labels, strict=True):
        likes = [one @ other for other, its in zip(vector_BP, labels, strict=True) if its == label]
        unlikes = [one @ other for other, its in zip(vector_BP, labels, strict=True) if its != label]
        losses.append(max(0.0, margin - min(likes) + max(unlikes)))
    return np.mean(losses)


@pytest.mark.parametrize("changed", [{}, {"text_hidden": None}, {"margin": 0.9, "triplets": 2.0}], ids=str)
def test_the_loss_is_three_hinges_and_two_triplets(changed):
    clips, texts = toy.task()
    params = jpose.Params.model_validate({**PARAMS, **changed})
    torch.manual_seed(2)
    model = jpose.JPoSE(params, clips.features_ND, toy.T, toy.T).double()
    rows = [0, 1, 2, 3, 6, 8]
    labels = [clips.class_ids[row] for row in rows]
    x_BD = toy.units(clips.features_ND[rows].astype(np.float64))
    verb_KT, noun_KT = (texts.further[kind].astype(np.float64) for kind in ("verb", "noun"))

    clip_verb, clip_noun = clip_part(x_BD, model.verb), clip_part(x_BD, model.noun)
    text_verb, text_noun = text_part(verb_KT, model.verb), text_part(noun_KT, model.noun)
    scores = joint(clip_verb, clip_noun, model.visual) @ joint(text_verb, text_noun, model.text).T
    verbs = [VERB_K[label] for label in labels]
    expected = (
        toy.hinge(clip_verb @ text_verb[[0, 1, 3]].T, verbs, params.margin)
        + toy.hinge(clip_noun @ text_noun.T, labels, params.margin)
        + toy.hinge(scores, labels, params.margin)
        + params.triplets * (triplets(clip_verb, verbs, params.margin) + triplets(clip_noun, labels, params.margin))
    )
    embedders = [ClassEmbedder.of(kind, "none", texts) for kind in ("verb", "noun")]
    classes = jpose.VerbNounTexts.of(texts, *embedders)
    classes = classes._replace(verb_KT=classes.verb_KT.double(), noun_KT=classes.noun_KT.double())
    features_BD = torch.from_numpy(clips.features_ND[rows].astype(np.float64))
    found = jpose.batch_loss(model, params, features_BD, classes, torch.tensor(labels))
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_scores_are_cosines_in_the_joint_space():
    clips, texts = toy.task()
    candidate = toy.trained(jpose, PARAMS)
    model = candidate.module.model
    x_ND = toy.units(clips.features_ND.astype(np.float64))
    clip_NJ = joint(clip_part(x_ND, model.verb), clip_part(x_ND, model.noun), model.visual)
    verb_KT, noun_KT = (texts.further[kind].astype(np.float64) for kind in ("verb", "noun"))
    class_KJ = joint(text_part(verb_KT, model.verb), text_part(noun_KT, model.noun), model.text)
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), clip_NJ @ class_KJ.T, atol=1e-5)
    found = candidate.explain(clips.features_ND, texts)
    np.testing.assert_allclose(found["vectors"], clip_NJ, atol=1e-5)
    np.testing.assert_allclose(found["text_vectors"], class_KJ, atol=1e-5)


def test_its_cost_is_that_of_the_layers_that_score():
    cost = toy.trained(jpose, PARAMS).cost(10)
    part = (toy.D * 4 + 4) + (toy.T * 7 + 7) + (7 * 4 + 4)
    assert (cost.num_params, cost.macs) == (2 * part + 2 * (8 * 3 + 3), 2 * toy.D * 4 + 8 * 3 + 10 * 3)


def test_a_verb_of_two_classes_is_one_verb_centred_or_not():
    _, texts = toy.task()
    for centre in ("none", "seen"):
        classes = jpose.VerbNounTexts.of(texts, *(ClassEmbedder.of(kind, centre, texts) for kind in ("verb", "noun")))
        assert (classes.verb_K.tolist(), classes.noun_K.tolist()) == (VERB_K, [0, 1, 2, 3])
        assert (classes.verbs.tolist(), classes.nouns.tolist()) == ([0, 1, 3], [0, 1, 2, 3])


@pytest.mark.parametrize(
    "changed",
    [
        {"verb": "hands"},
        {"noun": "hands"},
        {"centre": "seen"},
        {"features": "raw"},
        {"features": "log1p"},
        {"features": "standardised"},
        {"text_hidden": None},
        {"part_dim": 5},
        {"joint_dim": 4},
        {"margin": 0.5},
        {"triplets": 0.5},
        *toy.DESCENT_CHANGED,
    ],
    ids=str,
)
def test_every_option_changes_the_scores(changed):
    assert toy.change_of_scores(jpose, PARAMS, changed) > 1e-5


def test_texts_without_nouns_are_refused():
    clips, texts = toy.task()
    without = ClassTexts(texts.class_ids, texts.label_KT, None, {"verb": texts.further["verb"]})
    with pytest.raises(DataError, match="the class texts have no type 'noun'; they have label, verb"):
        next(jpose.candidates(clips, without, jpose.Params.model_validate(PARAMS), 0))
