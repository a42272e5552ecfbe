"""Held-out pairs of the demo genomes, fake encoders of a chosen skill and leak over them, and `compare` in one go."""

from pathlib import Path

import numpy as np

from pipeline.core import tables
from pipeline.core.pairs import FalseText, GeneralPair, GraphPair
from pipeline.core.schemas import GRAPHS, NEGATIVES
from pipeline.core.seeds import generator
from pipeline.steps.compare import Bootstrap, Inputs, Measure, Row, compare
from pipeline.training import heldout
from tests.steps.genomes import AG_ROW, run, vg_row

DIM = 24
BOOTSTRAP = Bootstrap(num_resamples=200, seed=0)
MEASURE = Measure(shuffles=4, candidates=4, seed=0)
ROW = Row(start="base", tuned=["gn"], examples=2)
GENERAL = [GeneralPair(f"s{number:03d}", f"a thing of kind {number % 20}") for number in range(30)]


def written(worlds: Path, root: Path) -> Path:
    """Graphs and negatives of both corpora as the stages leave them, with the folder of their pictures."""
    for corpus, row in (("vg", vg_row()), ("ag", AG_ROW)):
        scratch = root / "made" / corpus
        scratch.mkdir(parents=True)
        run(scratch, row, worlds / corpus)
        meta = tables.read_meta(scratch / "graph.parquet", GRAPHS) | {"source": str(worlds / corpus)}
        tables.write(
            root / f"graph/{corpus}.parquet",
            GRAPHS,
            tables.read_table(scratch / "graph.parquet", GRAPHS).to_pylist(),
            meta,
        )
        rows = tables.read_table(scratch / "negate.parquet", NEGATIVES).to_pylist()
        tables.write(root / f"negate/{corpus}.parquet", NEGATIVES, rows)
    return root


def pairs(root: Path, corpora=("vg", "ag")) -> list[GraphPair]:
    """A pair for every picture with negatives; every third negative is of an unseen composition."""
    found = []
    for corpus in corpora:
        meta = tables.read_meta(root / f"graph/{corpus}.parquet", GRAPHS)
        graphs = {
            (r["image_id"], r["region"]): r
            for r in tables.read_table(root / f"graph/{corpus}.parquet", GRAPHS).to_pylist()
        }
        false: dict[tuple[str, str], list[FalseText]] = {}
        captions = {}
        for number, row in enumerate(tables.read_table(root / f"negate/{corpus}.parquet", NEGATIVES).to_pylist()):
            key = (row["image_id"], row["region"])
            captions[key] = row["caption"]
            text = FalseText(row["rule"], row["index"], row["text"], row["certain"], unseen=number % 3 == 0)
            false.setdefault(key, []).append(text)
        for key, texts in false.items():
            crop = graphs[key]["crop_xywh"]
            path = Path(meta["source"]) / graphs[key]["image"]
            found.append(GraphPair(corpus, *key, path, tuple(crop) if crop else None, captions[key], tuple(texts)))
    return found


def picture(pair):
    """The name of what is shown, as bytes: a fake picture that the fake encoder can read."""
    named = pair.key if isinstance(pair, GeneralPair) else f"{pair.picture} {pair.crop_xywh}"
    return np.frombuffer(named.encode(), np.uint8)


class Encoder:
    """Texts have random vectors.

    A picture's leans to its captions by `skill` (of a general pair by `kept`), and all lean from false texts by `leak`.
    """

    def __init__(self, asked, seed: int, skill: float, leak: float = 0.0, kept: float = 1.0) -> None:
        self.seed, self.skill, self.leak, self.kept = seed, skill, leak, kept
        self.captions: dict[bytes, list[str]] = {}
        for pair in [*asked, *GENERAL]:
            self.captions.setdefault(picture(pair).tobytes(), []).append(pair.caption)
        self.true = {pair.caption for pair in asked}
        self.prior_D = self._random("prior")

    def _random(self, *named: str):
        return generator(self.seed, *named).normal(size=DIM) / DIM**0.5

    def _text(self, text: str):
        return self._random("text", text) + self.leak * self.prior_D * (1 if text in self.true else -1)

    def text_vectors(self, texts):
        return unit(np.stack([self._text(text) for text in texts]))

    def image_vectors(self, pictures):
        return unit(np.stack([self._picture(shown.tobytes()) for shown in pictures]))

    def _picture(self, named: bytes):
        texts = [self._text(text) for text in self.captions[named]]
        skill = self.kept if len(named) == 4 else self.skill
        return self._random("picture", named.decode()) + skill * np.mean(texts, axis=0) + self.leak * self.prior_D


def unit(x_ND):
    return (x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)).astype(np.float32)


def encode(root: Path, row: str, seed: int, asked=None, general=GENERAL, shuffles: int = 0, **skills: float) -> None:
    """Write the held-out vectors of one seed of a row; `shuffles` is the seed of the shuffled words."""
    asked = pairs(root) if asked is None else asked
    path = heldout.file(root / "finetune" / row, seed)
    encoder = Encoder(asked, seed, **skills)
    heldout.write(path, encoder, asked, general, picture, shuffles)


def compared(root: Path, row: Row = ROW, bootstrap: Bootstrap = BOOTSTRAP, measure: Measure = MEASURE) -> None:
    inputs = Inputs(finetuned=root / "finetune", graphs=root / "graph", negatives=root / "negate")
    compare("demo", row, bootstrap, measure, inputs, out=root / "demo.json", page=root / "compare" / "demo")
