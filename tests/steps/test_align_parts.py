"""What a finished part of an align row rests on, and what is not done again."""

from dataclasses import replace

import pytest

from pipeline.core import closure, hashing, tables
from pipeline.core.schemas import SPLIT
from pipeline.models.methods import ridge
from pipeline.models.methods.shared import Clips
from pipeline.models.tasks import TaskRequest
from pipeline.steps import align
from pipeline.training import selection
from tests.steps.aligning import CLASSES, RIDGE, aligned, written


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return written(tmp_path_factory.mktemp("align"))


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


PLAN = selection.Plan("ridge", "label", RIDGE, "seen", 1, num_folds=None, explained=False)


def part_key(inputs, plan=PLAN, splits=("s0",), edit=lambda task: task):
    task = align.build_tasks(inputs, TaskRequest("toy", "random", splits, [0], 0.0))[0]
    return hashing.value_digest(plan.key(edit(task)))


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, settings=ridge.Params(text_type="label", centre="none", lambdas=[0.01, 2.0])),
        replace(PLAN, num_threads=2),
        replace(PLAN, refit="none"),
        replace(PLAN, num_folds=3),
        replace(PLAN, explained=True),
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
        lambda t: replace(t, test_features_ND=-t.test_features_ND),
        lambda t: replace(t, test_ids=t.test_ids[::-1]),
        lambda t: replace(t, seen_test_ids=["toy/00-x"]),
        lambda t: replace(t, seen_test_features_ND=t.test_features_ND),
        lambda t: replace(t, texts=replace(t.texts, label_KT=-t.texts.label_KT)),
        lambda t: replace(t, texts=replace(t.texts, context_KT=None)),
        lambda t: replace(t, texts=replace(t.texts, further={"hands": t.texts.label_KT})),
        lambda t: replace(t, spaces={"unseen": t.spaces["unseen"]}),
        lambda t: replace(t, encoder_classes=t.encoder_classes[1:]),
        lambda t: replace(t, val_classes=t.val_classes[1:]),
        lambda t: replace(t, held_out=t.val),
        lambda t: replace(t, unseen=t.unseen[1:]),
        lambda t: replace(t, again=t),
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
    assert {"pipeline/training/selection.py", "pipeline/models/task.py", "pipeline/core/seeds.py"} <= set(asked)
    others = {"pipeline/core/pages.py", "pipeline/steps/align.py", "pipeline/models/methods/dvta.py"}
    assert others & set(asked) == set()


def test_a_row_that_gains_a_split_keeps_the_parts_that_are_finished(inputs, tmp_path):
    """The table has another split, and so other bytes; of the first split nothing has changed."""
    rows, meta = tables.read_table(inputs.split, SPLIT).to_pylist(), tables.read_meta(inputs.split, SPLIT)
    more = [{**row, "split": "s1"} for row in rows]
    tables.write(tmp_path / "s.parquet", SPLIT, rows + more, {**meta, "splits": {"s0": CLASSES, "s1": CLASSES}})
    assert part_key(replace(inputs, split=tmp_path / "s.parquet")) == part_key(inputs)
