"""The transfer step over a small world whose classes lie on an arc, in text and in vision; every option changes it."""

# Shapes: D feature size, T text size.
import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.core import hashing, pages, scores, store
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.models import recognised as by_program
from pipeline.models.methods.shared import Clips
from pipeline.models.recognised import Recognised
from pipeline.models.tasks import Inputs, TaskRequest, build_tasks
from pipeline.reporting import transfer as report
from pipeline.steps import transfer
from pipeline.transfer import recognise
from pipeline.transfer.params import Folds
from tests import toy

UNSEEN, VAL = [3, 8, 13], [4, 9, 12]
FIT = sorted(set(range(18)) - set(UNSEEN) - set(VAL))
CLASSES = {"fit": FIT, "val": VAL, "unseen": UNSEEN}
FOLDS, PAGE = Folds(num_folds=5, seed=0), report.PageParams(num_clips=8, num_graphs=1)
ROW = {
    "dataset": "toy",
    "split_table": "random",
    "features": "extract/toy.zarr",
    "embeddings": "toy-minilm",
    "text_type": "label",
    "centre": "none",
    "method": "prototypes",
    "inference": "visual_prototypes",
    "constraints": "all",
    "cap": "row",
    "extra": None,
    "selection": "val",
    "grid": {"num_neighbours": [2, 6], "rho": [2], "theta": [0.0, 0.5]},
    "refit": "seen",
    "splits": ["s0"],
    "seeds": [0],
    "max_missing": 0.0,
}
EXTRA = {"min_seen": 0, "max_seen": 1, "forbidden": [["class 3", "class 2"]], "required": [], "coverage": 0}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    random = np.random.default_rng(0)
    angle_K = np.linspace(0.1, 1.4, 18)
    other_K = angle_K.copy()
    other_K[[3, 8]] = angle_K[8] + [0.012, 0.01]  # by their contexts both are nearest to class 9
    label_KT, context_KT = (np.stack([np.cos(a), np.sin(a)], axis=1).astype(np.float32) for a in (angle_K, other_K))
    ids = [f"toy/{c:02d}-{n}" for c in range(18) for n in range(4)]
    features_ND = np.repeat(label_KT @ random.normal(size=(2, 6)), 4, axis=0) + random.normal(0, 0.02, (72, 6))
    group = {"split": "s0", "seed": 0, "training_classes": FIT}
    toy.write_features(folder / "f.zarr", ids, features_ND, {"s0-0": group})
    kinds = {"label": label_KT, "context": context_KT, "hands": context_KT[:, ::-1].copy()}
    toy.write_texts(folder / "t.zarr", kinds)
    rows = toy.split_rows({id_: int(id_[4:6]) for id_ in ids}, {"s0": CLASSES})
    names = [f"class {class_id}" for class_id in range(18)]
    toy.write_split(folder / "split.parquet", rows, {"s0": CLASSES}, protocol="none", class_names=names)
    toy.write_prompts(folder / "prompts.parquet", names)
    return folder


def where(inputs) -> Inputs:
    return Inputs(features=inputs / "f.zarr", embeddings=inputs / "t.zarr", split=inputs / "split.parquet")


def run(inputs, out, **changes):
    row = parse(transfer.Row, ROW | changes, "transfer.rows.toy")
    transfer.transfer("toy", row, FOLDS, PAGE, where(inputs), prompts=inputs / "prompts.parquet", out=out)
    return {found.provenance.label_space: found for found in scores.read(out, "transfer")}


def recognised(inputs, **changes) -> Recognised:
    """Without files and figures."""
    row = parse(transfer.Row, ROW | changes, "transfer.rows.toy")
    (task,) = build_tasks(where(inputs), TaskRequest("toy", "random", ["s0"], [0], 0.0))
    return by_program.recognised(task, row, row.refit, FOLDS, {c: f"class {c}" for c in range(18)})


@pytest.fixture(scope="module")
def plain(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "out"
    return out, run(inputs, out)


def top1(found) -> float:
    about = found.provenance
    truth = [int(id_[4:6]) for id_ in found.clip_ids]
    guesses = np.asarray(about.class_ids)[found.values[:, about.selected].argmax(axis=1)]
    return float(np.mean(guesses == truth))


def test_unseen_classes_are_recognised_and_both_label_spaces_written(plain) -> None:
    _, found = plain
    assert found["unseen"].provenance.class_ids == UNSEEN
    assert found["all"].provenance.class_ids == list(range(18))
    assert top1(found["unseen"]) > 0.9
    assert found["unseen"].provenance.training_classes == sorted(FIT + VAL)


def test_classes_that_only_the_encoder_was_trained_on_are_told_too(inputs, tmp_path, monkeypatch) -> None:
    """Clips of the first fit class are gone; the encoder was trained on it all the same."""

    def fewer(*args):
        rows = [[row for row, c in enumerate(task.fit.class_ids) if c != FIT[0]] for task in build_tasks(*args)]
        return [
            replace(task, fit=Clips(task.fit.features_ND[kept], tuple(task.fit.class_ids[row] for row in kept)))
            for task, kept in zip(build_tasks(*args), rows, strict=True)
        ]

    monkeypatch.setattr(transfer, "build_tasks", fewer)
    run(inputs, tmp_path / "out", refit="none")
    for scored in scores.read(tmp_path / "out", "transfer"):
        assert scored.provenance.training_classes == FIT


def test_threads_that_the_environment_asks_for_change_no_sum(inputs, tmp_path, monkeypatch) -> None:
    """Every product of matrices is made by one thread, so that all machines add in one order."""
    threads, plain_choose = [], recognise.choose

    def choose(*args, **keywords):
        threads.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return plain_choose(*args, **keywords)

    monkeypatch.setattr(recognise, "choose", choose)
    with threadpool_limits(2, user_api="blas"):
        run(inputs, tmp_path / "out")
    assert set(threads) == {1}


def test_the_grid_and_its_scores_are_saved_and_the_best_is_selected(plain) -> None:
    out, found = plain
    with (out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    about = found["unseen"].provenance
    assert [line["setting"] for line in history] == about.settings
    assert len(history) == 4
    best = max(float(line["top1"]) for line in history)
    assert float(history[about.selected]["top1"]) == best
    assert [line["selected"] for line in history].index("1") == about.selected
    assert about.selection == "validation"


def test_every_program_is_stored_with_its_proof(plain) -> None:
    out, _ = plain
    (one,) = json.loads((out / "programs.json").read_text())
    for space in ("unseen", "all"):
        solved = one["spaces"][space]["solved"]
        assert len(solved) == 4
        assert all(line["status"] == "optimal" and line["bound"] == line["objective"] > 0 for line in solved)
    weights: dict[str, float] = {}
    for unseen, _, _, weight in one["spaces"]["unseen"]["pairs"]:
        weights[unseen] = weights.get(unseen, 0) + weight
    assert weights == pytest.approx({f"class {c}": 1.0 for c in UNSEEN}, abs=1e-5)


def test_the_page_explains_and_its_figures_are_there(plain) -> None:
    out, _ = plain
    page = pages.read(out / pages.FILE)
    titles = [table.title for table in page.tables]
    assert titles[0] == "What each unseen class is made of, s0-0"
    assert {"Programs", "Selection", "Hubness of the unseen prototypes"} < set(titles)
    assert (len(page.clouds), len(page.heats), len(page.graphs)) == (1, 2, 1)
    assert any(paragraph.startswith("Hubness: ") for paragraph in page.text)
    assert {line[0] for line in page.tables[0].rows} == {f"class {c}" for c in UNSEEN}


def test_the_same_inputs_give_the_same_bytes(plain, inputs, tmp_path) -> None:
    run(inputs, tmp_path / "again")
    assert hashing.folder_digest(tmp_path / "again") == hashing.folder_digest(plain[0])


SIX = {"grid": {"num_neighbours": [6], "rho": [1], "theta": [0.0]}}
NO_RULES = EXTRA | {"forbidden": [], "max_seen": None}


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ({}, {"text_type": "context"}),
        ({}, {"text_type": "hands"}),
        ({}, {"centre": "seen"}),
        ({}, {"inference": "seen_label_then_text"}),
        ({}, {"inference": "reverse_transfer"}),
        ({}, {"constraints": "none"}),
        ({}, {"constraints": "I"}),
        ({}, {"constraints": "II+III"}),
        ({}, {"refit": "none"}),
        ({}, {"grid": {"num_neighbours": [3], "rho": [3], "theta": [0.9]}}),
        (SIX, {"cap": "column"}),
        (SIX | {"text_type": "context"}, {"cap": "both"}),
        ({}, {"extra": EXTRA}),
        (SIX, {"extra": NO_RULES | {"required": [["class 3", "class 5"]]}}),
        (SIX | {"cap": "column"}, {"extra": NO_RULES | {"max_seen": 2}}),
        (SIX | {"text_type": "context"}, {"extra": NO_RULES | {"coverage": 3}}),
    ],
    ids=str,
)
def test_every_option_changes_the_scores(inputs, base, change) -> None:
    one, other = (recognised(inputs, **changes).values["unseen"] for changes in (base, base | change))
    assert one.shape != other.shape or not np.allclose(one, other)


@pytest.mark.parametrize(("refit", "seen"), [("none", FIT), ("seen", sorted(FIT + VAL))])
def test_texts_are_centred_on_the_classes_that_are_composed_of(inputs, refit, seen) -> None:
    (task,) = build_tasks(where(inputs), TaskRequest("toy", "random", ["s0"], [0], 0.0))
    label_KT = task.texts.label_KT.astype(np.float64)
    centred_KT = label_KT - label_KT[seen].mean(axis=0)
    centred_KT /= np.linalg.norm(centred_KT, axis=1, keepdims=True)
    by_hand = replace(task, texts=replace(task.texts, label_KT=centred_KT.astype(np.float32)))
    names = {c: f"class {c}" for c in range(18)}
    found = [
        by_program.recognised(one, parse(transfer.Row, ROW | {"centre": centre}, "x"), refit, FOLDS, names).values
        for one, centre in ((task, "seen"), (by_hand, "none"))
    ]
    np.testing.assert_allclose(found[0]["unseen"], found[1]["unseen"], atol=1e-5)


def test_classes_of_a_fold_do_not_centre_the_texts_by_which_they_are_told_apart(inputs, monkeypatch) -> None:
    """They act as unseen there: of a seen class the text that others are centred on is that of the rest."""
    centred_on, of = [], by_program.ClassEmbedder.of
    note = lambda kind, centre, seen: centred_on.append(set(seen.class_ids)) or of(kind, centre, seen)  # noqa: E731
    monkeypatch.setattr(by_program.ClassEmbedder, "of", note)
    recognised(inputs, selection="folds", centre="seen")
    seen = {*FIT, *VAL}
    *of_folds, last = centred_on
    assert last == seen
    assert sorted(class_id for some in of_folds for class_id in seen - some) == sorted(seen)
    assert len(of_folds) == FOLDS.num_folds


def test_selection_on_folds_measures_other_clips_and_says_so(plain, inputs, tmp_path) -> None:
    found = run(inputs, tmp_path / "out", selection="folds")
    assert found["unseen"].provenance.selection == "folds_seen"  # its encoder was trained on fit classes
    lines = [(tmp_path / "out" / "history.csv").read_text(), (plain[0] / "history.csv").read_text()]
    assert ",60," in lines[0]
    assert ",12," in lines[1]
    text = " ".join(pages.read(tmp_path / "out" / pages.FILE).text)
    assert "The encoder has learnt from clips of fit classes, or of all" in text


def test_a_single_setting_is_no_selection(inputs, tmp_path) -> None:
    assert run(inputs, tmp_path / "out", inference="seen_label_then_text")["unseen"].provenance.selection == "none"


def test_without_a_refit_val_classes_are_composed_in_the_label_space_of_all(inputs) -> None:
    found = recognised(inputs, refit="none")
    for space, composed in (("unseen", UNSEEN), ("all", sorted(UNSEEN + VAL))):
        choice = found.scored[space][found.selected].choice
        assert choice.seen.names == tuple(f"class {c}" for c in FIT)
        assert choice.unseen.names == tuple(f"class {c}" for c in composed)


def test_what_is_no_representation_of_the_stage_rest_is_not_composed_by_its_name(inputs, tmp_path) -> None:
    with pytest.raises(DataError, match="name a store of features/rest with such a one, or say 'prototypes'"):
        run(inputs, tmp_path / "out", method="rest")


@pytest.mark.parametrize("method", ["prototypes", "rest"])
def test_representations_of_the_stage_rest_are_composed_as_any_features(plain, inputs, tmp_path, method) -> None:
    """What another dataset has taught them is told by name, whatever clips of this one are learnt from."""
    folder = tmp_path / "features/rest/row"
    features = store.Store(inputs / "f.zarr", "extract")
    told = {
        "training_classes": [],
        "source": "yard",
        "training_names": ["hop"],
        "kept_overlap": [],
        "weights_hash": "w",
    }
    with store.create(folder / "toy.zarr", {"dataset": "toy", "modality": "video", "encoder": "rest"}) as writer:
        writer.group("all-0", features.ids("s0-0"), told).put("pooled", features.read("s0-0", "pooled"))
    row = parse(transfer.Row, ROW | {"method": method}, "transfer.rows.toy")
    own = replace(where(inputs), features=folder / "toy.zarr")
    transfer.transfer("toy", row, FOLDS, PAGE, own, prompts=inputs / "prompts.parquet", out=tmp_path / "out")
    found = {one.provenance.label_space: one for one in scores.read(tmp_path / "out", "transfer")}
    about = found["unseen"].provenance
    assert (about.source, about.source_classes, about.training_classes) == ("yard", ["hop"], sorted(FIT + VAL))
    assert np.array_equal(found["unseen"].values, plain[1]["unseen"].values)


def test_variants_are_told_apart(inputs) -> None:
    changes = [{}, {"constraints": "none"}, {"cap": "both"}, {"extra": EXTRA}, {"inference": "reverse_transfer"}]
    changes += [{"centre": "seen"}]
    names = [parse(transfer.Row, ROW | change, "x").variant for change in changes]
    told = ["all", "none", "all, both cap", "all, side constraints", "all, reverse_transfer", "all, centred texts"]
    assert names == told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"num_neighbours": [99], "rho": [2], "theta": [0.0]}}, "K = 99 .* 12 seen classes"),
        ({"extra": EXTRA | {"forbidden": [["class 3", "class 99"]]}}, "'class 99'"),
        ({"extra": EXTRA | {"min_seen": 4, "max_seen": None}}, "min_seen 4 of 'class"),
        ({"splits": ["s7"]}, "s7"),
    ],
)
def test_bad_rows_are_one_clear_line(inputs, tmp_path, changes, message) -> None:
    with pytest.raises(DataError, match=message):
        run(inputs, tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_an_unknown_option_is_refused(inputs, tmp_path) -> None:
    with pytest.raises(ParamsError, match="cap"):
        run(inputs, tmp_path / "out", cap="diagonal")


def test_an_encoder_that_saw_an_unseen_class_is_refused(inputs, tmp_path) -> None:
    features = store.Store(inputs / "f.zarr", "extract")
    with store.create(tmp_path / "f.zarr", features.attrs) as writer:
        about = {"split": "s0", "seed": 0, "training_classes": FIT + UNSEEN}
        writer.group("s0-0", features.ids("s0-0"), about).put("pooled", features.read("s0-0", "pooled"))
    for name in ("t.zarr", "split.parquet", "prompts.parquet"):
        (tmp_path / name).symlink_to(inputs / name)
    with pytest.raises(LeakError, match="unseen"):
        run(tmp_path, tmp_path / "out")
