"""What of the tables and shards does not train: held out, withheld, broken or missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import GRAPHS, NEGATIVES
from pipeline.datasets import shared as datasets
from pipeline.formats import webdataset
from pipeline.formats.named_classes import ClassNames
from pipeline.formats.webdataset import Sample
from pipeline.graphs.scene import from_json
from pipeline.sources import clips, pairs
from pipeline.sources.pairs import Folders
from tests.sources.demo_pairs import SIZE, graph_rows, jpeg, params, read, rows_of, tokenize
from tests.steps.genomes import run, vg_row


def test_no_clip_has_a_frame_beside_one_that_shows_a_held_out_composition(root, tmp_path):
    held = {"share": 0.1, "seed": 1, "words_of": ["ag"]}
    data = read(root, tmp_path, corpora=["ag"], compositions=held).train
    judge = pairs._held_out(
        params(compositions=held, corpora=["ag"]),
        Folders(root / "graph", root / "caption", root / "negate", None, root),
    )
    rows, hidden = graph_rows(root), 0
    for number in range(len(data.pairs)):
        pair = data.pairs.row(number)
        video = data.videos.row(pair.video)
        hidden += not all(video.usable)
        for path, _ in clips.frames(Path(pair.picture), pair.frame, video, 5, 1):
            assert not judge.of_graph(from_json(rows[f"ag|{path.parent.name}/{path.name}|"]["graph"]))
    assert hidden


def test_the_held_out_pairs_are_those_of_part_val_with_all_that_is_false_of_them(root, tmp_path):
    data = read(root, tmp_path, video_share=0.0)
    rows = graph_rows(root)
    assert {pair.key for pair in data.heldout} == {key for key, row in rows.items() if row["part"] == "val"}
    assert not any(false.unseen for pair in data.heldout for false in pair.negatives)
    assert sum(len(pair.negatives) for pair in data.heldout) == sum(
        len(of_key) for name in ("vg", "ag") for key, of_key in rows_of(root, "negate", NEGATIVES, name).items()
        if rows[key]["part"] == "val"
    )  # fmt: skip
    for pair in [*data.heldout[:9], data.general[0]]:
        assert data.picture(pair).shape == (*SIZE, 3)
    trained = {data.train.samples.key(k) for k in range(len(data.train.samples))}
    assert trained.isdisjoint(pair.key for pair in data.general)
    assert len(trained) + len(data.general) == 120


def test_nothing_that_trains_shows_or_says_a_held_out_composition(root, tmp_path):
    held = {"share": 0.03, "seed": 1, "words_of": ["vg", "ag"]}
    data, free = (
        read(root, tmp_path / str(k), compositions=one)
        for k, one in enumerate((held, params().compositions.model_dump()))
    )
    judge = pairs._held_out(
        params(compositions=held), Folders(*(root / x for x in ("graph", "caption", "negate", "shards")), root)
    )
    rows = graph_rows(root)
    trained = [data.train.pairs.row(k) for k in range(len(data.train.pairs))]
    for row in trained:
        corpus, image_id, _ = row.key.split("|")
        assert not judge.of_graph(from_json(rows[f"{corpus}|{image_id}|"]["graph"]))
        assert not any(judge.of_text(text) for text in (row.caption, *row.negatives))
    assert not any(judge.of_text(data.train.samples.text(k)) for k in range(len(data.train.samples)))
    assert len(free.train.pairs) > len(trained) > 20
    assert data.counts["graph pairs: shows a held-out composition"] == len(data.heldout) - len(free.heldout)
    assert data.counts["negatives: says a held-out composition"] > 0
    unseen = [(pair, false) for pair in data.heldout for false in pair.negatives if false.unseen]
    assert unseen
    for pair, _ in unseen:
        assert judge.of_text(pair.caption)


def test_the_classes_that_texts_name_are_listed_and_withheld_ones_dropped(root, tmp_path):
    data = read(root, tmp_path / "a", audit=["demo", "demo_home"], video_share=0.0)
    texts = [data.train.samples.text(k) for k in range(len(data.train.samples))]
    trained = [data.train.pairs.row(k) for k in range(len(data.train.pairs))]
    texts += [text for row in trained for text in (row.caption, *row.negatives)]
    for dataset in ("demo", "demo_home"):
        names = ClassNames({dataset: [one.name for one in datasets.classes(dataset)]})
        assert data.named_classes[dataset] == sorted({k for text in texts for _, k in names.named(text)})
    assert 13 in data.named_classes["demo"]  # "a person jumps"
    less = read(root, tmp_path / "b", audit=["demo"], withheld={"demo": [13]}, video_share=0.0)
    assert less.named_classes == {"demo": []}
    jumps = sum("jump" in text for text in texts)
    assert (
        less.counts["shard samples: names a withheld class"]
        == jumps
        == len(texts) - len(trained) - sum(len(row.negatives) for row in trained) - len(less.train.samples)
    )


def test_a_row_that_trains_on_shards_alone_has_not_heard_what_graphs_name(root, tmp_path, monkeypatch):
    def told_of_graphs(names, text):
        return set() if text[-1].isdigit() else {("demo", 3)}  # texts of shards end in a number

    monkeypatch.setattr(ClassNames, "named", told_of_graphs)
    some, none = (
        read(root, tmp_path / str(k), graphs_train=bool(k), video_share=0.0).named_classes["demo"] for k in (1, 0)
    )
    assert (some, none) == ([3], [])


def broken_shard(folder: Path, number_broken: int) -> None:
    folder.mkdir(parents=True)
    samples = (
        Sample(f"{k:09d}", "jpg", b"\xff\xd8 no picture" if k < number_broken else jpeg(k), f"text {k}", {})
        for k in range(40)
    )
    webdataset.write(folder / "00000.tar", samples)


def test_pictures_that_do_not_decode_are_replaced_and_too_many_are_a_failure(root, tmp_path, capsys):
    broken_shard(tmp_path / "shards", 3)
    folders = Folders(root / "graph", root / "caption", root / "negate", tmp_path / "shards", root)

    def source(max_rejected):
        told = params(corpora=[], video_share=0.0, max_rejected=max_rejected, general={"val_share": 0.0, "seed": 0})
        return pairs.read(told, folders, size=SIZE, tokenize=tokenize, batch_size=40, scratch=tmp_path).train

    fine = source(0.1)
    step = fine.steps(0, 0)[0]
    batch = fine.read(step, 0)
    assert sorted(set(step.tolist()) - set(batch["rows"].tolist())) == [0, 1, 2]
    assert batch["rows"][step < 3].tolist() == [3, 3, 3]
    assert batch["tokens"].tolist() == tokenize([f"text {row}" for row in batch["rows"].tolist()]).tolist()
    assert batch["replaced"].tolist() == (step < 3).tolist()
    fine.read(step, 1)
    said = capsys.readouterr().err.splitlines()  # once a reader
    assert len(said) == 1
    assert "00000/00000000" in said[0]
    strict = source(0.05)
    with pytest.raises(DataError, match=r"pictures: 3 of 40 items rejected, at most 5% .*00000/00000000"):
        strict.read(strict.steps(0, 0)[0], 0)


def test_a_kind_without_a_single_picture_that_decodes_ends_the_reading(root, tmp_path):
    broken_shard(tmp_path / "shards", 40)
    folders = Folders(root / "graph", root / "caption", root / "negate", tmp_path / "shards", root)
    told = params(corpora=[], video_share=0.0, max_rejected=1.0, general={"val_share": 0.0, "seed": 0})
    source = pairs.read(told, folders, size=SIZE, tokenize=tokenize, batch_size=40, scratch=tmp_path).train
    with pytest.raises(DataError, match=r"none of its kind decodes, as .*00000/0000000"):
        source.read(source.steps(0, 0)[0], 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audit": ["nothing"]}, "no class list of 'nothing'"),
        ({"withheld": {"demo": [25]}}, r"demo has no classes \[25\]"),
        ({"compositions": {"share": 0.1, "seed": 0, "words_of": ["vg"]}}, "lacks some of"),
        ({"corpora": ["elsewhere"]}, "dvc repro graph"),
        ({"texts_per_graph": 4.0, "shards": None}, "no shard samples to mix in"),
        ({"shards": "vg"}, r"no \*.tar in it"),
    ],
)
def test_what_cannot_be_read_as_asked_is_one_line(root, tmp_path, changes, reason):
    with pytest.raises((DataError, FormatError), match=reason) as caught:
        read(root, tmp_path, **changes)
    assert "\n" not in str(caught.value)


def test_captions_without_any_negative_are_one_line_where_some_are_wanted(root, tmp_path):
    other = tmp_path / "root"
    shutil.copytree(root, other)
    for name in ("vg", "ag"):
        tables.write(other / "negate" / f"{name}.parquet", NEGATIVES, [])
    with pytest.raises(DataError, match="no training caption has a negative"):
        read(other, tmp_path)
    assert not read(other, tmp_path, num_negatives=0).train.names(np.zeros(0, np.int64))


def test_pictures_that_changed_since_the_graphs_were_read_are_one_line(root, tmp_path):
    other = tmp_path / "root"
    shutil.copytree(root, other)
    (other / "vg" / "new.txt").touch()
    stamp.write(other / "vg", stamp.scan(other / "vg"))
    with pytest.raises(DataError, match=r"not those that .*vg.parquet was made of; run `dvc repro graph`"):
        read(other, tmp_path)


def test_graphs_whose_picture_is_gone_are_counted(root, tmp_path):
    other = tmp_path / "root"
    shutil.copytree(root, other)
    gone = sorted((other / "vg" / "VG_100K").iterdir())[:5]
    for file in gone:
        file.unlink()
    stamp.write(other / "vg", stamp.scan(other / "vg"))
    run(other / "made" / "vg", vg_row(source="vg"), other / "vg")
    shutil.copy(other / "made" / "vg" / "graph.parquet", other / "graph" / "vg.parquet")
    assert 5 <= read(other, tmp_path).counts["graph pairs: no picture"] <= 15


def test_a_start_holds_out_what_the_others_do_and_trains_on_shards_alone(root, tmp_path):
    held_out = {"share": 0.05, "seed": 0, "words_of": ["vg", "ag"]}
    (tmp_path / "start").mkdir()
    (tmp_path / "other").mkdir()
    start = read(root, tmp_path / "start", graphs_train=False, video_share=0.0, compositions=held_out)
    other = read(root, tmp_path / "other", compositions=held_out)
    assert start.heldout == other.heldout
    assert start.general == other.general
    batch = start.train.read(start.train.steps(0, 0)[0], 0)
    assert not batch["has_graph"].any()
    assert start.counts["graph pairs that train"] == 0 < other.counts["graph pairs that train"]


def test_a_held_out_picture_is_cut_as_those_that_train(root, tmp_path):
    pair = next(pair for pair in read(root, tmp_path).heldout if pair.crop_xywh is not None)  # not of the model's shape
    shown = {}
    for kind in ("squash", "centre", "random"):
        crop = {"kind": kind} | ({"min_area": 0.5} if kind == "random" else {})
        (tmp_path / kind).mkdir()
        shown[kind] = read(root, tmp_path / kind, crop=crop).picture(pair)
    assert (shown["squash"] == shown["random"]).all()  # all of it
    assert (shown["squash"] != shown["centre"]).any()


def test_frames_without_an_annotated_size_have_the_boxes_that_their_pictures_size_gives(root, tmp_path):
    other = tmp_path / "root"
    shutil.copytree(root, other)
    file = other / "graph" / "ag.parquet"
    meta, rows = tables.read_meta(file, GRAPHS), tables.read_table(file, GRAPHS).to_pylist()
    tables.write(file, GRAPHS, [{**row, "width": None, "height": None} for row in rows], meta)
    one, two = (read(folder, tmp_path / str(k), corpora=["ag"]).train.videos for k, folder in enumerate((root, other)))
    boxes = [[table.row(k).boxes for k in range(len(table))] for table in (one, two)]
    assert boxes[0] == boxes[1]
    assert any(map(any, boxes[0]))
