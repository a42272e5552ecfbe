"""The step against what its parts find alone: what is written, what it says of itself, and that nothing is lost."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core import pages, tables
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.core.resume import CACHE
from pipeline.core.schemas import GRAPHS
from pipeline.models import clip as clips
from pipeline.models import open_clips
from pipeline.models.learning import Learner
from pipeline.sources import pairs
from pipeline.steps import finetune as step
from pipeline.training import heldout, loop
from pipeline.training.probe import Probe, Selection, parted
from tests.steps import finetuning
from tests.steps.finetuning import ROW, NoCode, about, changed, data_of, history, own_folder, run, same, weights

KILLED_AT = 9  # steps that are begun; an epoch has six or so


@pytest.fixture(autouse=True)
def no_code(monkeypatch):
    monkeypatch.setattr(step, "Code", NoCode)


class TestWhatIsWritten:
    def test_weights_vectors_history_and_a_page(self, tuned_row):
        assert sorted(path.name for path in tuned_row.iterdir()) == [
            "0.safetensors",
            "heldout-0.zarr",
            "history.csv",
            "page.json",
        ]
        rows = history(tuned_row)
        assert [row["epoch"] for row in rows] == ["0", "1"]
        assert rows[0]["loss"] == ""
        for name in ("loss", "contrastive", "negatives", "reconstruction", "told_apart", "retention"):
            assert float(rows[1][name]) >= 0
        page = pages.read(tuned_row / "page.json")
        assert (page.stage, page.row) == ("finetune", "k")
        assert "Class names found in the training texts: demo: 0 classes." in page.text[1]
        assert len(page.lines) == 7

    def test_epoch_0_is_the_start_on_the_selection_pairs(self, tuning, tuned_row, tmp_path):
        data = data_of(ROW, tmp_path)
        by, rest = parted(data.heldout, data.general, Selection.model_validate(ROW["selection"]))
        assert all(by)
        assert all(rest)
        probe = Probe(*by, data.picture)
        start = clips.start(Path("start.json"), 0)
        assert about(tuned_row)["history"][0] == pytest.approx({"epoch": 0, **probe.measure(start)})
        tuned = clips.load(tuned_row, 0)[0]
        assert about(tuned_row)["kept"] == pytest.approx(probe.measure(tuned))

    def test_what_is_selected_on_is_not_reported(self, tuning, tuned_row, tmp_path):
        data = data_of(ROW, tmp_path)
        (by, told), (asked, general) = parted(data.heldout, data.general, Selection.model_validate(ROW["selection"]))
        found = heldout.read(heldout.file(tuned_row, 0))
        assert sorted(found.pairs) == sorted(pair.key for pair in asked)
        assert sorted(found.general) == sorted(pair.key for pair in general)
        assert not {pair.key for pair in by} & set(found.pairs)
        assert not {pair.key for pair in told} & set(found.general)

    def test_the_vectors_are_those_of_the_weights(self, tuning, tuned_row, tmp_path):
        data, found, tuned = (
            data_of(ROW, tmp_path),
            heldout.read(heldout.file(tuned_row, 0)),
            clips.load(tuned_row, 0)[0],
        )
        by_key = {pair.key: pair for pair in data.heldout}
        for row in range(0, len(found.pairs), 7):
            pair = by_key[found.pairs[row]]
            image, text = tuned.image_vectors([data.picture(pair)])[0], tuned.text_vectors([pair.caption])[0]
            np.testing.assert_allclose(found.picture_PD[found.picture_N[row]], image, atol=1e-5)
            np.testing.assert_allclose(found.text_TD[found.caption_N[row]], text, atol=1e-5)

    def test_the_weights_say_what_they_are(self, tuned_row):
        said = about(tuned_row)
        assert (said["row"], said["seed"], said["start"], said["pretrained"]) == ("k", 0, "start.json", None)
        assert said["architecture"] == finetuning.ARCHITECTURE
        assert said["counts"]["shard samples: names a withheld class"] > 0
        assert said["named_classes"] == {"demo": []}
        assert (said["shares"], len(said["mixed"])) == ([0.5, 1.0], 2)
        assert said["kept"] == said["mixed"][said["shares"].index(said["share"])]
        json.dumps(said, allow_nan=False)

    def test_withheld_classes_are_named_by_no_text(self, tuning, tuned_row):
        told = changed("data.withheld", {}, changed("mixing", None))
        assert about(run(told))["named_classes"] == {"demo": [13]}


class TestBytes:
    def test_a_second_run_and_one_from_finished_parts_leave_the_same(self, tuning, tuned_row, monkeypatch):
        assert same(run(), tuned_row)

        def refused(folder, **told):
            raise AssertionError("nothing is to be trained again")

        monkeypatch.setattr(step, "_train", refused)
        assert same(run(out="again"), tuned_row)
        shutil.rmtree(CACHE / "parts")
        with pytest.raises(AssertionError):
            run(out="last")

    def test_processes_that_read_ahead_change_nothing(self, tuning, tuned_row):
        running = loop.Running(num_workers=1, queue_length=1, checkpoint_every=None)
        assert same(run(running=running), tuned_row)

    @pytest.mark.parametrize("changes", [{}, {"learns.lora": {"image": {"rank": 2, "alpha": 4.0}, "text": None}}])
    def test_a_run_killed_within_an_epoch_goes_on_there(self, tuning, tuned_row, monkeypatch, changes):
        row = ROW
        for path, value in {"training.ema": 0.5, "training.num_epochs": 2, **changes}.items():
            row = changed(path, value, row)
        whole = run(row, out="whole")
        shutil.rmtree(CACHE / "parts")
        taken, original = [], Learner._step

        def step_once(self, *told):
            taken.append((self.epoch, self.step))
            if len(taken) == KILLED_AT:
                raise KeyboardInterrupt
            original(self, *told)

        monkeypatch.setattr(Learner, "_step", step_once)
        with pytest.raises(KeyboardInterrupt):
            run(row, out="killed")
        assert not Path("killed").exists()
        assert same(run(row, out="killed"), whole)
        assert taken[KILLED_AT - 1] == taken[KILLED_AT]
        assert min(taken[KILLED_AT]) > 0  # within the second epoch
        assert all(path.suffix != ".unfinished" for path in (CACHE / "parts" / "finetune" / "k").iterdir())

    def test_seeds_stand_beside_each_other_and_a_new_one_is_all_that_is_trained(self, tuning, tuned_row, monkeypatch):
        run()
        trained, original = [], step._train

        def train(folder, **told):
            trained.append(told["task"].seed)
            original(folder, **told)

        monkeypatch.setattr(step, "_train", train)
        both = run(changed("seeds", [3, 0]), out="both")
        assert trained == [3]
        for name in ("0.safetensors", "heldout-0.zarr"):
            assert same(both / name, tuned_row / name)
        assert not torch.equal(weights(both, 3)["model.logit_scale"], weights(both, 0)["model.logit_scale"])
        assert [row["seed"] for row in history(both)] == ["3", "3", "0", "0"]

    @pytest.mark.parametrize("what", ["code", "start", "shards", "graph", "caption", "negate", "class list"])
    def test_weights_rest_on_all_that_they_were_made_of(self, what, genomes, tuning, monkeypatch):
        row = parse(step.Row, ROW, "row")
        before = step._digests(row, finetuning.inputs()), open_clips.identity(Path("start.json"))
        if what == "code":
            monkeypatch.setattr(NoCode, "own", lambda self, module: {module: "edited"})
        elif what == "start":
            finetuning.start_file(Path("start.json"), {**finetuning.ARCHITECTURE, "embed_dim": 4})
        elif what == "class list":
            Path("demo.csv").write_text("0,wave")
            monkeypatch.setattr(step, "class_file", lambda dataset: Path("demo.csv"))
        else:
            name = "shards.stamp" if what == "shards" else f"{what}/vg.parquet"
            Path(name).parent.is_symlink() and own_folder(genomes, Path(what))
            content = Path(name).read_bytes()
            Path(name).unlink()
            Path(name).write_bytes(content + b"#")
        after = step._digests(row, finetuning.inputs()), open_clips.identity(Path("start.json"))
        assert sum(before[0][name] != after[0][name] for name in before[0]) + (before[1] != after[1]) == 1

    def test_tables_of_which_only_the_words_count_are_watched_too(self, tuning):
        row = changed("data.corpora", ["vg"])
        digests = step._digests(parse(step.Row, row, "row"), finetuning.inputs())
        assert {"graph/ag.parquet", "graph/vg.parquet", "caption/vg.parquet"} < set(digests)
        assert "caption/ag.parquet" not in digests


class TestStarts:
    def test_a_row_starts_from_the_weights_of_its_seed_and_has_heard_what_they_heard(self, tuning):
        base = changed("data.withheld", {}, changed("mixing", None))
        base = changed("data.corpora", [], base)
        base = changed("objective", {**ROW["objective"], "negatives": None, "reconstruction": None}, base)
        base = changed("data.video_share", 0.0, changed("seeds", [2], base))
        start = run(base, out="base", key="base")
        assert about(start, 2)["named_classes"] == {"demo": [13]}
        found = run({**ROW, "start": "base", "seeds": [2]}, out="tuned")
        assert about(found, 2)["named_classes"] == {"demo": [13]}  # its own texts name none
        assert about(found, 2)["history"][0]["retention"] == about(found, 2)["history"][0]["retention"]
        silent = {**changed("data.audit", []), "start": "base", "seeds": [2]}
        assert about(run(silent, out="silent"), 2)["named_classes"] == {}
        with pytest.raises(DataError, match=r"base/0\.safetensors: no such weights, there are seeds \[2\]; add the"):
            run({**ROW, "start": "base"}, out="other")
        assert not Path("other").exists()


class TestMixing:
    def test_without_it_the_last_weights_are_kept(self, tuning, tuned_row):
        last = run(changed("mixing", None), out="last")
        said = about(last)
        assert (said["shares"], said["mixed"], said["share"], said["kept"]) == ([], [], 1.0, said["history"][-1])
        whole = run(changed("mixing", {"shares": [1.0], "max_loss": 1.0}), out="whole", key="k")
        for name, weight in weights(last).items():
            assert torch.equal(weights(whole)[name], weight)

    def test_a_share_lies_between_start_and_what_was_learnt(self, tuning):
        last = weights(run(changed("mixing", None), out="last"))
        start = clips.start(Path("start.json"), 0).state_dict()
        found = run(changed("mixing", {"shares": [0.25], "max_loss": 1.0}), out="mixed")
        assert about(found)["share"] == 0.25
        for name, weight in weights(found).items():
            torch.testing.assert_close(weight, start[name] + 0.25 * (last[name] - start[name]), rtol=1e-5, atol=1e-6)


class TestWhatLearns:
    @pytest.mark.parametrize("tower", ["image", "text"])
    def test_a_frozen_tower_is_that_of_the_start(self, tuning, tower):
        found = weights(run(changed("learns.freeze", tower, changed("mixing", None))))
        start = clips.start(Path("start.json"), 0).state_dict()
        kept = {name for name, weight in found.items() if torch.equal(weight, start[name])}
        of_tower = {name for name in found if name.startswith("model.visual.") == (tower == "image")}
        assert of_tower - {"model.logit_scale", "mean_C", "deviation_C"} <= kept
        assert {"model.logit_scale", "model.visual.proj", "model.text.text_projection"} - kept - of_tower

    def test_low_rank_changes_are_folded_into_weights_of_the_plain_architecture(self, tuning):
        both = {"image": {"rank": 2, "alpha": 4.0}, "text": {"rank": 1, "alpha": 2.0}}
        folder = run(changed("learns.lora", both, changed("mixing", None)))
        found, start = clips.load(folder, 0)[0].state_dict(), clips.start(Path("start.json"), 0).state_dict()
        assert set(found) == set(start)
        name = "model.visual.transformer.resblocks.0.mlp.c_fc.weight"
        assert torch.linalg.matrix_rank(found[name] - start[name], atol=1e-6) == 2
        assert torch.equal(found["model.visual.conv1.weight"], start["model.visual.conv1.weight"])

    def test_mixed_precision_learns_about_the_same(self, tuning):
        full = weights(run(changed("mixing", None), out="full"))
        half = weights(run(changed("training.precision", "bf16-mixed", changed("mixing", None)), out="half"))
        start = clips.start(Path("start.json"), 0).state_dict()
        name = "model.visual.transformer.resblocks.0.mlp.c_fc.weight"
        assert half[name].dtype == torch.float32
        assert not torch.equal(half[name], full[name])
        one, other = (each[name] - start[name] for each in (full, half))
        assert torch.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.9


def test_a_start_that_others_are_set_beside_learns_from_no_graph(tuning):
    plain = changed("objective", {**ROW["objective"], "negatives": None, "reconstruction": None})
    plain = changed("data.video_share", 0.0, plain)
    with_graphs, without = run(plain, out="with"), run(changed("data.graphs_train", False, plain), out="without")
    assert about(with_graphs)["counts"]["graph pairs that train"] > 0
    assert about(without)["counts"]["graph pairs that train"] == 0
    one, other = (heldout.read(heldout.file(folder, 0)) for folder in (with_graphs, without))
    assert (one.pairs, one.negatives, one.general) == (other.pairs, other.negatives, other.general)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("data.num_negatives", 0, "objective.negatives learns from false captions; set data.num_negatives"),
        ("data.graphs_train", False, "objective.negatives learns from graph pairs; name data.corpora and set graphs"),
        ("data.corpora", [], "objective.negatives learns from graph pairs"),
        ("seeds", [], "seeds"),
        ("seeds", [0, 0], "seeds: expected each value once"),
        ("mixing.shares", [], "mixing.shares"),
        ("mixing.shares", [1.5], r"mixing\.shares\.0"),
        ("training.warmup_epochs", 1, r"training\.warmup_epochs leaves no epoch"),
        ("training.accumulate", 8, r"data\.clip_batch_size is less than"),
    ],
)
def test_a_row_that_could_learn_nothing_is_refused(option, value, reason):
    with pytest.raises(ParamsError, match=reason):
        parse(step.Row, changed(option, value), "finetune.rows.k")


def test_shares_that_nothing_chooses_between_are_refused(tuning):
    with pytest.raises(DataError, match="mixing: several shares, and no selection pair with a false caption"):
        run(changed("selection.share", 0.0))


@pytest.mark.parametrize(
    ("option", "value"),
    [("compositions.seed", 2), ("general.seed", 1)],
)
def test_a_start_that_may_have_seen_what_is_held_out_is_refused(option, value, tuning):
    start = run(changed("mixing", None), out="features/start")
    row = changed(f"data.{option}", value, changed("start", str(start)))
    with pytest.raises(LeakError, match=rf"trained with another data\.{option.split('.')[0]} than this row's"):
        run(row, out="tuned")


@pytest.mark.parametrize("folder", ["graph", "caption", "negate"])
def test_a_table_that_is_not_there_is_one_line(folder, genomes, tuning):
    own_folder(genomes, Path(folder))
    Path(f"{folder}/ag.parquet").unlink()
    with pytest.raises(DataError, match=rf"{folder}/ag\.parquet: no such table; run `dvc repro {folder}`"):
        run()


def test_the_words_of_other_corpora_need_their_graphs_alone(genomes, tuning):
    assert tables.read_meta(Path("graph/ag.parquet"), GRAPHS)["source"] == "ag"
    for folder in ("caption", "negate"):
        own_folder(genomes, Path(folder))
        Path(f"{folder}/ag.parquet").unlink()
    row = changed("data.corpora", ["vg"], changed("data.video_share", 0.0))
    assert about(run(row))["counts"]["graph pairs that train"] > 0


@pytest.mark.parametrize("fewest", [0.0, 0.2])
def test_held_out_pictures_that_do_not_decode_are_left_out_and_counted(fewest, genomes, tuning, tmp_path):
    """As those that train are: some are borne where the row bears them."""
    held_out = data_of(ROW, tmp_path).heldout
    own_folder(genomes, Path("vg"))
    image = held_out[0].picture
    lost = [pair for pair in held_out if pair.picture == image]
    image.write_bytes(b"none")
    row = changed("data.max_rejected", fewest)
    if not fewest:
        with pytest.raises(DataError, match=r"held-out pictures: \d of \d+ items rejected, at most 0%"):
            run(row)
        return
    found = run(row)
    assert about(found)["counts"][pairs.BROKEN] == len(lost)
    assert not {pair.key for pair in lost} & set(heldout.read(heldout.file(found, 0)).pairs)
