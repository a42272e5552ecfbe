"""Tables of demo genomes and shards of demo pairs, read as one source."""

import io
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.core import stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES
from pipeline.datasets import shared as datasets
from pipeline.formats import pictures, webdataset
from pipeline.formats.named_classes import ClassNames
from pipeline.formats.webdataset import Sample
from pipeline.graphs.scene import from_json
from pipeline.sources import clips, pairs
from pipeline.sources.pairs import Folders, Pairs, Params
from pipeline.steps.synthesize import synthesize
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld
from tests.steps.genomes import AG_ROW, INLINE, run, vg_row

VG = VisualGenomeWorld(kind="visual_genome", seed=0, images=40, width=96, height=72)
AG = ActionGenomeWorld(kind="action_genome", seed=0, videos=16, frames=6, width=96, height=72)
SIZE = (24, 32)
TEXTS = ["a person jumps", "someone waves", "a red cup on a table", "a man holding a book", "a dog", "clouds"] * 20


def tokenize(texts):
    """Numbers that tell texts apart."""
    return np.array([[len(text), *map(ord, text[:6].ljust(6))] for text in texts], np.int64)


def jpeg(shade) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 255 - shade, 9)).save(content, "JPEG")
    return content.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pairs")
    for world, name, row in ((VG, "vg", vg_row(source="vg")), (AG, "ag", AG_ROW.model_copy(update={"source": "ag"}))):
        synthesize(world, INLINE, row=name, out=root / name, page=root / "pages" / name)
        run(root / "made" / name, row, root / name)
        for stage in ("graph", "caption", "negate"):
            (root / stage).mkdir(exist_ok=True)
            shutil.copy(root / "made" / name / f"{stage}.parquet", root / stage / f"{name}.parquet")
    (root / "shards").mkdir()
    for shard in range(2):
        part = enumerate(TEXTS[shard * 60 : shard * 60 + 60])
        samples = (Sample(f"{shard:05d}{k:04d}", "jpg", jpeg(k), f"{text} {k}", {}) for k, text in part)
        webdataset.write(root / "shards" / f"{shard:05d}.tar", samples)
    return root


def params(**changes) -> Params:
    usual: dict[str, Any] = {
        "corpora": ["vg", "ag"],
        "texts_per_graph": 1.0,
        "video_share": 0.2,
        "clip_frames": 3,
        "clip_stride": 1,
        "clip_batch_size": 4,
        "num_negatives": 2,
        "only_certain": False,
        "compositions": {"share": 0.0, "seed": 0, "words_of": []},
        "crop": {"kind": "squash"},
        "general": {"val_share": 0.1, "seed": 0},
        "max_rejected": 0.0,
        "audit": ["demo"],
        "withheld": {},
    }
    return Params.model_validate(usual | changes)


def read(root: Path, scratch: Path, shards: str | None = "shards", batch_size=8, **changes) -> Pairs:
    folders = Folders(root / "graph", root / "caption", root / "negate", root / shards if shards else None, root)
    return pairs.read(params(**changes), folders, size=SIZE, tokenize=tokenize, batch_size=batch_size, scratch=scratch)


def graph_rows(root) -> dict[str, dict[str, Any]]:
    return {
        f"{name}|{row['image_id']}|{row['region']}": row
        for name in ("vg", "ag")
        for row in tables.read_rows(root / "graph" / f"{name}.parquet", GRAPHS)
    }


def rows_of(root, stage, form, name) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tables.read_rows(root / stage / f"{name}.parquet", form):
        found.setdefault(f"{name}|{row['image_id']}|{row['region']}", []).append(row)
    return found


def action_boxes(row) -> list[tuple[float, ...]]:
    """Of the ends of a graph's actions, those that have a box."""
    graph = from_json(row["graph"])
    ends = {n for k in row["actions"] for n in (graph.relations[k].subject, graph.relations[k].object)}
    return [thing.box_xywh for thing in graph.objects if thing.id in ends and thing.box_xywh]


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
            found = clips.frames(Path(pair["picture"]), pair["frame"], data.videos.row(pair["video"]), 3, 1)
            assert found[1][0] == Path(pair["picture"])  # in the middle
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
        video = data.videos.row(pair["video"])
        hidden += not all(video["usable"])
        for path, _ in clips.frames(Path(pair["picture"]), pair["frame"], video, 5, 1):
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
    for pair in data.heldout[:9]:
        width, height = pair.crop_xywh[2:] if pair.crop_xywh else (96, 72)
        assert data.picture(pair).shape == (height, width, 3)
    assert data.picture(data.general[0]).shape == (30, 40, 3)
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
        corpus, image_id, _ = row["key"].split("|")
        assert not judge.of_graph(from_json(rows[f"{corpus}|{image_id}|"]["graph"]))
        assert not any(judge.of_text(text) for text in (row["caption"], *row["negatives"]))
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
    texts += [text for row in trained for text in (row["caption"], *row["negatives"])]
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
        == len(texts) - len(trained) - sum(len(row["negatives"]) for row in trained) - len(less.train.samples)
    )


def test_only_certain_negatives_and_none_at_all(root, tmp_path):
    some, certain = (read(root, tmp_path / str(k), only_certain=bool(k)).train.pairs for k in (0, 1))
    count = [sum(len(table.row(k)["negatives"]) for k in range(len(table))) for table in (some, certain)]
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


def broken_shard(folder: Path, number_broken: int) -> None:
    folder.mkdir(parents=True)
    samples = (
        Sample(f"{k:09d}", "jpg", b"\xff\xd8 no picture" if k < number_broken else jpeg(k), f"text {k}", {})
        for k in range(40)
    )
    webdataset.write(folder / "00000.tar", samples)


def test_pictures_that_do_not_decode_are_replaced_and_too_many_are_a_failure(root, tmp_path):
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
    strict = source(0.05)
    with pytest.raises(DataError, match=r"pictures: 3 of 40 items rejected, at most 5% .*00000/00000000"):
        strict.read(strict.steps(0, 0)[0], 0)


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
