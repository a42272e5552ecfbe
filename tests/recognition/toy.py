"""A tiny checkout with recordings of four senses and a row of bind over them, as the stages would leave it."""

import json
from pathlib import Path

import numpy as np

from pipeline import modalities
from pipeline.core import bound, store
from pipeline.core.joints import NTU25
from pipeline.formats import depth_png, ntu_skeleton, video
from pipeline.formats.shared import Skeleton
from pipeline.modalities.video import clip as hub_member
from pipeline.models import checkpoint, clip, open_clips
from pipeline.models.bound import BoundEncoder
from pipeline.models.encoder import encoder_of
from pipeline.models.methods.shared import unit
from pipeline.training import bound as weights
from pipeline.training.bound import BoundMetadata, HubMetadata
from pipeline.training.determinism import deterministic
from pipeline.training.encoding import Batches, encode

DIM, SIZE, NAMES = 6, 16, tuple(f"S001C001P001R002A00{number}" for number in (1, 2, 4))
SAMPLING = {"num_frames": 4, "stride": 0, "position": 0.5}
SENSES = {
    "skeleton": (
        "dvta50",
        {"num_frames": 9, "num_bodies": 2},
        "stgcn",
        {"graph": "paper", "plan": "reduced", "dropout": 0.5},
        "ntu25",
    ),
    "depth": (
        "metric",
        {
            "sampling": SAMPLING,
            "height": 12,
            "width": 16,
            "sensor": "demo",
            "unit": "metres",
            "crop": "none",
            "margin": 0.0,
        },
        "r2plus1d",
        {"widths": [4, 8], "dropout": 0.5},
        "depth_mm",
    ),
    "thermal": (
        "display",
        {"sampling": SAMPLING, "height": 12, "width": 16, "sensor": "thermal", "stretch": "clip"},
        "r2plus1d",
        {"widths": [4, 8], "dropout": 0.5},
        "grey8",
    ),
}
HUB = ("clip", {"sampling": SAMPLING, "size": SIZE})
ARCHITECTURE = {
    "embed_dim": DIM,
    "vision_cfg": {"image_size": SIZE, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}


def files(checkout: Path, modality: str) -> list[Path]:
    """The recordings of a sense, laid out and named as the demo's."""
    folder, ending = {
        "skeleton": ("", ".skeleton"),
        "depth": ("nturgb+d_depth", ""),
        "thermal": ("nturgb+d_ir", "_ir.avi"),
        "video": ("nturgb+d_rgb", "_rgb.mp4"),
    }[modality]
    return [checkout / "data/synthesize/demo" / folder / f"{name}{ending}" for name in NAMES]


def write_recordings(checkout: Path) -> None:
    draw = np.random.default_rng(0)
    for modality in (*SENSES, "video"):
        for path in files(checkout, modality):
            path.parent.mkdir(parents=True, exist_ok=True)
            if modality == "skeleton":
                xyz = draw.normal(size=(2, 12, NTU25.num_joints, 3)).astype(np.float32) + np.float32(3)
                ntu_skeleton.write(path, Skeleton("ntu25", xyz, (1, 2)), xyz[..., :2], xyz[..., :2])
            elif modality == "depth":
                depth_png.write(path, draw.integers(600, 6000, (5, 18, 24), dtype=np.uint16))
            else:
                colours = () if modality == "thermal" else (3,)
                frames = draw.integers(0, 256, (6, 16, 24, *colours), dtype=np.uint8)
                codec = "ffv1" if modality == "thermal" else "libx264"
                video.write(path, frames, frames_per_second=10, codec=codec)


def write_clip(checkout: Path) -> HubMetadata:
    start = checkout / "start.json"
    start.write_text(json.dumps({"architecture": ARCHITECTURE, "pretrained": None, "checkpoint": None}))
    model = clip.start(start, 7)
    model.model.logit_scale.data.fill_(np.log(20.0))
    clip.save(checkout / "features/finetune/toy/0.safetensors", model, {"named_classes": {"demo": []}})
    return HubMetadata(
        modality="video",
        recipe=HUB[0],
        recipe_options=HUB[1],
        encoder="clip",
        options={"pooling": "mean_unit"},
        layout="rgb",
        weights="features/finetune/toy",
        seed=0,
        weights_hash=open_clips.identity(checkout / "features/finetune/toy", 0),
        learned=False,
    )


def about(name: str, modality: str, hub: HubMetadata, seed: int = 0) -> BoundMetadata:
    recipe, recipe_options, encoder, options, layout = SENSES[modality]
    return BoundMetadata(
        sense=name,
        modality=modality,
        recipe=recipe,
        recipe_options=recipe_options,
        encoder=encoder,
        options=options,
        layout=layout,
        dim=DIM,
        dataset="demo",
        split_table="films",
        split="composed",
        seed=seed,
        pairs="fit",
        paired={"demo": [0]},
        training_classes=[0],
        training_clips=None,
        unseen_classes=[1],
        pretrained=None,
        temperature=0.8,
        hub=hub,
        epoch=1,
        history=[],
    )


def write_sense(row: Path, told: BoundMetadata) -> BoundEncoder:
    with deterministic(told.seed, 1):
        module = BoundEncoder(
            modalities.sense(told.modality).build(told.encoder, told.options, told.layout, "here"), DIM
        )
    weights.save(bound.weights(row, told.sense, told.split, told.seed), module, told)
    return module.requires_grad_(False).eval()


class Prepared:
    """Clips as a store of preprocess gives them."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.x[rows]


def write_store(
    checkout: Path, name: str, modality: str, recipe: str, options: dict, encoder: object, group: str = "composed-0"
) -> None:
    """All clips in one batch, read as their dataset is: what the stages do."""
    sense = modalities.sense(modality)
    read, prepare = sense.read("demo"), sense.prepare(recipe, options, "here")
    x = np.stack([prepare(read(path)) for path in files(checkout, modality)])
    pooled = unit(encode(encoder_of(encoder), Prepared(x), Batches(batch_size=3, num_threads=1)))
    attrs = {"dataset": "demo", "split_table": "films", "modality": modality, "senses": [name]}
    with store.create(bound.vectors(checkout / "features/bind/demo-sgfa", name), attrs) as writer:
        attrs = {"weights_hash": open_clips.identity(checkout / "features/finetune/toy", 0)}
        writer.group(group, [f"demo/{one}" for one in NAMES], attrs).put("pooled", pooled)


def write(checkout: Path) -> None:
    """All of it, in an empty folder."""
    write_recordings(checkout)
    hub = write_clip(checkout)
    for name, (recipe, options, *_) in SENSES.items():
        module = write_sense(checkout / "features/bind/demo-sgfa", about(name, name, hub))
        write_store(checkout, name, name, recipe, options, module)
    encoder, _ = hub_member.frozen(checkout / hub.weights, 0, hub.options, "here")
    write_store(checkout, "hub", "video", *HUB, encoder, "all-0")


def edited(file, edit):
    """The weights of a sense with other metadata."""
    state, told = checkpoint.load(file)
    edit(told)
    checkpoint.write(file, state, told)
