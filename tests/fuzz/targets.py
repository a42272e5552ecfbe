"""Which readers are fed damaged files.

A target is a sample, the readers that its files are given to and the damage that suits them. `tests/fuzz/test_fuzz.py`
checks that every public reader of pipeline.formats is read by one of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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
    hmdb,
    kinetics_csv,
    kinetics_json,
    mat,
    ntu_names,
    ntu_skeleton,
    pack,
    picture_size,
    pictures,
    pkummd,
    plain_pickle,
    png,
    png_folder,
    rows,
    skeleton_arrays,
    skeleton_csv,
    skeleton_layout,
    skeletons,
    synse,
    thermal_png,
    typed_json,
    video,
    visual_genome,
    webdataset,
    word_vectors,
    wordnet,
)
from pipeline.text import requests, sources
from tests.fuzz import arrays, containers, evil, packs, readings, samples
from tests.fuzz.evil import Damage

Reader = Callable[..., object]


@dataclass(frozen=True)
class Target:
    """`read` takes the folder that `make` has filled, and checks what it gets; `readers` are those that it calls."""

    make: Callable[[Path], None]
    read: Callable[[Path], None]
    readers: tuple[Reader, ...]
    damage: Mapping[str, tuple[Damage, ...]]  # by the ending of the file


TARGETS = {
    "action_genome": Target(
        samples.genome_frames,
        readings.read_genome_frames,
        (action_genome.Annotations,),
        {".pkl": containers.PICKLE, ".txt": evil.TEXT},
    ),
    "visual_genome": Target(
        samples.genome_images,
        readings.read_genome_images,
        (visual_genome.opened, visual_genome.read_aliases),
        {".json": evil.JSON, ".txt": evil.TEXT},
    ),
    "visual_genome.graphs": Target(
        samples.genome_graphs, readings.read_genome_images, (visual_genome.opened,), {".json": evil.JSON}
    ),
    "annotations_pickle": Target(
        samples.annotations,
        readings.read_annotations,
        (annotations_pickle.read, annotations_pickle.read_clips, annotations_pickle.read_skeleton),
        {".pkl": containers.PICKLE},
    ),
    "plain_pickle": Target(
        samples.annotations, readings.read_pickle, (plain_pickle.read,), {".pkl": containers.PICKLE}
    ),
    "kinetics_json": Target(
        samples.kinetics_skeleton,
        readings.read_kinetics,
        (kinetics_json.read, kinetics_json.read_skeleton),
        {".json": evil.JSON},
    ),
    "kinetics_json.labels": Target(
        samples.kinetics_labels,
        readings.read_kinetics_labels,
        (kinetics_json.read_clips, kinetics_json.read_sides, typed_json.read),
        {".json": evil.JSON},
    ),
    "caption_pairs": Target(
        samples.caption_pairs,
        readings.read_caption_pairs,
        (caption_pairs.read, typed_json.read_lines),
        {".json": evil.JSON, ".jsonl": evil.JSON_LINES, ".csv": evil.TEXT},
    ),
    "activitynet": Target(
        samples.activitynet,
        readings.read_activitynet,
        (activitynet.read_clips, activitynet.read_sides),
        {".json": evil.JSON},
    ),
    "boxes": Target(samples.box_table, readings.read_boxes, (boxes.read,), {".csv": evil.TEXT}),
    "class_names": Target(samples.class_list, readings.read_names, (class_names.read_names,), {".txt": evil.TEXT}),
    "class_list": Target(samples.class_table, readings.read_classes, (datasets.read_classes,), {".csv": evil.TEXT}),
    "missing_skeletons": Target(
        samples.missing_list, readings.read_missing, (ntu_names.read_missing_skeletons,), {".txt": evil.TEXT}
    ),
    "class_texts": Target(samples.descriptions, readings.read_descriptions, (sources.from_csv,), {".csv": evil.TEXT}),
    "class_graphs": Target(
        samples.class_graph_table, readings.read_descriptions, (sources.from_csv,), {".csv": evil.TEXT}
    ),
    "answers": Target(samples.model_answers, readings.read_answers, (answers.read,), {".jsonl": evil.JSON}),
    "answers.texts": Target(
        samples.model_answers, readings.read_answered("context"), (requests.from_answers,), {".jsonl": evil.JSON}
    ),
    "answers.graphs": Target(
        samples.relations_by_model,
        readings.read_answered("scene_graph"),
        (requests.from_answers,),
        {".jsonl": evil.JSON},
    ),
    "clip_manifest": Target(
        samples.manifest,
        readings.read_manifest,
        (clip_manifest.read_clips, clip_manifest.read_sides, rows.read),
        {".csv": evil.TEXT},
    ),
    "clip_manifest.parquet": Target(
        samples.parquet_manifest,
        readings.read_manifest,
        (clip_manifest.read_clips, rows.read_parquet),
        {".parquet": containers.PARQUET},
    ),
    "kinetics_csv": Target(
        samples.kinetics_list,
        readings.read_kinetics_list,
        (kinetics_csv.read_clips, kinetics_csv.read_sides, rows.read_csv, rows.numbered_csv),
        {".csv": evil.TEXT},
    ),
    "hmdb": Target(
        samples.hmdb_list,
        lambda folder: readings.sides(hmdb.read_sides(readings.only(folder))),
        (hmdb.read_sides,),
        {".txt": evil.TEXT},
    ),
    "depth_png": Target(
        samples.depth_frames,
        readings.read_depth,
        (depth_png.read, depth_png.footage, png_folder.read, png_folder.frame_paths),
        {".png": containers.PNG},
    ),
    "thermal_png": Target(
        samples.thermal_frames,
        lambda folder: readings.footage(thermal_png.footage(folder / "clip")),
        (thermal_png.footage,),
        {".png": containers.PNG},
    ),
    "png": Target(samples.grey_picture, readings.read_grey, (png.read_grey,), {".png": containers.PNG}),
    "picture_size": Target(
        samples.pictures,
        readings.read_sizes,
        (picture_size.read,),
        {".jpg": evil.BYTES, ".png": containers.PNG},
    ),
    "pictures": Target(
        samples.pictures, readings.read_pictures, (pictures.read,), {".jpg": evil.BYTES, ".png": containers.PNG}
    ),
    "webdataset": Target(
        samples.shard, readings.read_shards, (webdataset.index, webdataset.shard_paths), {".tar": containers.TAR}
    ),
    "pack": Target(packs.make, packs.read, (pack.opened, pack.read_manifest, pack.Pack), {".pack": packs.PACK}),
    "ntu_skeleton": Target(
        samples.ntu,
        lambda folder: readings.skeleton(ntu_skeleton.read(readings.only(folder)), finite=False),
        (ntu_skeleton.read,),
        {".skeleton": evil.TEXT},
    ),
    "pkummd": Target(
        samples.pku_skeleton,
        readings.read_pku,
        (pkummd.read_skeleton, pkummd.read_part, pkummd.num_frames),
        {".txt": evil.TEXT},
    ),
    "pkummd.labels": Target(
        samples.pku_labels, readings.read_pku_labels, (pkummd.read_labels, pkummd.read_clips), {".txt": evil.TEXT}
    ),
    "pkummd.protocol": Target(
        samples.pku_protocol,
        lambda folder: readings.sides(pkummd.read_protocol(readings.only(folder))),
        (pkummd.read_protocol,),
        {".txt": evil.TEXT},
    ),
    "mat": Target(
        samples.mat_skeleton,
        readings.read_any_skeleton,
        (mat.read_skeleton, mat.read_array, skeletons.read),
        {".mat": evil.BYTES},
    ),
    "mat.depth": Target(
        samples.mat_depth,
        readings.read_depth_mat,
        (mat.depth_footage, clip_manifest.depth_footage),
        {".mat": evil.BYTES},
    ),
    "skeleton_arrays": Target(
        arrays.npy, arrays.read_array, (skeleton_arrays.read, skeletons.read), {".npy": containers.NPY}
    ),
    "skeleton_arrays.npz": Target(arrays.npz, arrays.read_array, (skeleton_arrays.read,), {".npz": arrays.NPZ}),
    "skeleton_arrays.json": Target(arrays.nested, arrays.read_array, (skeleton_arrays.read,), {".json": evil.JSON}),
    "skeleton_csv": Target(arrays.long, arrays.read_array, (skeleton_csv.read,), {".csv": evil.TEXT}),
    "skeleton_csv.wide": Target(arrays.wide, arrays.read_array, (skeleton_csv.read,), {".csv": evil.TEXT}),
    "skeleton_layout": Target(
        arrays.npy,
        arrays.read_layout,
        (skeleton_layout.declared, skeleton_layout.file_of),
        {".yaml": containers.YAML},
    ),
    "skeletons.unfit": Target(arrays.unknown, arrays.read_unknown, (skeletons.unfit,), {".bvh": evil.BYTES}),
    "synse": Target(samples.vectors, readings.read_vectors, (synse.read,), {".npy": containers.NPY}),
    "word_vectors": Target(
        samples.word_text, readings.read_words, (word_vectors.read,), {".txt": evil.TEXT, ".gz": containers.GZIP}
    ),
    "word_vectors.binary": Target(samples.word_binary, readings.read_words, (word_vectors.read,), {".bin": evil.BYTES}),
    "video": Target(
        samples.film,
        readings.read_film,
        (video.facts, video.rate, video.read, video.footage, video.grey_footage),
        {".avi": evil.BYTES, ".mp4": evil.BYTES, ".mkv": evil.BYTES},
    ),
    "wordnet": Target(samples.wordnet, readings.read_wordnet, (wordnet.WordNet,), {".noun": evil.TEXT}),
    "stamp": Target(samples.stamped, readings.read_stamp, (stamp.read,), {".stamp": evil.TEXT}),
    "params": Target(samples.parameters, readings.read_params, (params.read, params.load), {".yaml": containers.YAML}),
}
