"""overlap: label lists -> source classes that are also target classes, by three checks."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core import params
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.outputs import write_json
from pipeline.core.runs import CACHE
from pipeline.datasets import shared as datasets
from pipeline.formats.class_names import read_names, words
from pipeline.labels import overlap as lists
from pipeline.labels.overlap import Match
from pipeline.models.text_encoders import shared as text_encoders
from pipeline.models.text_encoders.shared import TextEncoder, Vectors
from pipeline.models.text_vectors import encode_cached

_OPTION = Path("--model")  # where a fault stands, in place of params.yaml


@dataclass(frozen=True)
class Published:
    """A number of classes that a paper kept, and the threshold that comes nearest to it."""

    num_kept: int
    threshold: float
    num_kept_by_it: int


@dataclass(frozen=True)
class Audit:
    """What each check removes; `matches` holds the nearest target of every source class, nearest first."""

    source: str
    targets: tuple[str, ...]
    num_source: int
    num_targets: int
    exact: dict[str, str]
    same_words: dict[str, str]
    matches: list[Match]
    threshold: float
    removed: list[Match]
    published: list[Published]

    @property
    def words_alone(self) -> list[Match]:
        """Classes that the word check removes and the vectors keep, nearest first."""
        gone = {match.source for match in self.removed}
        return [match for match in self.matches if match.source in self.same_words and match.source not in gone]

    @property
    def vectors_alone(self) -> list[Match]:
        """Classes that the vectors remove and the word check keeps, nearest first."""
        return [match for match in self.removed if match.source not in self.same_words]


def overlap(
    source: str,
    targets: Sequence[str],
    encoder: TextEncoder,
    *,
    threshold: float,
    published: Sequence[int],
    out: Path | None,
    cache: Path = CACHE,
) -> Audit:
    """Audit a source list against the union of target lists; each is a list of the project or a text file.

    `published` are numbers of kept classes to find thresholds for. With `out` everything is also written as JSON.
    """
    if not targets:
        raise DataError("overlap: no target list; name at least one, e.g. ucf101")
    source_names, target_names = label_list(source), lists.union([label_list(target) for target in targets])
    matches = lists.nearest(
        source_names,
        label_vectors(encoder, source_names, cache),
        target_names,
        label_vectors(encoder, target_names, cache),
    )
    matches.sort(key=lambda match: (match.distance, match.source))
    audit = Audit(
        source=source,
        targets=tuple(targets),
        num_source=len(source_names),
        num_targets=len(target_names),
        exact=lists.same_name(source_names, target_names),
        same_words=lists.same_words(source_names, target_names),
        matches=matches,
        threshold=threshold,
        removed=lists.removed(matches, threshold),
        published=[Published(number, *lists.threshold_that_keeps(matches, number)) for number in published],
    )
    if out is not None:
        write_json(out, _as_json(audit))
    return audit


def label_list(name: str) -> list[str]:
    """A published list or the class list of a dataset, by name, or a text file with one class name a line."""
    published = lists.published_lists()
    if name.endswith(".txt") or name in published:
        return read_names(published.get(name, Path(name)))
    if not datasets.class_file(name).is_file():
        known = sorted({*published, *datasets.class_lists()})
        raise DataError(f"no label list '{name}': the lists are {known}")
    return [known.name for known in datasets.classes(name)]


def label_vectors(encoder: TextEncoder, names: Sequence[str], cache: Path = CACHE) -> Vectors:
    """One vector a class name, of its words as a phrase; "(not ...)" is left out, as E2E does."""
    return encode_cached(encoder, [" ".join(words(name)) for name in names], cache)


def text_encoder(name: str, model: str, *, num_threads: int) -> TextEncoder:
    """A text encoder by file name, with its own params as JSON, as the option --model gives them."""
    chosen = text_encoders.member(name)
    try:
        values = json.loads(model)
    except (ValueError, RecursionError) as error:
        raise ParamsError(
            f"--model: not JSON: {error}; expected such as '{{\"name\": ...}}', found {model!r}"
        ) from None
    return chosen.encoder(params.parse(chosen.Params, values, f"encoder {name}", _OPTION), num_threads=num_threads)


def lines(audit: Audit) -> Iterator[str]:
    """The lines of the audit to print."""
    yield f"{audit.source} ({audit.num_source} classes) against {' u '.join(audit.targets)} ({audit.num_targets})"
    checks = [("same name", len(audit.exact)), ("same words", len(audit.same_words))]
    checks.append((f"nearer than {audit.threshold:g}", len(audit.removed)))
    for name, number in checks:
        yield f"  {name:18} removes {number:4}, keeps {audit.num_source - number:4}"
    for goal in audit.published:
        yield f"  published {goal.num_kept}: threshold {goal.threshold:.4f} keeps {goal.num_kept_by_it}"
    for title, matches in (
        ("removed by the vectors alone", audit.vectors_alone),
        ("removed by the words alone", audit.words_alone),
    ):
        yield f"  {title}: {len(matches)}"
        yield from (f"    {match.distance:.3f}  {match.source} -> {match.target}" for match in matches)


def _as_json(audit: Audit) -> dict[str, Any]:
    def listed(matches: Sequence[Match]) -> list[list[Any]]:
        return [[match.source, match.target, round(match.distance, 6)] for match in matches]

    return {
        "source": audit.source,
        "targets": list(audit.targets),
        "num_source": audit.num_source,
        "num_targets": audit.num_targets,
        "same_name": audit.exact,
        "same_words": audit.same_words,
        "threshold": audit.threshold,
        "removed": listed(audit.removed),
        "vectors_alone": listed(audit.vectors_alone),
        "words_alone": listed(audit.words_alone),
        "published": [vars(goal) for goal in audit.published],
    }
