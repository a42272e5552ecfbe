"""caption: scene graphs -> captions with their clause boundaries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

from pydantic import Field

from pipeline.compute.shared import Compute, run
from pipeline.core import tables
from pipeline.core.progress import say, track
from pipeline.core.schemas import CAPTIONS, GRAPHS, CaptionRow, GraphRow
from pipeline.graphs.blocks import Block, blocks
from pipeline.graphs.scene import from_json
from pipeline.text import captions, fitting
from pipeline.text.captions import Caption, Captioner, pieces_to_json
from pipeline.text.clip_tokens import ClipTokens, tokens
from pipeline.text.lexicon import of_corpus
from pipeline.text.realisation import CaptionText, Piece


class Params(captions.Params):
    """How captions are worded, and how many tokens the fitted ones have."""

    max_tokens: int = Field(ge=3)  # CLIP reads 77; start and end are two of them


@dataclass(frozen=True)
class _Task:
    """A block of graphs to tell; `aliases` of the corpus as JSON."""

    params: Params
    aliases: str
    block: Block

    @property
    def name(self) -> str:
        return self.block.name


def caption(params: Params, compute: Compute, *, graphs: Path, out: Path) -> dict[str, object]:
    """Write a caption for every graph that was not rejected; returns what the log should know."""
    aliases = json.dumps(tables.read_meta(graphs, GRAPHS)["aliases"])
    tasks = [_Task(params, aliases, block) for block in blocks(graphs)]
    num_captions = num_components = num_cut_short = num_fitted = 0
    with tables.streamed(out, CAPTIONS) as table:
        rows = chain.from_iterable(run(compute, _captions, tasks))
        for row in track(rows, total=sum(task.block.num_graphs for task in tasks), what="captions"):
            table.add(row)
            num_captions += 1
            num_components += row.num_components
            num_cut_short += row.num_cut_short
            num_fitted += row.fitted != row.text
        share = num_cut_short / num_components if num_components else 0.0
        table.meta = {
            "params": params.model_dump(),
            "num_components": num_components,
            "num_cut_short": num_cut_short,
            "share_cut_short": share,
            "num_captions": num_captions,
            "num_fitted": num_fitted,
        }
    say(f"caption: {num_captions} captions, {num_components} components, {share:.2%} of them cut short")
    say(f"caption: {num_fitted} captions have more than {params.max_tokens} tokens and were fitted")
    facts = {"captions": num_captions, "components": num_components, "cut_short": num_cut_short}
    return {**facts, "fitted": num_fitted}


def _captions(task: _Task) -> list[CaptionRow]:
    """The captions of a block, in any process."""
    captioner, clip = _captioner(task.params, task.aliases), tokens()
    made = ((row, captioner.caption(from_json(row.graph))) for row in task.block.rows() if row.graph is not None)
    return [_row(row, told, fitting.fit(told, captioner, clip, task.params.max_tokens), clip) for row, told in made]


@lru_cache(maxsize=1)
def _captioner(params: Params, aliases: str) -> Captioner:
    """The one of a process: it remembers words."""
    return Captioner(params, of_corpus({"aliases": json.loads(aliases)}))


def _row(graph: GraphRow, made: Caption, fitted: tuple[CaptionText, list[int]], clip: ClipTokens) -> CaptionRow:
    counts = fitting.clause_tokens(clip, CaptionText(made.text, made.clause_starts, made.pieces))
    fit, places = fitted
    return CaptionRow(
        image_id=graph.image_id,
        region=graph.region,
        text=made.text,
        clause_starts=made.clause_starts,
        pieces=pieces_to_json(made.pieces),
        num_tokens=sum(counts) + fitting.ENDS,
        clause_tokens=counts,
        piece_tokens=fitting.piece_tokens(clip, made.text, made.pieces),
        fitted=fit.text,
        fitted_clauses=places,
        fitted_clause_starts=fit.clause_starts,
        fitted_pieces=pieces_to_json(fit.pieces),
        fitted_tokens=clip.count(fit.text),
        fitted_piece_tokens=fitting.piece_tokens(clip, fit.text, fit.pieces),
        num_components=made.num_components,
        num_cut_short=made.num_cut_short,
        num_said=_num_said(made.pieces),
        num_said_fitted=_num_said(fit.pieces),
        num_relations=graph.num_relations,
    )


def _num_said(pieces: Sequence[Piece]) -> int:
    """How many different relations the pieces say."""
    return len({(piece.subject, piece.object, piece.predicate) for piece in pieces if piece.object >= 0})
