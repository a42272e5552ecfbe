"""index: the stored vectors of each sense -> an index that finds nearest clips faster, where it pays."""

from collections.abc import Iterator

import numpy as np

from pipeline.core.errors import DataError
from pipeline.core.progress import say
from pipeline.models.methods.shared import Array
from pipeline.recognition import Recogniser, index
from pipeline.recognition.stored import Stored

NUM_QUERIES = 200


def build(recogniser: Recogniser, *, min_clips: int, recall: float) -> Iterator[str]:
    """Index each sense of at least `min_clips` clips; yields a line a sense. DataError for a recall beyond (0, 1]."""
    if not 0 < recall <= 1:
        raise DataError(f"--recall {recall:g}: expected a share above 0 and at most 1, as 0.95")
    senses = recogniser.stored()
    query_QD = _queries(senses)
    for sense in senses:
        num_clips = sense.reader.shape[0]
        if num_clips < min_clips:
            yield f"{sense.sense}: {num_clips:,} clips; exact search takes milliseconds, so that no index was built"
            continue
        say(f"{sense.sense}: indexing {num_clips:,} clips")
        built = index.build(recogniser.row, sense, query_QD, recall)
        yield line(sense.sense, built.facts)


def line(sense: str, facts: index.Facts) -> str:
    """What a person should know of an index."""
    read = f"reads {facts.num_probes} of {facts.num_lists} lists"
    of = f"of {facts.num_queries} queries, stored clips of all senses"
    return f"{sense}: {facts.num_clips:,} clips, {read}; recall@{index.NEIGHBOURS} {facts.recall:.3f} ({of})"


def _queries(senses: list[Stored]) -> Array:
    """Vectors (Q, D) of clips drawn at random from all senses."""
    sizes = [sense.reader.shape[0] for sense in senses]
    drawn = np.sort(np.random.default_rng(0).permutation(sum(sizes))[:NUM_QUERIES])
    starts = np.cumsum([0, *sizes])
    return np.concatenate(
        [
            sense.rows((drawn[(drawn >= start) & (drawn < start + size)] - start).tolist())
            for sense, start, size in zip(senses, starts, sizes, strict=False)
        ]
    )
