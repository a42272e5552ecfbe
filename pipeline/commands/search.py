"""search: a text or a file of any sense -> the nearest clips of the pipeline, of any sense."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pipeline.commands.index import line
from pipeline.core.errors import DataError
from pipeline.core.progress import say
from pipeline.recognition import Recogniser, files
from pipeline.recognition.search import Match


def search(
    recogniser: Recogniser, query: str, sense: str | None, *, among: Sequence[str] | None, top: int, index: bool = False
) -> list[Match]:
    """The `top` clips nearest to a text or, with `sense`, to a file of that sense.

    With `index` those of indexed senses are found through their index, whose recall is printed.
    """
    if not query.strip():
        raise DataError("the query is empty; give words, or a file with --sense")
    if sense is None and files.existing(query):
        raise DataError(f"{query}: a file; say of which sense it is with --sense")
    if sense is None and files.is_name(query):
        raise DataError(f"{query}: no such file; give one that is there with --sense, or words")
    for name, used in recogniser.indexes(among).items() if index else ():
        say(line(name, used.facts))
    query_D = recogniser.texts([query])[0] if sense is None else recogniser.embed([query], sense)[0]
    return recogniser.search(query_D, among, top, index=index)


def lines(clips: Sequence[Match]) -> Iterator[str]:
    """The lines to print, columns aligned."""
    ids, names = ([getattr(clip, name) for clip in clips] for name in ("clip_id", "sense"))
    wide, narrow = max(map(len, ["clip", *ids])), max(map(len, ["sense", *names]))
    yield f"     {'clip':{wide}}  {'sense':{narrow}}  cosine"
    for place, clip in enumerate(clips, 1):
        yield f"{place:3}  {clip.clip_id:{wide}}  {clip.sense:{narrow}}  {clip.cosine:6.3f}"


def as_json(query: str, clips: Sequence[Match]) -> str:
    """The clips as one JSON value."""
    return json.dumps({"query": query, "found": [asdict(clip) for clip in clips]}, indent=1, ensure_ascii=False)
