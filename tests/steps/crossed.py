"""Two toy datasets of one sense: classes lie on a line of directions, in text and, by one map, in the features."""

# Shapes: D feature size, T text size.
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import store
from pipeline.models.tasks import Inputs
from pipeline.steps import cross
from tests import toy
from tests.core.table_rows import clip_row

Array = npt.NDArray[np.float32]

YARD = ["hop", "walk", "bow", "kick ball", "wave hand", "clap", "stretch arms", "sit down", "turn around"]
PARK = ["kicking a ball", "leap", "greet", "crouch", "spin", "applaud"]
ANGLES = dict(zip(YARD, np.linspace(0.0, 2.4, 9).tolist(), strict=True))
ANGLES |= {"kicking a ball": 1.3, "leap": 0.1, "greet": 1.1, "crouch": 2.0, "spin": 2.3, "applaud": 1.501}
YARD_PARTS = {"fit": [0, 1, 3, 5, 6, 8], "val": [2, 4, 7], "unseen": []}
PARK_PARTS = {"half_0": [0, 2, 4], "full": [0, 1, 2, 3, 4, 5]}
TAUGHT = [0, 1, 6, 8]  # fit classes that the park does not have
GROUP = {"split": "source", "seed": 0, "training_classes": TAUGHT, "weights_hash": "w"}
FOREIGN: dict[str, Any] = {"split": "source", "seed": 0, "training_classes": [], "weights_hash": "w", "source": "yard"}

TOLD = {**FOREIGN, "training_names": [YARD[class_id] for class_id in TAUGHT]}


def texts_of(names: list[str]) -> Array:
    """Unit vectors on an arc."""
    angle_K = np.array([ANGLES[name] for name in names])
    return np.stack([np.cos(angle_K), np.sin(angle_K)], axis=1).astype(np.float32)


class Place:
    """The inputs of one dataset."""

    def __init__(self, root: Path, name: str, names: list[str], parts: dict[str, dict[str, list[int]]]) -> None:
        self.root, self.name, self.names, self.parts = root, name, names, parts
        self.move_features(root / "features/extract")
        self.prompts, self.clips = root / f"prompt/{name}.parquet", root / f"ingest/{name}.parquet"
        self.ids = [f"{name}/{c}-{n}" for c in range(len(names)) for n in range(4)]

    def move_features(self, folder: Path) -> None:
        """Let the store of features stand in another folder from now on."""
        self.inputs = Inputs(
            folder / f"{self.name}.zarr",
            self.root / f"features/embed/{self.name}.zarr",
            self.root / f"split/{self.name}.parquet",
        )

    @property
    def where(self) -> cross.DatasetPaths:
        """As the step takes them."""
        return cross.DatasetPaths(self.inputs, self.prompts)

    def class_id(self, clip_id: str) -> int:
        """Of a clip."""
        return int(clip_id.partition("/")[2].partition("-")[0])

    def write_features(self, groups: dict[str, dict[str, Any]], *, in_text_space: bool = False, **about: Any) -> None:
        """Texts, mapped by one map for all datasets, and a little noise, the same in all groups."""
        map_TD = np.eye(2) if in_text_space else np.random.default_rng(0).normal(size=(2, 6))
        row_N = [self.class_id(clip_id) for clip_id in self.ids]
        noise_ND = np.random.default_rng(len(self.names)).normal(0, 0.01, (len(row_N), map_TD.shape[1]))
        vectors_ND = texts_of(self.names)[row_N] @ map_TD + noise_ND
        toy.write_features(self.inputs.features, self.ids, vectors_ND, groups, dataset=self.name, **about)

    def write_texts(
        self,
        kinds: tuple[str, ...] = ("label", "context"),
        more: dict[str, dict[str, Any]] | None = None,
        **about: Any,
    ) -> None:
        """A vector a class and kind; `more` are attributes of groups of three numbers."""
        attrs = {"dataset": self.name, "dim": 2, "encoder": "arc", "weights_hash": "texts", **about}
        with store.create(self.inputs.embeddings, attrs) as writer:
            for kind in kinds:
                ids = toy.text_ids(len(self.names))
                writer.group(kind, ids).put("pooled", texts_of(self.names))
            for kind, told in (more or {}).items():
                writer.group(kind, ids, told).put("pooled", np.ones((len(ids), 3), np.float32))
        toy.write_prompts(self.prompts, self.names, self.name)

    def write_split(self) -> None:
        """Of fit classes the last clip is held out."""
        clips = {clip_id: self.class_id(clip_id) for clip_id in self.ids}
        rows = toy.split_rows(clips, self.parts, held_out=[clip_id for clip_id in clips if clip_id.endswith("-3")])
        meta = {"dataset": self.name, "split_table": "t", "protocol": None, "class_names": self.names}
        toy.write_split(self.inputs.split, rows, self.parts, **meta)

    def write_clips(self) -> None:
        """What evaluate opens."""
        rows = [clip_row(clip_id=clip_id, class_id=self.class_id(clip_id)) for clip_id in self.ids]
        toy.write_clips(self.clips, rows, self.names, self.name)

    def write(self, groups: dict[str, dict[str, Any]]) -> None:
        """Everything."""
        self.write_features(groups)
        self.write_texts()
        self.write_split()
        self.write_clips()


class World:
    """A yard to learn in and a park to be tested in; "kicking a ball" and "applaud" are the yard's, too."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.yard = Place(root, "yard", YARD, {"source": YARD_PARTS})
        targets = {name: {"fit": [], "val": [], "unseen": unseen} for name, unseen in PARK_PARTS.items()}
        self.park = Place(root, "park", PARK, targets)
        self.yard.write({"source-0": GROUP})
        self.park.write({"source-0": TOLD})

    def teach(self, classes: list[int], **more: Any) -> None:
        """Let the encoder have been taught these classes of the yard."""
        self.yard.write_features({"source-0": {**GROUP, "training_classes": classes, **more}})
        names = [YARD[class_id] for class_id in classes]
        self.park.write_features({"source-0": {**FOREIGN, "training_names": names, **more}})


SIDE = {"split_table": "t", "features": "extract/x.zarr", "embeddings": "arc"}
COMPOSED = {
    "method": "prototypes",
    "text_type": "label",
    "centre": "none",
    "inference": "visual_prototypes",
    "constraints": "all",
    "cap": "row",
    "extra": None,
    "selection": "val",
    "grid": {"num_neighbours": [2, 4], "rho": [2], "theta": [0.0]},
}
ROW: dict[str, Any] = {
    "source": {"dataset": "yard", "split": "source", **SIDE},
    "target": {"dataset": "park", **SIDE},
    "splits": ["half_0", "full"],
    "seeds": [0],
    "overlap": {"keep": False, "threshold": 0.001, "text_type": "label"},
    "max_missing": 0.0,
    "refit": "seen",
    "how": COMPOSED,
}
KEPT = {"overlap": {"keep": True, "threshold": 0.001, "text_type": "label"}}
