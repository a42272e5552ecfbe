"""Tables of demo genomes and shards of demo pairs, read as one source."""

import pickle
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.core import stamp
from pipeline.core.schemas import CAPTIONS, NEGATIVES
from pipeline.formats import pictures, webdataset
from pipeline.formats.webdataset import Sample
from pipeline.models.tokenizer import Tokenizer
from pipeline.sources import clips, pairs
from pipeline.sources.pairs import Folders
from tests.sources.demo_pairs import SIZE, TEXTS, action_boxes, graph_rows, jpeg, params, read, rows_of, tokenize
from tests.steps.genomes import run, vg_row


def test_a_batch_holds_what_the_tables_and_shards_say(root, tmp_path):
    data = read(root, tmp_path)
    source = pickle.loads(pickle.dumps(data.train))  # as a reader process gets it
    rows = graph_rows(root)
    captions = rows_of(root, "caption", CAPTIONS, "vg") | rows_of(root, "caption", CAPTIONS, "ag")
    negatives = rows_of(root, "negate", NEGATIVES, "vg") | rows_of(root, "negate", NEGATIVES, "ag")
    clips = images = 0
    for step in source.steps(0, 0):
        batch, names = source.read(step, 1), source.names(step)
        num, video = len(step), batch["frames"].shape[1] == 3
        clips, images = clips + video, images + (not video)
        assert batch["frames"].shape == (num, 3 if video else 1, *SIZE, 3)
        assert batch["action_boxes"].shape[:2] == batch["frames"].shape[:2]
        assert batch["rows"].tolist() == step.tolist()
        for place, name in enumerate(one.removesuffix(" (clip)") for one in names):
            assert batch["has_graph"][place] == ("|" in name)
            if "|" not in name:
                assert not batch["has_negative"][place].any()
                shard, key = name.split("/")
                text = f"{TEXTS[int(key[5:]) + 60 * int(shard)]} {int(key[5:])}"
                assert batch["tokens"][place].tolist() == tokenize([text])[0].tolist()
                shade = batch["frames"][place, 0, 0, 0]
                assert abs(int(shade[0]) - int(key[5:])) < 6
                continue
            assert rows[name]["part"] == "train"
            assert batch["tokens"][place].tolist() == tokenize([captions[name][0]["fitted"]])[0].tolist()
            allowed = tokenize([one["text"] for one in negatives.get(name, [])] or [""]).tolist()
            assert batch["has_negative"][place].sum() == min(2, len(negatives.get(name, [])))
            assert all(tokens in allowed for tokens in batch["negatives"][place][batch["has_negative"][place]].tolist())
            assert not batch["negatives"][place][~batch["has_negative"][place]].any()
    assert clips
    assert images


def test_pictures_are_cut_to_their_regions_and_boxes_lie_on_them(root, tmp_path):
    source = read(root, tmp_path, video_share=0.0).train
    rows = graph_rows(root)
    seen = 0
    for step in source.steps(0, 0):
        batch = source.read(step, 0)
        for place, name in enumerate(source.names(step)):
            if "|" not in name:
                continue
            row = rows[name]
            with Image.open(root / name.split("|")[0] / row["image"]) as picture:
                x, y, w, h = row["crop_xywh"] or (0, 0, *picture.size)
                plain = picture.convert("RGB").crop((x, y, x + w, y + h)).resize(SIZE[::-1], Image.Resampling.BICUBIC)
            off = np.abs(np.asarray(plain, int) - batch["frames"][place, 0]).mean()
            assert off < 6, name
            corners = ((bx / w, by / h, (bx + bw) / w, (by + bh) / h) for bx, by, bw, bh in action_boxes(row))
            expected = sorted(corners)
            found = batch["action_boxes"][place, 0]
            np.testing.assert_allclose(sorted(found[found.any(1)].tolist()), np.clip(expected, 0, 1), atol=1e-5)
            seen += bool(expected)
    assert seen > 10


def test_pictures_of_another_size_than_annotated_are_cut_in_their_own_pixels(root, tmp_path):
    other = tmp_path / "root"
    shutil.copytree(root, other)
    for file in (other / "vg" / "VG_100K").iterdir():
        with Image.open(file) as picture:
            picture.resize((192, 144)).save(file)
    stamp.write(other / "vg", stamp.scan(other / "vg"))
    run(other / "made" / "vg", vg_row(source="vg"), other / "vg")
    shutil.copy(other / "made" / "vg" / "graph.parquet", other / "graph" / "vg.parquet")
    one, two = (
        read(folder, tmp_path / str(k), corpora=["vg"], video_share=0.0) for k, folder in enumerate((root, other))
    )
    for step in one.train.steps(0, 0)[:5]:
        first, second = (data.train.read(step, 0) for data in (one, two))
        np.testing.assert_allclose(first["action_boxes"], second["action_boxes"])
        assert np.abs(first["frames"].astype(int) - second["frames"]).mean() < 12
    crops = [pair.crop_xywh for pair in one.heldout if pair.crop_xywh]
    assert [tuple(2 * side for side in crop) for crop in crops] == [
        pair.crop_xywh for pair in two.heldout if pair.crop_xywh
    ]


def test_what_is_drawn_is_drawn_from_the_seed(root, tmp_path):
    source = read(root, tmp_path, crop={"kind": "random", "min_area": 0.3}).train
    step = next(rows for rows in source.steps(0, 0) if len(source.read(rows, 0)["frames"][0]) == 3)
    one, same, other = (source.read(step, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["frames"], other["frames"])
    assert not np.array_equal(one["negatives"], other["negatives"])
    alone = source.read(step[1:2], 0)
    assert np.array_equal(alone["frames"][0], one["frames"][1])  # whatever else stands in the batch


def test_frames_of_a_clip_are_cut_alike(root, tmp_path):
    source = read(root, tmp_path, crop={"kind": "random", "min_area": 0.3}, clip_stride=3, corpora=["ag"]).train
    still = 0
    for step in source.steps(0, 0):
        frames = source.read(step, 0)["frames"]
        if frames.shape[1] == 3:
            still += (frames[:, 0, :4] == frames[:, 1, :4]).all(axis=(1, 2, 3)).sum()  # the wall does not move
    assert still


def test_every_frame_of_a_clip_has_the_boxes_of_its_own_annotation(root, tmp_path):
    data = read(root, tmp_path, corpora=["ag"], video_share=0.5).train
    rows = graph_rows(root)
    checked = 0
    for step in data.steps(0, 0):
        batch = data.read(step, 0)
        if batch["frames"].shape[1] == 1:
            continue
        for place, number in enumerate(step.tolist()):
            pair = data.pairs.row(number - len(data.pairs))
            found = clips.frames(Path(pair.picture), pair.frame, data.videos.row(pair.video), 3, 1)
            assert found[1][0] == Path(pair.picture)  # in the middle
            for time, (path, _) in enumerate(found):  # every frame on disk is annotated
                row = rows[f"ag|{path.parent.name}/{path.name}|"]
                boxes = batch["action_boxes"][place, time]
                expected = [(x / 96, y / 72, (x + w) / 96, (y + h) / 72) for x, y, w, h in action_boxes(row)]
                np.testing.assert_allclose(
                    sorted(boxes[boxes.any(1)].tolist()), np.clip(sorted(expected), 0, 1), atol=1e-5
                )
                checked += len(expected)
                shown = pictures.resized(path, "x", lambda w, h: (0.0, 0.0, w, h), SIZE)
                assert np.array_equal(np.asarray(shown), batch["frames"][place, time])
    assert checked > 20


def test_only_certain_negatives_and_none_at_all(root, tmp_path):
    some, certain = (read(root, tmp_path / str(k), only_certain=bool(k)).train.pairs for k in (0, 1))
    count = [sum(len(table.row(k).negatives) for k in range(len(table))) for table in (some, certain)]
    assert count[0] > count[1] > 0
    none = read(root, tmp_path / "n", num_negatives=0).train
    assert none.read(none.steps(0, 0)[0], 0)["negatives"].shape[1] == 0


def test_shards_alone_and_graphs_alone(root, tmp_path):
    alone = read(root, tmp_path / "a", corpora=[], video_share=0.0).train
    batch = alone.read(alone.steps(0, 0)[0], 0)
    assert not batch["has_graph"].any()
    assert batch["negatives"].shape[:2] == (8, 2)
    graphs = read(root, tmp_path / "b", shards=None, texts_per_graph=0.0)
    assert graphs.train.read(graphs.train.steps(0, 0)[0], 0)["has_graph"].all()
    assert graphs.general == []


def test_of_a_long_text_of_a_shard_one_piece_is_read_another_time_another(tmp_path):
    (tmp_path / "shards").mkdir()
    texts = ["a red cup|a blue cup|a dog on a sofa", "a cat"] * 10
    some = (Sample(f"{k:09}", "jpg", jpeg(k), text, {}) for k, text in enumerate(texts))
    webdataset.write(tmp_path / "shards" / "00000.tar", some)
    data = read(tmp_path, tmp_path, corpora=[], video_share=0.0, general={"val_share": 0.0, "seed": 0})
    assert data.counts["shard samples: text too long, a piece of it is read"] == 10
    seen = {tuple(data.train.read(np.array([0]), seed)["tokens"][0]) for seed in range(30)}
    assert seen == {tuple(tokenize([piece])[0]) for piece in texts[0].split("|")}
    assert data.train.read(np.array([1]), 0)["tokens"].tolist() == tokenize(["a cat"]).tolist()


def test_texts_of_shards_longer_than_clip_reads_do_not_end_a_training(tmp_path):
    (tmp_path / "shards").mkdir()
    text = "a very long description of a picture, " * 20
    webdataset.write(tmp_path / "shards" / "00000.tar", [Sample("0", "jpg", jpeg(3), text, {})])
    folders = Folders(tmp_path, tmp_path, tmp_path, tmp_path / "shards", tmp_path)
    told = params(corpora=[], video_share=0.0, general={"val_share": 0.0, "seed": 0})
    data = pairs.read(told, folders, size=SIZE, tokenize=Tokenizer(None, 77), batch_size=1, scratch=tmp_path)
    token_L = data.train.read(np.array([0]), 0)["tokens"][0]
    assert 60 < np.count_nonzero(token_L) <= 77
