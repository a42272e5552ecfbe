"""The demo genomes of the tests, and graph, caption and negate in one go over them."""

from pathlib import Path

from pipeline.compute.shared import Compute
from pipeline.graphs import parts
from pipeline.graphs.corpora.visual_genome import RegionParams
from pipeline.steps.caption import Params as CaptionParams
from pipeline.steps.caption import caption
from pipeline.steps.graph import ActionGenomeRow, VisualGenomeRow, graph
from pipeline.steps.negate import Params, negate
from pipeline.text import negate as making
from pipeline.text import pools
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld

INLINE = Compute(engine="inline", num_workers=1)
VG = VisualGenomeWorld(kind="visual_genome", seed=0, images=12, width=96, height=72)
AG = ActionGenomeWorld(kind="action_genome", seed=0, videos=16, frames=5, width=96, height=72)
TELL = CaptionParams(max_attributes=2, max_matchings=64, max_tokens=77)
PARTS = parts.Params(val_share=0.5, seed=0)
RULES = [
    "exchange_attributes",
    "replace_attribute",
    "replace_object",
    "replace_predicate",
    "replace_subject",
    "swap_roles",
]


def vg_row(**changes) -> VisualGenomeRow:
    regions = RegionParams(max_regions=2, min_inside=0.8, max_area=0.5)
    return VisualGenomeRow(
        **({"kind": "visual_genome", "source": "s", "regions": regions, "parts": PARTS, "max_rejected": 0.0} | changes)
    )


AG_ROW = ActionGenomeRow(kind="action_genome", source="s", parts=PARTS, max_rejected=0.0)


def negating(**changes) -> Params:
    usual = {
        "source": "s",
        "negatives": making.Params(rules=RULES, per_rule=1, max_tries=16, seed=0),
        "pools": pools.Params(max_words=64, draw=pools.Seen(kind="seen", prior=4, free_share=0.1)),
        "wordnet": None,
        "leak_images": 1000,
        "samples_per_rule": 2,
    }
    return Params(**(usual | changes))


def run(root: Path, row, source: Path, params: Params | None = None, compute: Compute = INLINE) -> None:
    graph(row, compute, source=source, out=root / "graph.parquet")
    caption(TELL, compute, graphs=root / "graph.parquet", out=root / "caption.parquet")
    paths = {"graphs": root / "graph.parquet", "captions": root / "caption.parquet"}
    negate(
        params or negating(), compute, "demo", **paths, source=source, out=root / "negate.parquet", page=root / "page"
    )
