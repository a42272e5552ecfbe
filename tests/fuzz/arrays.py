"""Skeletons as arrays: samples of each form, what must be true of a reading, and damage within archives."""

import csv
import io
import json
import warnings
import zipfile
from pathlib import Path
from random import Random

import numpy as np

from pipeline.core import joints
from pipeline.formats import skeleton_arrays, skeleton_csv, skeleton_layout, skeletons
from tests.fuzz import containers, evil, readings
from tests.fuzz.evil import Damage

LAYOUT = """joints: [pelvis, neck, shoulder_left, RightShoulder]
parents: {neck: pelvis, shoulder_left: neck, RightShoulder: neck}
unit: cm
axes: T J C
key: clip
up: z
handed: left
confidence: true
frame_rate: 30
"""
_LABELS = ("pelvis", "neck", "shoulder_left", "RightShoulder")


def _joints(folder: Path, layout: str = LAYOUT) -> np.ndarray:
    """A layout file, and the array of five frames that it tells of."""
    (folder / "layout.yaml").write_text(layout)
    return np.random.default_rng(0).uniform(1, 99, (5, 4, 4)).astype(np.float32)


def _table(path: Path, *rows: tuple) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def npy(folder: Path) -> None:
    """As NumPy saves it."""
    np.save(folder / "a.npy", _joints(folder))


def npz(folder: Path) -> None:
    """Two arrays in an archive."""
    np.savez_compressed(folder / "a.npz", clip=_joints(folder), label=np.array(3))


def nested(folder: Path) -> None:
    """Lists in lists."""
    (folder / "a.json").write_text(json.dumps({"clip": _joints(folder).tolist(), "label": "wave"}))


def long(folder: Path) -> None:
    """A line a joint; two people."""
    array = _joints(folder)
    names = (*_LABELS[:3], "3")
    rows = [(t, m, names[v], *array[t, v]) for m in "ab" for t in range(5) for v in range(4)]
    _table(folder / "a.csv", ("frame", "person", "joint", "x", "y", "z", "confidence"), *rows)


def wide(folder: Path) -> None:
    """A line a frame."""
    array = _joints(folder, LAYOUT.replace("confidence: true", "confidence: false"))
    names = [f"{joint}_{axis}" for joint in _LABELS for axis in "xyz"]
    _table(folder / "a.csv", ("frame", *names), *((t, *array[t, :, :3].ravel()) for t in range(5)))


def unknown(folder: Path) -> None:
    """A file of a format that nobody reads."""
    (folder / "a.bvh").write_bytes(b"HIERARCHY\nROOT Hips\n")


def read_array(folder: Path) -> None:
    path = next(folder.glob("a.*"), folder / "a.npy")
    found = skeletons.read(path)
    readings.skeleton(found, finite=False)
    assert found.num_frames > 0
    layout = skeleton_layout.declared(folder)
    assert layout is not None
    assert skeleton_layout.file_of(path) == layout.path
    assert joints.find(found.layout) == layout.joints
    assert skeleton_arrays.read(path.with_name(path.name + "#frames=0-1")).num_frames == 1
    if path.suffix == ".csv":
        assert skeleton_csv.read(path, layout).shape[2:] == (layout.joints.num_joints, layout.num_values)


def read_layout(folder: Path) -> None:
    layout = skeleton_layout.declared(folder)
    if layout is not None:
        assert joints.find(layout.joints.name) == layout.joints
        assert len(layout.labels) == layout.joints.num_joints


def read_unknown(folder: Path) -> None:
    readings.text(skeletons.unfit(folder / "a.bvh"))


def in_archive(rng: Random, data: bytes) -> bytes:
    """Damage to the arrays of an archive, whose sums stay right; and archives of many arrays, or of a great one."""
    file = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),  # a name that occurs twice
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", rng.choice((0, 8, 12, 14))) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, containers.npy(rng, content) if rng.random() < 0.7 else content)
        for count in range(rng.choice((0, 0, 1, 1500))):
            new.writestr(rng.choice(("clip.npy", f"{count}.npy", "../a.npy")), b"")
        if rng.random() < 0.1:
            new.writestr("clip.npy", bytes(64 << 20), zipfile.ZIP_DEFLATED)
    return file.getvalue()


NPZ: tuple[Damage, ...] = (in_archive, in_archive, *evil.BYTES)
