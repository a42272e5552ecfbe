"""Small valid files of every format, made by the project's own writers where it has one."""

import csv
import gzip
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat

from pipeline.core import stamp
from pipeline.core.boxes import Boxes
from pipeline.core.joints import NTU25
from pipeline.formats import (
    action_genome,
    boxes,
    depth_png,
    ntu_skeleton,
    png,
    synse,
    thermal_png,
    video,
    visual_genome,
    webdataset,
)
from pipeline.formats.shared import Skeleton

_BOX = {"x": 1, "y": 2, "w": 3, "h": 4}


def _random() -> np.random.Generator:
    """Drawn anew for every sample: a case is the same whichever samples were made before."""
    return np.random.default_rng(0)


def _json(path: Path, tree: object) -> None:
    path.write_text(json.dumps(tree))


def _table(path: Path, *rows: tuple) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def genome_frames(folder: Path) -> None:
    """Action Genome: two frames, one without people."""
    relations = {f"{group}_relationship": ["holding"] for group in action_genome.GROUPS}
    cup = {"class": "cup", "bbox": (1.0, 2.0, 3.0, 4.0), "visible": True, "metadata": {"tag": "t", "set": "train"}}
    hidden = {"class": "sofa", "bbox": None, "visible": False, "metadata": {"tag": "t", "set": "test"}}
    people = {
        "bbox": np.ones((1, 4), np.float32),
        "bbox_score": np.ones(1),
        "bbox_size": (480, 270),
        "bbox_mode": "xyxy",
    }
    nobody = people | {"bbox": np.ones((0, 4), np.float32), "bbox_score": np.ones(0)}
    keys = ["A.mp4/000001.png", "A.mp4/000031.png"]
    objects = {key: [cup | relations, hidden | dict.fromkeys(relations)] for key in keys}
    action_genome.write(folder, objects, dict(zip(keys, (people, nobody), strict=True)))


def genome_images(folder: Path) -> None:
    """Visual Genome of v1.2 with regions: two images."""
    dog = {"object_id": 1, "names": ["dog"], "synsets": ["dog.n.01"], "merged_object_ids": [9], **_BOX}
    about = {"width": 80, "height": 60, "url": "https://x.invalid/VG_100K/7.jpg"}
    relation = {"predicate": "ON", "subject": {**dog, "name": "dog"}, "object": {**dog, "name": "mat"}}
    region = {"region_id": 3, "phrase": "a dog", "x": 1, "y": 2, "width": 3, "height": 4}
    records = {
        "objects": {"objects": [dog]},
        "attributes": {"attributes": [{**dog, "attributes": ["brown"]}]},
        "relationships": {"relationships": [relation]},
        "image_data": about,
        "region_descriptions": {"regions": [region]},
    }
    for name, record in records.items():
        visual_genome.write(folder, name, [{"image_id": 7, **record}, {"image_id": 8, **record}])
    (folder / "object_alias.txt").write_text("dog,puppy\ncat,kitten, kitty\n")


def genome_graphs(folder: Path) -> None:
    """Visual Genome of v1.4: one image."""
    dog = {"object_id": 1, "names": ["dog"], "attributes": ["brown"], **_BOX}
    edge = {"predicate": "on", "subject_id": 1, "object_id": 1}
    visual_genome.write(folder, "scene_graphs", [{"image_id": 7, "objects": [dog], "relationships": [edge]}])


def annotations(folder: Path) -> None:
    """pyskl's pickle: a clip in three dimensions and one in two."""
    deep = {
        "frame_dir": "S001C001P001R001A003",
        "label": 2,
        "total_frames": 3,
        "keypoint": np.ones((1, 3, 25, 3), np.float16),
    }
    flat = {"frame_dir": "b", "label": 1, "total_frames": 2, "keypoint": np.ones((1, 2, 17, 2), np.float32)}
    flat["keypoint_score"] = np.full((1, 2, 17), 0.5, np.float32)
    tree = {"split": {"xsub_train": ["b"], "xsub_val": [deep["frame_dir"]]}, "annotations": [deep, flat]}
    (folder / "a.pkl").write_bytes(pickle.dumps(tree, 4))


def kinetics_skeleton(folder: Path) -> None:
    """One video's estimates: two frames, of two people and of one."""
    body = {"pose": [round(0.01 * i, 3) for i in range(36)], "score": [0.5] * 18}
    frames = [{"frame_index": 1, "skeleton": [body, body]}, {"frame_index": 4, "skeleton": [body]}]
    _json(folder / "a.json", {"data": frames, "label": "riding a bike", "label_index": 7})


def kinetics_labels(folder: Path) -> None:
    """Its label file."""
    entry = {"has_skeleton": True, "label": "x", "label_index": 4}
    _json(folder / "kinetics_train_label.json", {"a": entry, "b": entry | {"has_skeleton": False}})


def caption_pairs(folder: Path) -> None:
    """A question of every layout."""
    box = {"bbox_x": 1, "bbox_y": 2, "bbox_w": 30, "bbox_h": 40}
    texts = {"true_caption": "a man rides a horse", "false_caption": "a horse rides a man"}
    told = [{"image_path": "1.jpg", **texts, **box, "relation_name": "riding"}]
    _json(folder / "aro.json", [*told, {"image_path": "VG/2.jpg", **texts, "attributes": ["red", "big"]}])
    crepe = {"filename": "000000085329.jpg", "caption": "a cup", "negative_caption": "a cap"}
    _json(folder / "swap_obj.json", {"0": crepe, "1": crepe})
    _json(folder / "vl.json", [["VG_100K/1.jpg", {"POS": ["a cup"], "NEG": ["a cap", "no cup"]}]])
    line = {"image": "1.jpg", "caption": "a cup", "false_caption": ["a cap"], "rule": "odd"}
    (folder / "a.jsonl").write_text("\n".join(json.dumps(one) for one in (line, line | {"false_caption": "x"})))
    _table(folder / "a.csv", ("image", "caption", "false_caption", "rule"), ("1.jpg", "a cup", "a cap", "odd"))


def activitynet(folder: Path) -> None:
    """Two videos, one without annotations."""
    told = [{"segment": [0.25, 9], "label": "x"}, {"segment": [10, 12.5], "label": "y"}]
    _json(
        folder / "a.json",
        {
            "version": 1,
            "database": {
                "v_1": {"subset": "training", "annotations": told},
                "v_2": {"subset": "testing", "annotations": []},
            },
        },
    )


def box_table(folder: Path) -> None:
    """Boxes of two frames."""
    corners = np.array([[0, 1, 2, 3], [95, 0.5, 96, 72]], np.float32)
    boxes.write(folder / "a.csv", Boxes(np.array([0, 15]), corners, ("a, b", "stick")))


def class_list(folder: Path) -> None:
    """Class names, one a line."""
    (folder / "names.txt").write_text("ApplyEyeMakeup\nbrush_hair\nchanging wheel (not on bike)\nhurling (sport)\n")


def class_table(folder: Path) -> None:
    """A user's classes."""
    _table(folder / "classes.csv", ("class_id", "name", "context"), (0, "wave", "a hand moves"), (1, "sit down", ""))


def descriptions(folder: Path) -> None:
    """A user's texts."""
    _table(
        folder / "d.csv", ("class_id", "name", "long", "short"), (0, "wave", "a, b", "c"), (1, "sit  Down", "d", "e")
    )


def class_graph_table(folder: Path) -> None:
    """A user's scene graphs of classes."""
    header = ("name", "subject", "relation", "object")
    rows = (
        ("wave", "person", "raising", "hand [open, left]"),
        ("wave", "hand [open, left]", "beside", "head"),
        ("sit down", "person", "on", "chair"),
    )
    _table(folder / "g.csv", header, *rows)


def model_answers(folder: Path) -> None:
    """A language model's answers."""
    wave = {"id": "toy/0000/context", "answer": "A hand\nmoves. It stops."}
    told = (wave, {"answer": "x", "model": "m", "id": "toy/0001/context"})
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told))


def relations_by_model(folder: Path) -> None:
    """A language model's scene graphs."""
    answer = "person | holding | cup [white]\ncup [white] | on | table"
    told = ({"id": f"toy/000{number}/scene_graph", "answer": answer} for number in (0, 1))
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told))


_CLIPS = (
    ("clip_id", "modality", "path", "label", "subject", "split"),
    ("a", "video", "v.mp4#seconds=3-7.5", "wave", "3", "train"),
    ("b", "skeleton", "s.mat", "sit down", "", "test"),
)


def manifest(folder: Path) -> None:
    """A user's list of clips."""
    _table(folder / "manifest.csv", *_CLIPS)


def parquet_manifest(folder: Path) -> None:
    """The same as parquet."""
    columns = {name: [row[place] for row in _CLIPS[1:]] for place, name in enumerate(_CLIPS[0])}
    pq.write_table(pa.table(columns), folder / "manifest.parquet")


def kinetics_list(folder: Path) -> None:
    """Kinetics' own list."""
    _table(
        folder / "k.csv",
        ("label", "youtube_id", "time_start", "time_end", "split"),
        ("tai chi", "abcdefghijk", 1, 11, "train"),
        ("zumba", "bbcdefghijk", 0, 10, "validate"),
    )


def hmdb_list(folder: Path) -> None:
    """HMDB51's own list."""
    (folder / "l.txt").write_text("a (1).avi 1 \n#b.avi 2 \nc.avi 0 \nd e.avi 1\n")


def depth_frames(folder: Path) -> None:
    """Depth, three frames."""
    depth_png.write(folder / "clip", _random().integers(0, 65536, (3, 8, 9), dtype=np.uint16))


def thermal_frames(folder: Path) -> None:
    """Thermal, three frames."""
    thermal_png.write(folder / "clip", _random().integers(0, 65536, (3, 8, 9), dtype=np.uint16))


def grey_picture(folder: Path) -> None:
    """One picture of 8 bits."""
    png.write_grey(folder / "a.png", _random().integers(0, 256, (9, 7), dtype=np.uint8))


def pictures(folder: Path) -> None:
    """A picture of colour, as JPEG and as PNG."""
    picture = Image.fromarray(_random().integers(0, 256, (9, 7, 3), dtype=np.uint8))
    for ending in ("jpg", "png"):
        picture.save(folder / f"a.{ending}")


def shard(folder: Path) -> None:
    """Three samples, as our writer packs them and as img2dataset's does, with a pax header before every member."""
    content = io.BytesIO()
    Image.fromarray(_random().integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(content, "JPEG")
    texts = ("a cup on a table", "ein Käfer", None)
    packed = [webdataset.Sample(f"{k:09d}", "jpg", content.getvalue(), text, {"k": k}) for k, text in enumerate(texts)]
    webdataset.write(folder / "00000.tar", packed)
    with tarfile.open(folder / "00001.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, part in (("0.jpg", content.getvalue()), ("0.txt", b"a hat"), ("x" * 120 + ".jpg", b"")):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(part), 1.5
            tar.addfile(member, io.BytesIO(part))


def ntu(folder: Path) -> None:
    """Two bodies, one absent from a frame."""
    xyz = _random().normal(size=(2, 3, NTU25.num_joints, 3)).astype(np.float32)
    xyz[1, 0] = np.nan
    ntu_skeleton.write(folder / "a.skeleton", Skeleton(NTU25.name, xyz, (1, 2)), xyz[..., :2], xyz[..., :2])


def pku_skeleton(folder: Path) -> None:
    """Four frames, one body."""
    rows = _random().normal(size=(4, 150)).round(4)
    rows[:, 75:] = 0
    (folder / "0002-L.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in rows.tolist()))


def pku_labels(folder: Path) -> None:
    """Two actions."""
    (folder / "0002-L.txt").write_text("1,5,9,2\n51,20,30,1\n")


def pku_protocol(folder: Path) -> None:
    """The list of a protocol."""
    (folder / "cross-view.txt").write_text(
        "Training videos: \n0002-L, 0003-L, \n\nValidation videos: \n".replace("\n\n", "\n") + "0002-M, \n"
    )


def mat_skeleton(folder: Path) -> None:
    """UTD-MHAD's joints, uncompressed, so that lengths can be damaged."""
    savemat(folder / "a.mat", {"d_skel": _random().normal(size=(20, 3, 2)), "note": "x"}, do_compression=False)


def mat_depth(folder: Path) -> None:
    """UTD-MHAD's depth."""
    savemat(folder / "a.mat", {"d_depth": np.arange(240 * 320 * 2.0).reshape(240, 320, 2) % 4000}, do_compression=True)


def vectors(folder: Path) -> None:
    """SynSE's test part."""
    synse.write(folder, "ztest", _random().normal(size=(3, 4)).astype(np.float32), np.array([0, 1, 1]))


_WORDS = {"ride": [1.0, 0.5, -2.0], "bike": [0.25, 1e-3, 4.0], "ümlaut": [0.0, 0.0, 1.0]}


def word_text(folder: Path) -> None:
    """GloVe, or word2vec as text, packed."""
    text = "".join(f"{word} {' '.join(map(str, v))}\n" for word, v in _WORDS.items()).encode()
    (folder / "w.txt").write_bytes(text)
    (folder / "w.txt.gz").write_bytes(gzip.compress(b"3 3\n" + text, mtime=0))


def word_binary(folder: Path) -> None:
    """word2vec as numbers."""
    records = [word.encode() + b" " + np.array(v, "<f4").tobytes() + b"\n" for word, v in _WORDS.items()]
    (folder / "w.bin").write_bytes(b"3 3\n" + b"".join(records))


def film(folder: Path) -> None:
    """Colour and 16-bit grey."""
    frames = _random().integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    video.write(folder / "a.avi", frames, frames_per_second=10, codec="mpeg4")
    video.write(folder / "a.mp4", frames, frames_per_second=10, codec="libx264")
    video.write(folder / "g.mkv", frames[..., 0].astype(np.uint16) * 257, frames_per_second=10, codec="ffv1")


def wordnet(folder: Path) -> None:
    """A hat, which is a kind of ball."""
    hat = "00000000 06 n 01 hat 0 001 @ 00000052 n 0000 | worn\n"
    (folder / "data.noun").write_text(hat.ljust(52, "\n") + "00000052 06 n 01 ball 0 000 | thrown\n")
    (folder / "index.noun").write_text("ball n 1 0 1 0 00000052\nhat n 1 1 @ 1 0 00000000\n")


def stamped(folder: Path) -> None:
    """A source folder and its stamp."""
    (folder / "set").mkdir()
    (folder / "set" / "a b.txt").write_bytes(b"one")
    (folder / "set" / "b.txt").write_bytes(b"two")
    stamp.write(folder / "set", stamp.scan(folder / "set"))


def parameters(folder: Path) -> None:
    """Sections in YAML."""
    (folder / "params.yaml").write_text(
        "align:\n  optimizer: {lr: 1, betas: [0.9, 0.95], name: adam}\n  rows:\n    a: 1.0e-3\n"
    )


def missing_list(folder: Path) -> None:
    """A list of missing skeletons."""
    (folder / "missing.txt").write_text("These are bad:\n\nS001C002P005R002A008\nS001C002P006R001A008\n")


def array_of(content: bytes) -> np.ndarray:
    """A NumPy file's array."""
    found: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    return found
