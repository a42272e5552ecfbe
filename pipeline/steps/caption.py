"""caption: scene graphs -> captions with their clause boundaries."""

from pathlib import Path

from pipeline.core import tables
from pipeline.core.progress import say
from pipeline.core.schemas import CAPTIONS, GRAPHS
from pipeline.formats.wordnet import WordNet
from pipeline.graphs.scene import from_json
from pipeline.text.captions import Captioner, Params, pieces_to_json
from pipeline.text.lexicon import Lexicon


def lexicon_of(graphs: Path, wordnet: WordNet | None = None) -> Lexicon:
    """The word lists with the aliases of the corpus a graph table was read from."""
    aliases = tables.read_meta(graphs, GRAPHS)["aliases"]
    return Lexicon(aliases.get("nouns", ()), aliases.get("predicates", ()), wordnet)


def caption(params: Params, *, graphs: Path, out: Path) -> dict[str, object]:
    """Write a caption for every graph that was not rejected; returns what the log should know."""
    captioner = Captioner(params, lexicon_of(graphs))
    num_captions = num_components = num_cut_short = 0
    with tables.streamed(out, CAPTIONS) as table:
        for rows in tables.batches(graphs, GRAPHS):
            for row in rows:
                if row["graph"] is None:
                    continue
                made = captioner.caption(from_json(row["graph"]))
                table.add(
                    {
                        "image_id": row["image_id"],
                        "region": row["region"],
                        "text": made.text,
                        "clause_starts": made.clause_starts,
                        "pieces": pieces_to_json(made.pieces),
                        "num_components": made.num_components,
                        "num_cut_short": made.num_cut_short,
                        "num_said": len({(p.subject, p.object, p.predicate) for p in made.pieces if p.object >= 0}),
                        "num_relations": row["num_relations"],
                    }
                )
                num_captions += 1
                num_components += made.num_components
                num_cut_short += made.num_cut_short
        share = num_cut_short / num_components if num_components else 0.0
        table.meta = {
            "params": params.model_dump(),
            "num_components": num_components,
            "num_cut_short": num_cut_short,
            "share_cut_short": share,
        }
    say(f"caption: {num_captions} captions, {num_components} components, {share:.2%} of them cut short")
    return {"captions": num_captions, "components": num_components, "cut_short": num_cut_short}
