"""The align step over a small world in which unseen classes can be told apart by a linear map."""

# Shapes: D feature size, T text size.
import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.core import closure, hashing, pages, scores, store, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.core.schemas import SPLIT
from pipeline.models import checkpoint
from pipeline.models.methods import ridge
from pipeline.models.methods.shared import Candidate, Clips, unit
from pipeline.models.tasks import Asked, Inputs
from pipeline.steps import align
from pipeline.training import method_rows, selection

FIT, VAL, UNSEEN = list(range(12)), [12, 13, 14], [15, 16, 17]
CLASSES = {"fit": FIT, "val": VAL, "unseen": UNSEEN}
COMPUTE = method_rows.Compute(num_threads=1)
ROW = align.Row(
    dataset="toy",
    split_table="random",
    features="extract/toy.zarr",
    embeddings="toy-minilm",
    method="ridge",
    variant="label",
    splits=["s0"],
    seeds=[0],
    refit="seen",
    max_missing=0.0,
    spaces=["unseen", "all"],
)
RIDGE = ridge.Params(text_type="label", lambdas=[0.01, 1.0, 1000.0])
DEVISE = {"margin": 0.1, "lr": 0.01, "weight_decay": 0.0, "batch_size": 16, "epochs": 4, "keep_every": 2}


def role(class_id):
    return next(name for name, ids in CLASSES.items() if class_id in ids).replace("unseen", "unseen_test")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("align")
    random = np.random.default_rng(0)
    label_KT, context_KT = (unit(random.normal(size=(18, 6)).astype(np.float32)) for _ in range(2))
    map_TD = random.normal(size=(6, 8))
    ids = [f"toy/{c:02d}-{n}" for c in range(18) for n in range(4)]
    features_ND = np.repeat(label_KT @ map_TD, 4, axis=0) + 0.2 * random.normal(size=(72, 8))
    about = {"dataset": "toy", "modality": "skeleton", "encoder": "stgcn", "recipe": "r"}
    with store.create(folder / "f.zarr", about) as writer:
        group = {"split": "s0", "seed": 0, "training_classes": FIT}
        writer.group("s0-0", ids, group).put("pooled", features_ND.astype(np.float32))
    with store.create(folder / "t.zarr", {"dataset": "toy", "dim": 6}) as writer:
        for kind, vectors in (("label", label_KT), ("context", context_KT)):
            writer.group(kind, [f"{c:04d}-00" for c in range(18)]).put("pooled", vectors)
    rows = [(id_, int(id_[4:6])) for id_ in ids]
    lines = [
        {
            "split": "s0",
            "clip_id": id_,
            "role": role(c),
            "class_id": None if c in UNSEEN else c,
            "held_out": role(c) == "fit" and id_.endswith("-3"),
        }
        for id_, c in rows
    ]
    meta = {"dataset": "toy", "split_table": "random", "splits": {"s0": CLASSES}}
    tables.write(folder / "s.parquet", SPLIT, lines, meta)
    return Inputs(features=folder / "f.zarr", embeddings=folder / "t.zarr", split=folder / "s.parquet")


SEEN_TEST = ["toy/00-x", "toy/03-x", "toy/13-x"]


@pytest.fixture(scope="module")
def generalised(inputs, tmp_path_factory):
    """The same with clips of seen classes that test."""
    folder, features = tmp_path_factory.mktemp("gzsl"), store.Store(inputs.features, "extract")
    ids = [*features.ids("s0-0"), *SEEN_TEST]
    beside = features.rows("s0-0", "pooled", [id_.replace("x", "0") for id_ in SEEN_TEST])
    vectors = dict(zip(ids, [*features.read("s0-0", "pooled"), *(beside + 0.05)], strict=True))
    with store.create(folder / "f.zarr", features.attrs) as writer:
        group = writer.group("s0-0", sorted(ids), features.group_attrs("s0-0"))
        group.put("pooled", np.stack([vectors[id_] for id_ in sorted(ids)]))
    lines = [{"split": "s0", "role": "seen_test", "class_id": None, "held_out": False, "clip_id": i} for i in SEEN_TEST]
    tables.write(
        folder / "s.parquet",
        SPLIT,
        [*tables.read_rows(inputs.split, SPLIT), *lines],
        tables.read_meta(inputs.split, SPLIT),
    )
    return replace(inputs, features=folder / "f.zarr", split=folder / "s.parquet")


def aligned(inputs, tmp_path, name="out", settings=RIDGE, **changed):
    row = ROW.model_copy(update=changed)
    align.align("toy-ridge", row, settings, COMPUTE, inputs, out=tmp_path / name, cache=tmp_path / f".cache-{name}")
    return tmp_path / name


def by_space(folder):
    return {scored.provenance.label_space: scored for scored in scores.read(folder, "align")}


def history(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def top1(scored):
    truth = np.array([int(id_[4:6]) for id_ in scored.clip_ids])
    guesses = np.array(scored.provenance.class_ids)[scored.values[:, scored.provenance.selected].argmax(axis=1)]
    return np.mean(guesses == truth)


def test_unseen_clips_are_scored_against_both_label_spaces(inputs, tmp_path):
    found = by_space(aligned(inputs, tmp_path))
    assert found["unseen"].values.shape == (12, 3, 3)
    assert found["all"].values.shape == (12, 3, 18)
    assert found["unseen"].provenance.class_ids == UNSEEN
    assert found["all"].provenance.class_ids == list(range(18))
    assert found["unseen"].clip_ids == [f"toy/{c}-{n}" for c in UNSEEN for n in range(4)]
    assert top1(found["unseen"]) == 1


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

    @staticmethod
    def candidates(clips, texts, params, seed):
        for place, setting in enumerate(params.settings):
            always = np.eye(18, dtype=np.float32)[place]
            module = torch.nn.Linear(1, 1)
            torch.nn.init.constant_(module.weight, place)
            yield Candidate(
                setting, 0.5, lambda x_ND, t, row=always: np.tile(row[: len(t.class_ids)], (len(x_ND), 1)), module
            )


def test_the_setting_that_is_best_on_val_is_chosen(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(selection, "method", lambda name: Guesser)
    joined = align.joined

    def few(*args):
        """Of the val clips two are of class 13, the second candidate, and one each of the others."""
        tasks = joined(*args)
        return [replace(t, val=Clips(t.val.features_ND[[0, 4, 5, 8]], (12, 13, 13, 14))) for t in tasks]

    monkeypatch.setattr(align, "joined", few)
    folder = aligned(inputs, tmp_path)
    assert [float(line["val_top1"]) for line in history(folder)] == [0.25, 0.5, 0.25]
    assert by_space(folder)["unseen"].provenance.selected == 1
    state, about = checkpoint.load(folder / "weights" / "s0-0.safetensors")
    assert (about["setting"], state["weight"].item()) == ("1.0", 1)


def test_of_equally_good_settings_the_first_is_chosen(inputs, tmp_path):
    folder = aligned(inputs, tmp_path, settings=ridge.Params(text_type="label", lambdas=[0.01, 0.0100001]))
    val = [line["val_top1"] for line in history(folder)]
    assert val[0] == val[1]
    assert by_space(folder)["unseen"].provenance.selected == 0


def test_refit_trains_on_the_val_clips_as_well(inputs, tmp_path):
    none, seen = (by_space(aligned(inputs, tmp_path, refit, refit=refit))["unseen"] for refit in ("none", "seen"))
    assert none.provenance.training_classes == FIT
    assert np.abs(none.values - seen.values).max() > 1e-3
    fits = align.joined(inputs, align.Asked("toy", "random", ["s0"], [0], 0.0))[0]
    for scored, clips in ((none, fits.fit), (seen, fits.training("seen"))):
        candidate = next(ridge.candidates(clips, fits.texts, RIDGE, 0))
        expected = candidate.score(fits.test_ND, fits.texts.of(UNSEEN))
        np.testing.assert_allclose(scored.values[:, 0], expected, atol=1e-6)


def test_weights_are_those_of_the_chosen_setting_after_the_refit(inputs, tmp_path):
    folder = aligned(inputs, tmp_path)
    state, about = checkpoint.load(folder / "weights" / "s0-0.safetensors")
    scored = by_space(folder)["unseen"].provenance
    assert about["setting"] == scored.settings[scored.selected]
    assert about["training_classes"] == scored.training_classes
    task = align.joined(inputs, align.Asked("toy", "random", ["s0"], [0], 0.0))[0]
    candidates = ridge.candidates(task.training("seen"), task.texts, RIDGE, 0)
    expected = [candidate.module.weight_TD for candidate in candidates][scored.selected]
    np.testing.assert_array_equal(state["linear.weight"].numpy(), expected)


@pytest.mark.parametrize(
    ("method", "extra"), [("devise", {}), ("dvta", {"sde": True, "gamma": 0.01, "temperature": 0.1})]
)
def test_gradient_methods_repeat_bit_for_bit(inputs, tmp_path, method, extra):
    section = {key: value for key, value in {**DEVISE, **extra}.items() if method == "devise" or key != "margin"}
    settings = parse(selection.method(method).Params, section, "test")
    digests = []
    for name in ("one", "two"):
        folder = aligned(inputs, tmp_path, name, settings, method=method, variant="tuned", seeds=[0, 1])
        digests.append(hashing.path_digest(folder))
    assert digests[0] == digests[1]
    found = scores.read(folder, "align")
    assert [s.provenance.settings for s in found] == [["2", "4"]] * 4
    assert np.abs(found[0].values - found[2].values).max() > 0  # of another seed


def test_what_a_killed_run_finished_is_not_done_again(inputs, tmp_path, monkeypatch):
    expected = hashing.path_digest(aligned(inputs, tmp_path, "whole", seeds=[0, 1]))
    make, made = selection.learn, []

    def dies_at_the_second(task, *args):
        made.append(task.name)
        if len(made) == 2:
            raise KeyboardInterrupt
        make(task, *args)

    monkeypatch.setattr(selection, "learn", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        aligned(inputs, tmp_path, "killed", seeds=[0, 1])
    assert not (tmp_path / "killed").exists()
    folder = aligned(inputs, tmp_path, "killed", seeds=[0, 1])
    assert made == ["s0-0", "s0-1", "s0-1"]
    assert hashing.path_digest(folder) == expected


PLAN = selection.Plan("ridge", "label", RIDGE, "seen", 1)


def part_key(inputs, plan=PLAN, splits=("s0",), edit=lambda task: task):
    task = align.joined(inputs, Asked("toy", "random", splits, [0], 0.0))[0]
    return hashing.value_digest(plan.key(edit(task)))


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, settings=ridge.Params(text_type="label", lambdas=[0.01, 2.0])),
        replace(PLAN, num_threads=2),
        replace(PLAN, refit="none"),
        replace(PLAN, method="devise"),
    ],
)
def test_a_part_rests_on_its_plan(inputs, plan):
    assert part_key(inputs) == part_key(inputs)
    assert part_key(inputs, plan) != part_key(inputs)


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: replace(t, fit=Clips(t.fit.features_ND + 1e-3, t.fit.class_ids)),
        lambda t: replace(t, fit=Clips(t.fit.features_ND, (1, *t.fit.class_ids[1:]))),
        lambda t: replace(t, val=Clips(t.val.features_ND[1:], t.val.class_ids[1:])),
        lambda t: replace(t, test_ND=-t.test_ND),
        lambda t: replace(t, test_ids=t.test_ids[::-1]),
        lambda t: replace(t, seen_test_ids=["toy/00-x"]),
        lambda t: replace(t, seen_test_ND=t.test_ND),
        lambda t: replace(t, texts=replace(t.texts, label_KT=-t.texts.label_KT)),
        lambda t: replace(t, texts=replace(t.texts, context_KT=None)),
        lambda t: replace(t, spaces={"unseen": t.spaces["unseen"]}),
        lambda t: replace(t, encoder_classes=t.encoder_classes[1:]),
        lambda t: replace(t, val_classes=t.val_classes[1:]),
        lambda t: replace(t, seed=1),
    ],
)
def test_a_part_rests_on_all_of_its_task(inputs, edit):
    assert part_key(inputs, edit=edit) != part_key(inputs)


def test_a_part_rests_on_the_code_that_makes_it_and_on_no_other(inputs, monkeypatch):
    class Edited(closure.Code):
        def files(self, *modules):
            asked.update(super().files(*modules))
            return {**asked, "pipeline/models/methods/ridge.py": "edited"}

    asked, before = {}, part_key(inputs)
    monkeypatch.setattr(selection, "Code", Edited)
    assert part_key(inputs, replace(PLAN)) != before  # a plan of another run: one digests its code once
    assert {"pipeline/training/selection.py", "pipeline/models/tasks.py", "pipeline/core/seeds.py"} <= set(asked)
    others = {"pipeline/core/pages.py", "pipeline/steps/align.py", "pipeline/models/methods/dvta.py"}
    assert others & set(asked) == set()


def test_a_row_that_gains_a_split_keeps_the_parts_that_are_finished(inputs, tmp_path):
    """The table has another split, and so other bytes; of the first split nothing has changed."""
    rows, meta = tables.read_rows(inputs.split, SPLIT), tables.read_meta(inputs.split, SPLIT)
    more = [{**row, "split": "s1"} for row in rows]
    tables.write(tmp_path / "s.parquet", SPLIT, rows + more, {**meta, "splits": {"s0": CLASSES, "s1": CLASSES}})
    assert part_key(replace(inputs, split=tmp_path / "s.parquet")) == part_key(inputs)


def test_classes_that_only_the_encoder_was_trained_on_are_told_too(inputs, tmp_path, monkeypatch):
    joined = align.joined

    def few(*args):
        """Clips of five fit classes are left; the encoder was trained on all of them."""
        return [replace(t, fit=Clips(t.fit.features_ND[:15], t.fit.class_ids[:15])) for t in joined(*args)]

    monkeypatch.setattr(align, "joined", few)
    folder = aligned(inputs, tmp_path, refit="none")
    assert by_space(folder)["unseen"].provenance.training_classes == FIT
    assert checkpoint.load(folder / "weights" / "s0-0.safetensors")[1]["training_classes"] == FIT


@pytest.mark.parametrize(("refit", "last"), [("none", FIT), ("seen", [*FIT, *VAL])])
def test_a_method_learns_from_the_texts_of_its_training_classes_alone(inputs, tmp_path, monkeypatch, refit, last):
    learnt = []

    class Curious:
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
    section = {**DEVISE, "sde": True, "gamma": 0.01, "temperature": 0.1}
    del section["margin"]
    settings = parse(selection.method("dvta").Params, section, "test")
    with pytest.raises(DataError, match=r"no 'context' sentences.*prompt stage"):
        aligned(
            Inputs(inputs.features, bare, inputs.split), tmp_path, settings=settings, method="dvta", variant="tuned"
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [("refit", "both"), ("seeds", []), ("splits", ["s0", "s0"]), ("spaces", ["seen"]), ("spaces", ["all", "all"])],
)
def test_a_row_that_asks_for_what_there_is_not_is_refused(key, value):
    with pytest.raises(ParamsError, match=key):
        parse(align.Row, {**ROW.model_dump(), key: value}, "align.rows.toy")
