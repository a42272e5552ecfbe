"""Every reader asked for all that it gives, and what must be true of that: finite boxes, shapes, texts to store."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from pipeline.core import params, stamp
from pipeline.datasets import shared as datasets
from pipeline.formats import (
    action_genome,
    activitynet,
    annotations_pickle,
    answers,
    boxes,
    caption_pairs,
    class_names,
    clip_manifest,
    depth_png,
    kinetics_csv,
    kinetics_json,
    mat,
    ntu_names,
    picture_size,
    pictures,
    pkummd,
    plain_pickle,
    png,
    png_folder,
    rows,
    segments,
    skeletons,
    synse,
    typed_json,
    video,
    visual_genome,
    webdataset,
    word_vectors,
    wordnet,
)
from pipeline.formats.unpickling import Built, Constructor
from pipeline.text import captions, requests, sources

CLASSES = ["wave", "sit down"]
WORDED = captions.Params(max_attributes=3, max_matchings=64)


def text(value: object) -> None:
    assert isinstance(value, str)
    value.encode()  # parquet holds no lone surrogates


def clips(found: list) -> None:
    for clip in found:
        text(clip.name)
        text(clip.recording)
        if isinstance(clip.label, str):
            text(clip.label)
        if clip.part and not clip.fault:
            assert segments.file_of(clip.recording + clip.part) == clip.recording


def sides(found: tuple) -> None:
    train, test = found
    for name in [*train, *test]:
        text(name)


def skeleton(found: object, *, finite: bool = True) -> None:
    xyz_MTV3 = found.xyz_MTV3
    assert (xyz_MTV3.dtype, xyz_MTV3.ndim, xyz_MTV3.shape[3]) == (np.float32, 4, 3)
    assert xyz_MTV3.shape[0] == len(found.body_ids)
    assert not finite or not np.isinf(xyz_MTV3).any()
    assert not finite or (np.isnan(xyz_MTV3).any(axis=(2, 3)) == np.isnan(xyz_MTV3).all(axis=(2, 3))).all()


def footage(found: object, *shape: int) -> None:
    count = min(found.num_frames, 3)
    frames = found.frames(range(count))
    assert frames.shape[0] == count
    assert not shape or frames.shape[1:] == shape
    assert frames.dtype in (np.uint8, np.uint16)


def only(folder: Path) -> Path:
    """The one file of a folder, or what stands in its place."""
    return next(iter(sorted(folder.iterdir()) if folder.is_dir() else [folder]), folder / "gone")


def read_genome_frames(folder: Path) -> None:
    found = action_genome.Annotations(folder)
    for key in found.frame_keys():
        text(key)
        with suppress(action_genome.BadFrameError):
            frame = found.read(key)
            numbers = [n for o in frame.objects if o.box_xywh for n in o.box_xywh] + [
                n for p in frame.persons for n in p.box_xyxy
            ]
            assert np.isfinite(numbers).all()
            assert np.isfinite([person.score for person in frame.persons]).all()
            assert frame.size is None or min(frame.size) > 0
            for entry in frame.objects:
                text(entry.name)
                assert entry.subset in (None, "train", "test")


def read_genome_images(folder: Path) -> None:
    visual_genome.read_aliases(folder / "object_alias.txt")
    with visual_genome.opened(folder) as found:
        for image_id in found.image_ids():
            with suppress(visual_genome.BadImageError):
                image = found.read(image_id)
                for thing in image.objects:
                    assert not np.isinf([thing.x, thing.y, thing.w, thing.h]).any()
                    assert all(isinstance(name, str) for name in thing.names)
            with suppress(visual_genome.BadImageError):
                assert all(np.isfinite([r.x, r.y, r.width, r.height]).all() for r in found.read_regions(image_id))


def read_annotations(folder: Path) -> None:
    path = only(folder)
    found = annotations_pickle.read_clips(path)
    clips(found)
    for clip in found:
        skeleton(annotations_pickle.read_skeleton(path.with_name(path.name + clip.part)))
    for names in annotations_pickle.read(path).splits.values():
        sides((names, []))


# A name that is not called stays a Constructor, and a type of numbers a Built: neither can do anything.
_PLAIN = (dict, list, tuple, str, bytes, bytearray, int, float, type(None), Built, Constructor)


def read_pickle(folder: Path) -> None:
    waiting, count = [plain_pickle.read(only(folder))], 0
    while waiting:
        value = waiting.pop()
        count += 1
        assert count < 2_000_000
        assert isinstance(value, _PLAIN)
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else []


def read_kinetics(folder: Path) -> None:
    found = kinetics_json.read(only(folder))
    skeleton(found.skeleton)
    text(found.label)
    skeleton(kinetics_json.read_skeleton(only(folder)))


_ANY_OBJECT = msgspec.json.Decoder(dict[str, kinetics_json._Labelled])


def read_kinetics_labels(folder: Path) -> None:
    clips(kinetics_json.read_clips(only(folder)))
    sides(kinetics_json.read_sides(only(folder)))
    typed_json.read(only(folder), _ANY_OBJECT, 1 << 20, "labels")


def read_activitynet(folder: Path) -> None:
    sides(activitynet.read_sides(only(folder)))
    clips(activitynet.read_clips(only(folder)))


def read_boxes(folder: Path) -> None:
    found = boxes.read(only(folder))
    assert found.corners_K4.shape == (len(found.labels), 4)
    assert np.isfinite(found.corners_K4).all()
    assert (found.corners_K4[:, 2:] >= found.corners_K4[:, :2]).all()
    assert (found.frame_K >= 0).all()


def read_names(folder: Path) -> None:
    found = class_names.read_names(only(folder))
    assert found
    assert all(class_names.words(name) or "not" in name.lower() for name in found)


def read_descriptions(folder: Path) -> None:
    for told in sources.from_csv(only(folder), CLASSES, WORDED):
        text(told.text)
        assert told.class_id in (0, 1)


def read_answers(folder: Path) -> None:
    for id_, answer in answers.read(only(folder)).items():
        text(id_)
        assert answer.strip()
        assert len(answer) <= answers.MAX_CHARACTERS


def read_answered(kind: str) -> Callable[[Path], None]:
    def reading(folder: Path) -> None:
        found = requests.from_answers(only(folder), "m", kind, "toy", CLASSES, WORDED)
        assert {told.class_id for told in found} == {0, 1}
        for told in found:
            text(told.text)

    return reading


def read_classes(folder: Path) -> None:
    found = datasets.read_classes(only(folder))
    assert [one.class_id for one in found] == list(range(len(found)))


def read_missing(folder: Path) -> None:
    assert len(ntu_names.read_missing_skeletons(only(folder), 2)) == 2


def read_manifest(folder: Path) -> None:
    path = only(folder)
    clips(clip_manifest.read_clips(path))
    sides(clip_manifest.read_sides(path))
    for row in rows.read(path, ("clip_id",)):
        text(row["clip_id"])


def read_kinetics_list(folder: Path) -> None:
    clips(kinetics_csv.read_clips(only(folder)))
    sides(kinetics_csv.read_sides(only(folder)))
    rows.read_csv(only(folder), ("split",))
    assert all(number > 1 for number, _ in rows.numbered_csv(only(folder), ("split",)))


def read_depth(folder: Path) -> None:
    footage(depth_png.footage(folder / "clip"))
    found = depth_png.read(folder / "clip")
    assert (found.dtype, found.ndim) == (np.uint16, 3)
    png_folder.read(folder / "clip", depth_png._NAMING, [0])
    assert len(png_folder.frame_paths(folder / "clip", depth_png._NAMING)) == len(found)


def read_depth_mat(folder: Path) -> None:
    for read in (mat.depth_footage, clip_manifest.depth_footage):
        footage(read(only(folder)), 240, 320)


def read_grey(folder: Path) -> None:
    found = png.read_grey(only(folder))
    assert found.ndim == 2
    assert found.dtype in (np.uint8, np.uint16)


def read_sizes(folder: Path) -> None:
    for ending in ("jpg", "png"):
        assert all(0 < side < 1 << 16 for side in picture_size.read(folder / f"a.{ending}"))


def read_pictures(folder: Path) -> None:
    for ending in ("jpg", "png"):
        path = folder / f"a.{ending}"
        assert pictures.read(path).mode == "RGB"
        made = pictures.resized(path, ending, lambda width, height: (0.0, 0.0, width / 2, float(height)), (4, 6))
        assert made.size == (6, 4)


def read_shards(folder: Path) -> None:
    for path in webdataset.shard_paths(folder):
        shard = webdataset.index(path)
        texts = list(shard.texts())
        assert len(texts) == len(shard.keys_N) > 0
        for number, said in enumerate(texts):
            text(shard.key(number))
            text(said)
            assert shard.text(number) == said
            assert 0 < len(shard.picture(number)) <= path.stat().st_size


def read_pku(folder: Path) -> None:
    path = only(folder)
    assert pkummd.read_part(path.with_name(path.name + "#frames=1-3")).num_frames == 2
    found = pkummd.read_skeleton(path)
    skeleton(found)
    assert found.num_frames == pkummd.num_frames(path)


def read_pku_labels(folder: Path) -> None:
    clips(pkummd.read_clips(only(folder)))
    assert all(0 <= one.class_id < 51 and 0 <= one.first < one.stop for one in pkummd.read_labels(only(folder)))


def read_any_skeleton(folder: Path) -> None:
    path = only(folder)
    skeleton(mat.read_skeleton(path), finite=False)
    skeleton(skeletons.read(path), finite=False)
    mat.read_array(path, "d_skel", "double", (20, 3, None), max_bytes=1 << 20)


def read_vectors(folder: Path) -> None:
    found = synse.read(folder, "ztest")
    assert len(found.vectors_ND) == len(found.class_ids_N)
    assert found.class_ids_N.dtype == np.int64
    assert found.vector(0).dtype == np.float32


def read_caption_pairs(folder: Path) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        found = caption_pairs.read(path)
        assert found
        for one in found:
            for said in (one.image, one.caption, one.false, one.rule):
                text(said)
                assert said.strip()
            assert (path.parent / one.image).resolve().is_relative_to(path.parent.resolve())
            assert one.crop_xywh is None or min(one.crop_xywh[2:]) > 0 <= min(one.crop_xywh)


def read_words(folder: Path) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        found = word_vectors.read(path, {"bike", "ümlaut", "plane"})
        assert all(v.shape == (found.dim,) and np.isfinite(v).all() for v in found.by_word.values())


def read_film(folder: Path) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        found = video.facts(path)
        per_second = video.rate(path)
        assert per_second is None or 0 < per_second < float("inf")
        first = list(range(min(2, found.num_frames)))
        assert video.read(path, first).shape == (len(first), found.height, found.width, 3)
        assert first
        footage(video.footage(path))
        footage(video.grey_footage(path))


def read_wordnet(folder: Path) -> None:
    found = wordnet.WordNet(folder)
    for word in ("hat", "ball", "no such word"):
        assert all(isinstance(name, str) for name in found.names(word, slice(None)))


def read_stamp(folder: Path) -> None:
    for file in stamp.read(folder / "set"):
        assert file.num_bytes >= 0
        assert ".." not in file.path.split("/")


def read_params(folder: Path) -> None:
    for section in params.read(only(folder)):
        with suppress(params.ParamsError):
            params.load(params.Params, str(section), only(folder))
