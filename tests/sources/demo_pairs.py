"""Tables of demo genomes and shards of demo pairs for the tests of what reads them."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.core import tables
from pipeline.core.schemas import GRAPHS
from pipeline.formats import webdataset
from pipeline.formats.webdataset import Sample
from pipeline.graphs.scene import from_json
from pipeline.sources import pairs
from pipeline.sources.pairs import Folders, Pairs, Params
from pipeline.steps.synthesize import synthesize
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld
from tests.steps.genomes import AG_ROW, INLINE, run, vg_row

VG = VisualGenomeWorld(kind="visual_genome", seed=0, images=40, width=96, height=72)
AG = ActionGenomeWorld(kind="action_genome", seed=0, videos=16, frames=6, width=96, height=72)
SIZE = (24, 32)
TEXTS = ["a person jumps", "someone waves", "a red cup on a table", "a man holding a book", "a dog", "clouds"] * 20


class Numbers:
    """Numbers that tell texts apart; "|" parts a text that is too long."""

    def __call__(self, texts):
        return np.array([[len(text), *map(ord, text[:6].ljust(6))] for text in texts], np.int64)

    def pieces(self, text):
        return text.split("|")


tokenize = Numbers()


def jpeg(shade) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 255 - shade, 9)).save(content, "JPEG")
    return content.getvalue()


def params(**changes) -> Params:
    usual: dict[str, Any] = {
        "corpora": ["vg", "ag"],
        "graphs_train": True,
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
        for row in tables.read_table(root / "graph" / f"{name}.parquet", GRAPHS).to_pylist()
    }


def rows_of(root, stage, form, name) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tables.read_table(root / stage / f"{name}.parquet", form).to_pylist():
        found.setdefault(f"{name}|{row['image_id']}|{row['region']}", []).append(row)
    return found


def action_boxes(row) -> list[tuple[float, ...]]:
    """Of the ends of a graph's actions, those that have a box."""
    graph = from_json(row["graph"])
    ends = {n for k in row["actions"] for n in (graph.relations[k].subject, graph.relations[k].object)}
    return [thing.box_xywh for thing in graph.objects if thing.id in ends and thing.box_xywh]


def made(root: Path, vg: VisualGenomeWorld = VG, ag: ActionGenomeWorld = AG, num_texts: int = len(TEXTS)) -> Path:
    """Fill a folder with the worlds, the tables of the stages and two shards."""
    for world, name, row in ((vg, "vg", vg_row(source="vg")), (ag, "ag", AG_ROW.model_copy(update={"source": "ag"}))):
        synthesize(world, INLINE, row=name, out=root / name, page=root / "pages" / name)
        run(root / "made" / name, row, root / name)
        for stage in ("graph", "caption", "negate"):
            (root / stage).mkdir(exist_ok=True)
            shutil.copy(root / "made" / name / f"{stage}.parquet", root / stage / f"{name}.parquet")
    (root / "shards").mkdir()
    for shard, texts in enumerate((TEXTS[: num_texts // 2], TEXTS[num_texts // 2 : num_texts])):
        part = enumerate(texts)
        samples = (Sample(f"{shard:05d}{k:04d}", "jpg", jpeg(k), f"{text} {k}", {}) for k, text in part)
        webdataset.write(root / "shards" / f"{shard:05d}.tar", samples)
    return root
