"""A small world of results: two methods on one split of demo, one on three splits of tiny, a page, some rejects."""

import json
import random
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import pages, params, tables
from pipeline.core.outputs import write_json
from pipeline.core.pages import Page
from pipeline.core.schemas import CLIPS, PREDICTIONS
from pipeline.core.scores import Provenance
from pipeline.core.seeds import generator
from pipeline.evaluation import metrics
from pipeline.evaluation import tables as figures
from pipeline.reporting import dag
from pipeline.steps.report import report
from tests.core.table_rows import clip_row
from tests.reporting.made_checks import checks

HERE = Path(__file__).parent
# A red dot of one pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077" + "53de0000000c49444154789c63f8cfc0000003010100"
    "c9fe92ef0000000049454e44ae426082"
)


@dataclass
class Inputs:
    """A folder laid out as the stages leave it, and the report drawn from it."""

    root: Path
    stages: Path = HERE / "small_dag.yaml"

    def write_result(
        self,
        name: str,
        method: dict[str, str],
        splits: list[str],
        names: list[str],
        skill: float,
        spaces: Any = ("all",),
    ) -> None:
        """Figures and predictions of a method that is right with probability `skill`, else guesses."""
        rows, lines = [], []
        for split in splits:
            for space, selection in (
                ("unseen", "validation"),
                *((one, "validation") for one in spaces),
                ("unseen", "oracle"),
            ):
                if selection == "oracle" and method["method"] != "dvta":
                    continue
                row, found = _row(method, split, space, selection, len(names), skill)
                rows.append(row)
                lines += found
        self.write_rows(name, rows)
        meta = {"method": method, "class_names": {str(i): n for i, n in enumerate(names)}}
        tables.write(self.root / f"reports/evaluate/{name}.parquet", PREDICTIONS, lines, meta)

    def write_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Figures of these rows, with the summaries that evaluate makes of them."""
        summary = figures.summaries(rows)
        file = self.root / f"reports/evaluate/{name}.json"
        write_json(file, {"rows": rows, "summary": summary, "headline": figures.headline(summary)})

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a result."""
        rows: list[dict[str, Any]] = json.loads((self.root / f"reports/evaluate/{name}.json").read_text())["rows"]
        return rows

    def change(self, name: str, **changes: Any) -> None:
        """Give all rows of a result these values."""
        self.write_rows(name, [row | changes for row in self.rows(name)])

    def write_page(self, stage: str, row: str, /, **changes: Any) -> None:
        """A page with one of everything."""
        series = [{"name": n, "x": [1, 2, 3, 4], "y": [2.1 - s, 1.2 - s, 0.8 - s, 0.7 - s]} for n, s in LINES.items()]
        page = {
            "title": "Training of the encoder",
            "stage": stage,
            "row": row,
            "text": ["Four epochs; the third was kept."],
            "tables": [
                {"title": "Kept epochs", "header": ["split", "epoch", "accuracy"], "rows": [["s0", 3, 0.81234]]}
            ],
            "lines": [{"title": "Loss", "x_label": "epoch", "y_label": "cross-entropy", "series": series}],
            "marks": [{"title": "Rules & co", "note": "Told < guessed", "reference": 0.5, "marks": MARKS}],
            "images": [{"file": "clip.png", "alt": "a red dot", "caption": "One frame."}],
        }
        folder = self.root / "features" / stage / row
        pages.write(folder, Page.model_validate(page | changes))
        (folder / "clip.png").write_bytes(PNG)

    def write_clips(self, dataset: str, reasons: list[str | None]) -> None:
        """A clips table, one clip a reason."""
        rows = [clip_row(clip_id=f"{dataset}/{i}", reason=reason) for i, reason in enumerate(reasons)]
        tables.write(self.root / f"data/ingest/{dataset}.parquet", CLIPS, rows)

    def write_plan(self) -> None:
        """The params, and the picture of the pipeline."""
        (self.root / "params.yaml").write_bytes((HERE / "small_params.yaml").read_bytes())
        picture = dag.svg(HERE / "small_dag.yaml", params.read(HERE / "small_params.yaml"))
        (self.root / "dag.svg").write_text(picture)

    def report(self, out: str = "report") -> dict[str, str]:
        """Draw the report; its files as text, by name."""
        report(
            evaluate=self.root / "reports/evaluate",
            pages=[self.root / "features/pretrain", self.root / "features/align"],
            clips=self.root / "data/ingest",
            arrays=self.root / "features/preprocess",
            params=self.root / "params.yaml",
            stages=self.stages,
            dag=self.root / "dag.svg",
            out=self.root / out,
        )
        files = sorted(path for path in (self.root / out).rglob("*") if path.is_file())
        return {path.relative_to(self.root / out).as_posix(): path.read_text(encoding="utf-8") for path in files}


COUNTS = {"num_clips": 48, "num_unscored": 0, "num_seen_classes": 3, "num_unseen_classes": 4, "num_paired_unseen": 0}
COUNTS |= {"num_source_classes": 0, "num_shared_subjects": 0, "num_undigested": 0}
LINES = {"s0, training": 0.0, "s0, held out": -0.2}
MARKS = [{"name": "swap", "value": 0.754, "ci95": [0.6, 0.9]}, {"name": "<b>odd</b>", "value": 0.25, "ci95": None}]
NAMES = ["sit down", "stand up", "raise both arms", "kick with the right leg", "bend & turn", "clap", "swing left arm"]


def method(dataset: str, split_table: str, name: str) -> dict[str, str]:
    rest = {"modality": "skeleton", "encoder": "stgcn", "variant": "tuned" if name == "dvta" else "plain"}
    named = {"dataset": dataset, "split_table": split_table, "protocol": "xsub"}
    return {**named, "method": name, "embeddings": f"{dataset}-minilm", **rest}


def _row(
    method: dict[str, str], split: str, space: str, selection: str, num_classes: int, skill: float
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    draw = random.Random(zlib.crc32(f"{method} {split} {space} {selection}".encode()))
    unseen = sorted(draw.sample(range(num_classes), 4))
    candidates = unseen if space == "unseen" else list(range(num_classes))
    truth = [unseen[i % 4] for i in range(48)]
    better = skill + (0.1 if selection == "oracle" else 0)
    given = [t if draw.random() < better * (0.4 + 0.3 * unseen.index(t)) else draw.choice(candidates) for t in truth]
    rank = np.array([1 if t == g else draw.randint(2, 7) for t, g in zip(truth, given, strict=True)])
    seen = sorted(set(range(num_classes)) - set(unseen))
    about = Provenance(
        split,
        0,
        space,
        "inductive",
        "validation",
        "seen",
        ["1", "9"],
        1,
        candidates,
        seen,
        None,
        [],
        None,
        None,
        [],
        [],
        None,
        None,
    )
    subjects = [2 + place % 5 for place in range(len(truth))]
    accuracy = metrics.accuracy(
        rank,
        truth,
        subjects,
        num_candidates=len(candidates),
        num_resamples=500,
        generator=generator(0, split),
    )
    row = figures.row(method, about, selection, "9", COUNTS)
    row |= {"paired_unseen": [], "kept_overlap": [], "checks": checks(selection, len(seen))}
    if space == "gzsl":
        row |= {"top1_seen": 0.7531, "top1_unseen": 0.1234, "harmonic_mean": 0.2121, "ausuc": 0.3456}
    key = {"split": split, "seed": 0, "selection": selection, "label_space": space}
    lines = [
        {
            **key,
            "clip_id": f"d/{i:03d}",
            "subject": subjects[i],
            "class_id": t,
            "predicted": g,
            "rank": int(r),
            "margin": 0.25 * (1 if t == g else -i),
        }
        for i, (t, g, r) in enumerate(zip(truth, given, rank, strict=True))
    ]
    return row | figures.figures(accuracy), lines


def _world(root: Path) -> Inputs:
    made = Inputs(root)
    for name, skill in (("ridge", 0.35), ("dvta", 0.5)):
        made.write_result(f"demo-skeleton-stgcn-{name}", method("demo", "random", name), ["s0"], NAMES, skill)
    made.write_result("tiny-skeleton-stgcn-ridge", method("tiny", "random", "ridge"), ["s0", "s1", "s2"], NAMES, 0.4)
    made.write_page("pretrain", "demo-skeleton-stgcn")
    made.write_clips("demo", [None, None, "no body: frame 3", "no body: frame 9", "empty file"])
    made.write_plan()
    return made


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """The small world, which a test may change before it draws the report."""
    return _world(tmp_path)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the small world's report, drawn once for all tests that only look."""
    return _world(tmp_path_factory.mktemp("world")).report()


@pytest.fixture(scope="session")
def html(files: dict[str, str]) -> dict[str, str]:
    """Its pages alone."""
    return {name: text for name, text in files.items() if name.endswith(".html")}
