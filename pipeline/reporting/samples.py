"""The page of a corpus's captions and negatives: random samples of every rule, and statistics."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core import pages
from pipeline.graphs import drawing
from pipeline.graphs.scene import SceneGraph
from pipeline.text.negate import Counts, Negative

_MAX_NODES = 9  # in one drawing


@dataclass(frozen=True)
class Sample:
    """One negative with all that is needed to show it."""

    graph: SceneGraph
    image: str | None  # relative to the source folder
    crop_xywh: Sequence[int] | None
    caption: str
    negative: Negative
    excerpts: tuple[str, str]  # where caption and negative differ


@dataclass
class Samples:
    """A random choice of negatives that does not depend on their order, and counts over a corpus."""

    a_rule: int
    chosen: dict[str, list[tuple[int, str, str, int, Sample]]] = field(default_factory=dict)
    sizes: dict[str, Counter[int]] = field(default_factory=dict)
    num_certain: int = 0  # negatives that the annotation proves to be false

    def count(self, counted: str, number: int) -> None:
        """Count a graph or caption by a number of its parts, such as objects."""
        self.sizes.setdefault(counted, Counter())[number] += 1

    def merge(self, later: "Samples") -> None:
        """Take in what was chosen and counted of other graphs."""
        for heap in later.chosen.values():
            for entry in heap:
                self.offer(entry[-1])
        for counted, sizes in later.sizes.items():
            self.sizes.setdefault(counted, Counter()).update(sizes)
        self.num_certain += later.num_certain

    def offer(self, sample: Sample) -> None:
        """Keep the sample if its seed, a random number, is among the smallest of its rule."""
        heap = self.chosen.setdefault(sample.negative.rule, [])
        negative = sample.negative
        # A heap of the largest first, hence the minus; ids make every entry different before the sample is compared.
        heapq.heappush(heap, (-negative.seed, sample.graph.image_id, sample.graph.region, negative.index, sample))
        if len(heap) > self.a_rule:
            heapq.heappop(heap)

    def of_rules(self) -> list[tuple[str, list[Sample]]]:
        """The chosen samples of each rule, in a fixed order."""
        ordered = {rule: sorted(heap, key=lambda entry: (-entry[0], *entry[1:4])) for rule, heap in self.chosen.items()}
        return [(rule, [entry[4] for entry in ordered[rule]]) for rule in sorted(ordered)]


def excerpts(caption: str, text: str) -> tuple[str, str]:
    """The clauses in which two texts differ, each with the words around."""
    start = next((i for i, (a, b) in enumerate(zip(caption, text, strict=False)) if a != b), 0)
    before = max(caption.rfind(", ", 0, start), caption.rfind(". ", 0, start))
    start = before + 2 if before >= 0 else 0
    back = 0
    while back < min(len(caption), len(text)) - start and caption[-1 - back] == text[-1 - back]:
        back += 1
    ends = [next((i for i in range(len(s) - back, len(s)) if s[i] in ",."), len(s)) for s in (caption, text)]
    return caption[start : ends[0]], text[start : ends[1]]


def write(
    folder: Path,
    row: str,
    samples: Samples,
    counts: Counts,
    more_tables: list[pages.Table],
    facts: dict[str, Any],
    source: Path,
) -> None:
    """Write page.json and its drawings into a folder; `more_tables` are shown after those of the rules."""
    images = [
        _drawn(folder, rule, number, sample, source)
        for rule, some in samples.of_rules()
        for number, sample in enumerate(some, 1)
    ]
    max_tokens = facts["params"]["max_tokens"]
    page = pages.Page(
        title=f"Captions and negatives of {row}",
        stage="negate",
        row=row,
        text=[
            "Every caption tells a scene graph in the fewest clauses.",
            "Every negative changes one thing in a caption and is false of the graph.",
            "A swap exchanges two phrases, and with them what stands beside them in the clause.",
            "The samples are random; what was changed is marked in the drawing.",
            f"{facts['num_cut_short']} of {facts['num_components']} components of graphs were cut short.",
            f"{_share(facts['num_fitted'], facts['num_captions'])} of the captions have more than {max_tokens} tokens.",
            "They were fitted, and negatives are made of what is left.",
            f"Of {counts.made.total()} negatives the annotation itself shows {samples.num_certain} to be false.",
        ],
        tables=[
            _sizes(samples),
            _rules(counts, facts["num_captions"]),
            *more_tables,
            _reasons(counts),
            *_listed(samples),
        ],
        lines=[],
        images=images,
    )
    pages.write(folder, page)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0.0%"


def _drawn(folder: Path, rule: str, number: int, sample: Sample, source: Path) -> pages.Image:
    edit = sample.negative.edit
    nodes = drawing.neighbourhood(sample.graph, edit.objects, _MAX_NODES)
    picture = drawing.load_picture(source / sample.image, sample.crop_xywh) if sample.image else None
    name = f"{rule}-{number}.png"
    drawing.draw(sample.graph, nodes, edit.objects, picture).save(folder / name)
    true, false = sample.excerpts
    return pages.Image(
        file=name,
        alt=f"Boxes and scene graph around what was changed: {edit.original} became {edit.new}",
        caption=f"{rule}, image {sample.graph.image_id}: true “{true}”, false “{false}”",
    )


def _sizes(samples: Samples) -> pages.Table:
    rows: list[list[pages.Cell]] = []
    for counted, sizes in samples.sizes.items():
        values = sorted(sizes.elements())
        mean = round(sum(values) / len(values), 2)
        rows.append([counted, len(values), values[0], values[len(values) // 2], mean, values[-1]])
    header = ["what", "graphs", "least", "median", "mean", "most"]
    return pages.Table(title="Sizes", header=header, rows=rows)


def _rules(counts: Counts, num_captions: int) -> pages.Table:
    dropped: Counter[str] = Counter()
    for (rule, _), number in counts.dropped.items():
        dropped[rule] += number
    rules = sorted({*counts.made, *dropped})
    rows: list[list[pages.Cell]] = [
        [rule, counts.made[rule], round(counts.made[rule] / max(1, num_captions), 3), dropped[rule]] for rule in rules
    ]
    header = ["rule", "made", "made for each caption", "candidates dropped"]
    return pages.Table(title="Negatives per rule", header=header, rows=rows)


def _reasons(counts: Counts) -> pages.Table:
    rows: list[list[pages.Cell]] = [[rule, why, number] for (rule, why), number in sorted(counts.dropped.items())]
    return pages.Table(title="Candidates dropped by reason", header=["rule", "reason", "candidates"], rows=rows)


def _listed(samples: Samples) -> list[pages.Table]:
    rows: list[list[pages.Cell]] = [
        [rule, sample.graph.image_id, *sample.excerpts] for rule, some in samples.of_rules() for sample in some
    ]
    return [pages.Table(title="Samples", header=["rule", "image", "true", "false"], rows=rows)] if rows else []
