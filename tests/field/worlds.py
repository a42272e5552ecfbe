"""Tiny recordings in the native formats of NTU RGB+D and PKU-MMD: every class, a few performers, a dozen frames.

Nothing real: a body at rest whose hands swing as the number of the class says.
"""

# Shapes: M bodies, T frames, V = 25 joints, 3 = x y z.
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.joints import NTU25
from pipeline.core.seeds import generator
from pipeline.formats import ntu_skeleton
from pipeline.formats.shared import Skeleton
from pipeline.world.bodies import Sizes, sampled_body
from pipeline.world.poses import at_rest, placed

Array = npt.NDArray[np.float64]

FRAMES = 12
# Who trains under every protocol, and who tests: setup, camera, subject and replication of NTU RGB+D.
TRAIN, TEST = ((2, 2, 1, 1), (2, 2, 1, 2)), ((1, 1, 3, 1),)
MISSING = (1, 1, 3, 2)  # a recording, of the first class, that the owners' list calls bad
FIRST_MUTUAL = 49  # A50 to A60 are done by two
NUM_MISSING = {"ntu60": 302, "ntu120": 535}
PKU_TRAIN, PKU_TEST = ("0002-M", "0003-M"), ("0004-L",)


def swinging(class_id: int, performer: int, num_bodies: int = 1) -> Array:
    """xyz_MTV3 in metres, a body beside the other, two metres and a half before the sensor."""
    draws = generator(performer, "tiny field", class_id)
    bodies = []
    for number in range(num_bodies):
        xyz_TV3 = placed(sampled_body(draws, Sizes(mean=1.0, deviation=0.05)), at_rest(FRAMES))
        times_T = 2 * np.pi * np.arange(FRAMES) / FRAMES * (1 + class_id % 4)
        for side, share in (("right", 1.0), ("left", (class_id // 12 % 3) / 2)):
            for joint in ("elbow", "wrist", "hand", "hand_tip", "thumb"):
                place = NTU25.names.index(f"{joint}_{side}")
                xyz_TV3[:, place, class_id // 4 % 3] += 0.3 * share * np.sin(times_T + number)
        bodies.append(xyz_TV3 + np.array([0.9 * number, 0.0, 2.5]) + draws.normal(scale=0.005, size=xyz_TV3.shape))
    return np.stack(bodies)


def write_ntu(folder: Path, dataset: str) -> None:
    """Three skeleton files a class, and the owners' list of recordings whose skeletons are missing."""
    folder.mkdir(parents=True)
    missing = named(*MISSING, 0)
    write_skeleton(folder / f"{missing}.skeleton", swinging(0, 9))
    for class_id in range(int(dataset.removeprefix("ntu"))):
        for number, (setup, camera, subject, replication) in enumerate((*TRAIN, *TEST)):
            recording = named(setup, camera, subject, replication, class_id)
            num_bodies = 2 if class_id >= FIRST_MUTUAL else 1
            write_skeleton(folder / f"{recording}.skeleton", swinging(class_id, number, num_bodies))
    others = [named(9, 3, 1 + number // 50, 1, number % 50) for number in range(NUM_MISSING[dataset] - 1)]
    prefix = {"ntu60": "NTU_RGBD", "ntu120": "NTU_RGBD120"}[dataset]
    (folder / f"{prefix}_samples_with_missing_skeletons.txt").write_text("\n".join([missing, *others]) + "\n")


def named(setup: int, camera: int, subject: int, replication: int, class_id: int) -> str:
    """A recording by the rule of NTU RGB+D."""
    return f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{class_id + 1:03d}"


def write_skeleton(path: Path, xyz_MTV3: Array) -> None:
    pixels = np.zeros((*xyz_MTV3.shape[:3], 2), np.float32)
    skeleton = Skeleton(NTU25.name, xyz_MTV3.astype(np.float32), tuple(range(1, len(xyz_MTV3) + 1)))
    ntu_skeleton.write(path, skeleton, pixels, pixels)


def write_pku(folder: Path) -> None:
    """Three untrimmed recordings that show every class once, their labels, and the lists of both protocols."""
    for number, recording in enumerate((*PKU_TRAIN, *PKU_TEST)):
        frames, labels = [], []
        for class_id in range(51):
            two_MTV3 = swinging(class_id, number, num_bodies=2)
            labels.append(f"{class_id + 1},{len(frames) + 1},{len(frames) + FRAMES},2")
            frames += [" ".join(f"{value:.5g}" for value in frame.ravel()) for frame in two_MTV3.swapaxes(0, 1)]
            frames.append(" ".join(["0"] * two_MTV3[:, 0].size))  # between two actions nobody is seen
        write_lines(folder / f"PKU_Skeleton_Renew/{recording}.txt", frames)
        write_lines(folder / f"Train_Label_PKU_final/{recording}.txt", labels)
    lists = ["Training videos:", ", ".join(PKU_TRAIN), "Validation videos:", ", ".join(PKU_TEST)]
    for protocol in ("cross-subject", "cross-view"):
        write_lines(folder / f"Split/{protocol}.txt", lists)


def write_lines(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


WRITERS: dict[str, Callable[[Path], None]] = {
    "ntu60": partial(write_ntu, dataset="ntu60"),
    "ntu120": partial(write_ntu, dataset="ntu120"),
    "pku_mmd": write_pku,
}
