"""negate: graphs and captions -> captions that are false of the graph by one edit each, and a page of samples."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from pipeline.compute.shared import Compute, run
from pipeline.core import tables
from pipeline.core.hashing import file_digest
from pipeline.core.outputs import PARTIAL, remove, whole_folder
from pipeline.core.outside import check_file
from pipeline.core.params import Params as BaseParams
from pipeline.core.progress import say, track
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES
from pipeline.formats.wordnet import FILES as WORDNET_FILES
from pipeline.graphs.blocks import Block, blocks
from pipeline.reporting import leak, negatives
from pipeline.reporting import samples as sampling
from pipeline.reporting.leak import Told
from pipeline.reporting.negatives import Counting, Making, Negating, Words
from pipeline.reporting.samples import Samples
from pipeline.text import negate as text_negate
from pipeline.text import pools
from pipeline.text.negate import Counts
from pipeline.text.pools import Statistics


class Params(BaseParams):
    """How negatives are made, from which words, and how many the page shows."""

    source: str
    negatives: text_negate.Params
    pools: pools.Params
    wordnet: str | None  # a folder with WordNet's index.noun and data.noun; null = our own word lists alone
    leak_images: int = Field(ge=0)  # about so many are measured for the leak of their texts
    samples_per_rule: int = Field(ge=0)


def negate(
    params: Params, compute: Compute, row: str, *, graphs: Path, captions: Path, source: Path, out: Path, page: Path
) -> dict[str, object]:
    """Write the negatives and the page; returns what the log should know."""
    corpus, facts = tables.read_meta(graphs, GRAPHS), tables.read_meta(captions, CAPTIONS)
    digests = _digests(params.wordnet)
    words = Words(json.dumps(corpus["aliases"]), params.wordnet, json.dumps(digests))
    work = blocks(graphs)
    statistics = _counted(words, work, compute)
    making = Making(
        corpus["kind"],
        words,
        params.negatives,
        params.pools,
        params.samples_per_rule,
        facts["params"]["max_tokens"],
        min(1.0, params.leak_images / max(1, statistics.num_graphs)),
    )
    counts, samples, told = Counts(Counter(), Counter()), Samples(params.samples_per_rule), Told()
    tallies = out.with_name(f"{out.name}.words{PARTIAL}")  # where all machines of a cluster see it
    try:
        key = negatives.hand_over(statistics, making, tallies)
        tasks = [Negating(making, tallies, key, captions, block) for block in work]
        with whole_folder(page) as folder:
            with tables.streamed(out, NEGATIVES) as table:
                for made in track(run(compute, negatives.negated, tasks), total=len(tasks), what="blocks of captions"):
                    for negative in made.rows:
                        table.add(negative)
                    counts.merge(made.counts)
                    samples.merge(made.samples)
                    leak.merge(told, made.told)
                table.meta = {"rules": counts.to_json(), "wordnet": digests}
            sampling.write(folder, row, samples, counts, [leak.table(told)], facts, source)
    finally:
        remove(tallies)
        negatives.forget()
    say(f"negate: {counts.made.total()} negatives; {counts.dropped.total()} candidates dropped")
    return {"negatives": counts.made.total(), "dropped": counts.dropped.total()}


def _counted(words: Words, work: Sequence[Block], compute: Compute) -> Statistics:
    """The counts of a corpus, merged in the order of its images."""
    statistics = Statistics(negatives.lexicon(words))
    tasks = [Counting(words, block) for block in work]
    for tallies in track(run(compute, negatives.tallied, tasks), total=len(tasks), what="blocks of graphs"):
        statistics.merge(tallies)
    return statistics


def _digests(wordnet: str | None) -> dict[str, str]:
    """Digests of the files of WordNet, which are no dependency of the stage. FormatError where one is missing."""
    paths = [Path(wordnet) / name for name in WORDNET_FILES] if wordnet else []
    for path in paths:
        check_file(path, "a file of WordNet")
    return {path.name: file_digest(path) for path in paths}
