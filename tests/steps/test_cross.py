"""The cross step over two toy datasets: methods and the program learn in one and are scored in the other."""

import json
from typing import Any

import numpy as np
import pytest

from pipeline.core import hashing, pages, scores
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.reporting.transfer import PageParams
from pipeline.steps import cross, evaluate
from pipeline.training import selection
from pipeline.training.method_rows import Compute
from pipeline.transfer.params import Folds
from tests.steps import crossed
from tests.steps.crossed import COMPOSED, PARK_PARTS, ROW, TAUGHT, YARD, World

RIDGE = {"method": "ridge", "variant": "label"}
COSINE = {"method": "cosine", "variant": "label"}
PARAMS: dict[str, dict[str, Any]] = {
    "ridge": {"text_type": "label", "centre": "none", "lambdas": [0.01, 1.0]},
    "cosine": {"text_type": "label", "fusion": None},
}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def run(world: World, out: str = "out", **changes: Any) -> dict[str, scores.Scores]:
    """The scores by group."""
    row = parse(cross.Row, ROW | changes, "cross.rows.k")
    method = None
    if isinstance(row.how, cross.ByMethod):
        method = parse(selection.method(row.how.method).Params, PARAMS[row.how.method], "test")
    settings = cross.Settings(
        method, Compute(num_threads=1), Folds(num_folds=3, seed=0), PageParams(num_clips=4, num_graphs=0)
    )
    cross.cross(
        "k", row, settings, world.yard.where, world.park.where, out=world.root / out, cache=world.root / "cache"
    )
    return {f"{one.provenance.split}-{one.provenance.seed}": one for one in scores.read(world.root / out, "cross")}


def top1(world: World, found: scores.Scores) -> float:
    truth = np.array([world.park.class_id(clip_id) for clip_id in found.clip_ids])
    guesses = np.asarray(found.provenance.class_ids)[found.values[:, found.provenance.selected].argmax(axis=1)]
    return float(np.mean(guesses == truth))


@pytest.mark.parametrize("how", [COMPOSED, RIDGE], ids=["program", "method"])
def test_what_is_learnt_in_one_dataset_recognises_the_classes_of_another(world, how):
    found = run(world, how=how)
    assert sorted(found) == ["full-0", "half_0-0"]
    for split, class_ids in PARK_PARTS.items():
        about = found[f"{split}-0"].provenance
        assert (about.label_space, about.class_ids, about.training_classes) == ("unseen", class_ids, [])
        assert (about.source, about.kept_overlap) == ("yard", [])
        assert about.source_classes == sorted(YARD[c] for c in (*TAUGHT, 2, 4, 7))
        assert {world.park.class_id(clip_id) for clip_id in found[f"{split}-0"].clip_ids} == {*class_ids}
        assert top1(world, found[f"{split}-0"]) > 0.7


@pytest.mark.parametrize("how", [COMPOSED, RIDGE], ids=["program", "method"])
def test_evaluate_reads_the_scores_as_those_of_the_target(world, how):
    run(world, how=how)
    park = world.park
    row = evaluate.EvaluateRow(
        dataset="park", split_table="t", scores="cross/k", embeddings="arc", oracle_selection=False
    )
    inputs = evaluate.Inputs(world.root / "out", park.clips, park.inputs.split, park.inputs.embeddings, park.prompts)
    out = world.root / "e.json"
    left = {"out": out, "predictions": world.root / "e.parquet", "shown": world.root / "e"}
    evaluate.evaluate(row, evaluate.Bootstrap(num_resamples=50, seed=0), inputs, **left)
    rows = json.loads(out.read_text())["rows"]
    assert [(one["split"], one["num_classes"], one["num_clips"]) for one in rows] == [
        ("full", 6, 24),
        ("half_0", 3, 12),
    ]
    assert {(one["source"], one["num_source_classes"], one["num_kept_overlap"]) for one in rows} == {("yard", 7, 0)}
    assert {one["method"] for one in rows} == {how["method"]}
    assert all("macs" not in one for one in rows)
    for place, group in ((world.yard, crossed.GROUP), (world.park, crossed.TOLD)):
        place.write_features({"source-0": group}, macs=30_800_000_000)
    run(world, how=how, **crossed.KEPT)
    evaluate.evaluate(row, evaluate.Bootstrap(num_resamples=50, seed=0), inputs, **left)
    told = json.loads(out.read_text())
    assert {(one["num_kept_overlap"], one["macs"]) for one in told["rows"]} == {(2, 30_800_000_000)}
    assert told["headline"] == {}


def test_a_class_of_the_target_that_was_taught_is_refused_or_kept_and_told(world):
    world.teach([0, 1, 3, 8])
    with pytest.raises(LeakError, match=r"'kick ball' .there 'kicking a ball', by words"):
        run(world)
    found = run(world, **crossed.KEPT)
    assert found["full-0"].provenance.kept_overlap == ["clap", "kick ball"]


@pytest.mark.parametrize(
    ("inference", "said", "unsaid"),
    [
        ("visual_prototypes", ["The program is solved anew", "K, rho and theta are the best"], ["Nothing is composed"]),
        ("seen_label_then_text", ["Nothing is composed, and nothing chosen."], ["solved anew", "Constraints", "rho"]),
        ("reverse_transfer", ["No program is solved", "K is the best"], ["solved anew", "Constraints", "rho"]),
    ],
)
def test_the_page_tells_of_a_program_only_where_there_is_one(world, inference, said, unsaid):
    run(world, how=COMPOSED | {"inference": inference})
    text = " ".join(pages.read(world.root / "out" / pages.FILE).text)
    assert f"Inference: {inference}." in text
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text] == []


def test_one_training_serves_all_splits_of_the_target(world):
    run(world, how=RIDGE)
    assert [path.name for path in (world.root / "out/weights").iterdir()] == ["source-0.safetensors"]
    before = {path.name: path.stat().st_mtime_ns for path in (world.root / "cache/parts/cross/k").iterdir()}
    run(world, "again", how=RIDGE)
    assert {path.name: path.stat().st_mtime_ns for path in (world.root / "cache/parts/cross/k").iterdir()} == before
    assert hashing.folder_digest(world.root / "out") == hashing.folder_digest(world.root / "again")


def test_the_page_tells_what_was_learnt_where_and_what_both_have(world):
    run(world)
    page = pages.read(world.root / "out" / pages.FILE)
    assert (page.stage, page.row, page.title) == ("cross", "k", "From yard to park: k")
    assert page.text[0].startswith("Learnt from yard, split source: 4 fit and 3 val classes.")
    assert page.text[1].startswith("What yard has in common with park (by name,")
    assert page.text[1].endswith("kick ball, clap, was left out: nothing was learnt from it.")
    assert page.tables[0].rows == [
        ["kick ball", "kicking a ball", "the same words", pytest.approx(0.0789, abs=1e-4)],
        ["clap", "applaud", "near vectors", 0.0],
    ]
    assert any("target split half_0" in line for line in page.text)
    assert page.heats
    run(world, how=RIDGE, **crossed.KEPT)
    page = pages.read(world.root / "out" / pages.FILE)
    assert "kick ball, clap, was kept: these figures are not zero-shot" in page.text[1]
    assert "Method ridge" in page.text[2]


def test_the_page_shows_a_few_clips_with_their_nearest_classes_in_either_space(world):
    """Against rows of the other inferences, whose scores are of the same knowledge."""
    setting = COMPOSED | {"grid": {"num_neighbours": [2], "rho": [2], "theta": [0.0]}}
    modes = ("visual_prototypes", "reverse_transfer", "seen_label_then_text")
    found = {mode: run(world, mode, how=setting | {"inference": mode})["half_0-0"] for mode in modes}
    table = pages.read(world.root / modes[0] / pages.FILE).tables[-1]
    assert "in visual and in semantic space" in table.title
    assert table.header[1:] == [
        "visual space (this row)",
        "semantic space (reverse_transfer)",
        "semantic space (seen_label_then_text)",
    ]
    assert len({row[0] for row in table.rows}) == 8
    for clip_id, *told in table.rows:
        for text, one in zip(told, found.values(), strict=True):
            values_C = one.values[one.clip_ids.index(clip_id), 0]
            nearest = sorted(zip(-values_C, one.provenance.class_ids, strict=True))
            assert text == ", ".join(f"{crossed.PARK[class_id]} ({-value:.2f})" for value, class_id in nearest)
    for mode in modes[1:]:
        assert not any("semantic space" in one.title for one in pages.read(world.root / mode / pages.FILE).tables)


def test_a_page_without_shared_classes_says_so(world):
    world.park.names = ["zigzag", "leap", "greet", "crouch", "spin", "nod"]
    crossed.ANGLES.update(zigzag=1.35, nod=1.65)
    world.park.write_texts()
    world.teach(TAUGHT)
    run(world)
    page = pages.read(world.root / "out" / pages.FILE)
    assert page.text[1].startswith("No class of yard is one of park")
    assert page.tables[0].title != "Classes that both datasets have"


BY_FOLDS = COMPOSED | {"selection": "folds"}


@pytest.mark.parametrize(
    "changes",
    [
        crossed.KEPT,
        {"refit": "none"},
        {"how": RIDGE},
        {"how": COMPOSED | {"inference": "seen_label_then_text"}},
        {"how": COMPOSED | {"constraints": "none"}},
        {"how": COMPOSED | {"grid": {"num_neighbours": [3], "rho": [1], "theta": [0.5]}}},
        {"how": BY_FOLDS},
        {
            "how": COMPOSED
            | {"extra": {"min_seen": 0, "max_seen": 1, "forbidden": [["leap", "hop"]], "required": [], "coverage": 0}}
        },
    ],
    ids=str,
)
def test_every_option_changes_the_scores_or_how_they_were_chosen(world, changes):
    world.teach([1, 6])
    one, other = run(world)["full-0"], run(world, "other", **changes)["full-0"]
    same = one.values.shape == other.values.shape and np.allclose(one.values, other.values)
    assert not same or one.provenance != other.provenance


def test_further_splits_and_seeds_are_scored_too(world):
    assert sorted(run(world, splits=["full"], seeds=[0, 5])) == ["full-0", "full-5"]


def test_features_in_the_space_of_the_texts_need_no_map(world):
    """As E2E's: vectors that are regressed to label vectors say the weights of those."""
    for place, group in ((world.yard, crossed.GROUP), (world.park, crossed.TOLD)):
        place.write_features({"all-0": {**group, "weights_hash": "texts"}}, in_text_space=True)
    found = run(world, how=COSINE)
    assert top1(world, found["full-0"]) == 1.0
    assert found["full-0"].provenance.source == "yard"
    world.teach(TAUGHT)
    with pytest.raises(DataError, match=r"cross\.rows\.k: cosine compares features with texts.*different weights"):
        run(world, how=COSINE)


def test_the_method_rest_needs_what_the_stage_rest_has_learnt(world):
    with pytest.raises(DataError, match="'rest' composes what a transformer of the stage rest has learnt"):
        run(world, how=COMPOSED | {"method": "rest"})


@pytest.mark.parametrize(("encoder", "is_refused"), [("rest", False), ("e2e", True)])
def test_a_store_of_representations_is_composed_by_the_name_of_rest(world, encoder, is_refused):
    for place, group in ((world.yard, crossed.GROUP), (world.park, crossed.TOLD)):
        place.move_features(world.root / "features/rest/r")
        place.write_features({"all-0": group}, encoder=encoder)
    if is_refused:
        with pytest.raises(DataError, match="or say 'prototypes' for any other features"):
            run(world, how=COMPOSED | {"method": "rest"})
    else:
        assert top1(world, run(world, how=COMPOSED | {"method": "rest"})["full-0"]) > 0.7


def test_a_dataset_is_not_crossed_with_itself(world):
    with pytest.raises(ParamsError, match=r"cross\.rows\.k: source and target are both 'yard'"):
        run(world, target=ROW["target"] | {"dataset": "yard"})


def test_side_constraints_name_classes_of_either_dataset(world):
    extra = {"min_seen": 0, "max_seen": None, "forbidden": [["leap", "fly"]], "required": [], "coverage": 0}
    with pytest.raises(DataError, match="'fly'"):
        run(world, how=COMPOSED | {"extra": extra})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": ["full", "full"]}, "each value once"),
        ({"how": COMPOSED | {"variant": "x"}}, "variant"),
        ({"how": {"method": "ridge"}}, "variant"),
        ({"how": {"method": "rest"}}, "text_type"),
        ({"how": None}, r"how.*expected `method`: prototypes or rest"),
        ({"how": "rest"}, r"how.*expected `method`: prototypes or rest"),
        ({"how": {"variant": "label"}}, r"how.*expected `method`: prototypes or rest"),
        ({"overlap": {"keep": False, "threshold": 3.0, "text_type": "label"}}, "threshold"),
    ],
)
def test_params_of_the_wrong_kind_are_refused(changes, message):
    with pytest.raises(ParamsError, match=message):
        parse(cross.Row, ROW | changes, "cross.rows.k")
