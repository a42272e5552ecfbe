"""retrieve: vectors of clips in one space -> how well every sense finds the clips of every other, with examples."""

# Shapes: N clips, D size of a vector.
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from pipeline.core import roles, tables
from pipeline.core.errors import DataError
from pipeline.core.outputs import whole_folder, write_json
from pipeline.core.params import Params
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, retrieval, retrieval_tables
from pipeline.evaluation.retrieval_tables import ALL, Answers
from pipeline.reporting import retrieve as page_of
from pipeline.reporting import retrieve_examples as examples_of
from pipeline.reporting.retrieve_examples import Gallery, Pictures
from pipeline.sources.spaces import Run, Space

_FEWEST = 2  # clips in common: one finds itself


class Bootstrap(Params):
    """Section `retrieve.bootstrap`: how the intervals over performances, and the examples, are drawn."""

    num_resamples: int = Field(ge=1)
    seed: int


class Row(Params):
    """The row of bind to measure, and the roles whose clips are queries and candidates."""

    bound: str  # row of bind
    dataset: str
    split_table: str
    roles: list[Literal["unseen_test", "seen_test"]] = Field(min_length=1)
    examples: int = Field(ge=0)  # queries that the page shows with what they find

    @field_validator("roles")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("expected each role once")
        return names


@dataclass(frozen=True)
class Inputs:
    """The row of bind, the tables of clips and roles, and the folder of the dataset's prepared arrays."""

    bound: Path
    clips: Path
    split: Path
    arrays: Path


@dataclass(frozen=True, eq=False)
class _Clips:
    """What the tables say of the dataset's clips: number of the performance and class name, and roles by split."""

    performances: Mapping[str, int]
    labels: Mapping[str, str]
    roles: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class _Vectors:
    """The test clips of one sense in one run: row of each in the vectors."""

    rows: Mapping[str, int]
    x_ND: npt.NDArray[np.float32]


def retrieve(key: str, row: Row, bootstrap: Bootstrap, inputs: Inputs, *, out: Path, page: Path) -> None:
    """Write the figures of one row as JSON, and its page.

    Raises DataError for a row of bind that is not there, lacks vectors or is of other clips, and for senses that have
    fewer than two test clips in common; FormatError for vectors whose length is not 1.
    """
    space = Space(inputs.bound, row.dataset, row.split_table)
    clips = _clips(inputs, row)
    answers, examples = _all_answers(space, clips, row)

    def draw(subset: str, num_performances: int) -> clusters.Counts:
        random = generator(bootstrap.seed, "retrieve", subset)
        return clusters.resamples(num_performances, bootstrap.num_resamples, random)

    figures: dict[str, Any] = dict(retrieval_tables.tables(answers, draw))
    figures["transductive"] = space.transductive
    figures["headline"] = retrieval_tables.headline(figures["kinds"], transductive=space.transductive)
    shown = examples_of.draw([gallery for _, gallery in examples], row.examples, generator(bootstrap.seed, "examples"))
    figures["examples"] = examples_of.counts(shown, [answer for answer, _ in examples])
    with whole_folder(page) as folder:
        query = examples[0][0].query
        images = _pictures(space, inputs.arrays, query, clips).show(folder, shown) if shown else []
        page_of.write(folder, key, row.bound, figures, images)
    write_json(out, figures)


def _clips(inputs: Inputs, row: Row) -> _Clips:
    names = tables.read_meta(inputs.clips, CLIPS)["class_names"]
    known = {clip.clip_id: clip for clip in tables.read(inputs.clips, CLIPS) if clip.reason is None}
    numbers = clusters.numbered([roles.performance(clip) for clip in known.values()]).tolist()
    of_split: dict[str, dict[str, str]] = {}
    for row_of_split in tables.read(inputs.split, SPLIT):
        if row_of_split.role in row.roles:
            of_split.setdefault(row_of_split.split, {})[row_of_split.clip_id] = row_of_split.role
    labels = {clip_id: str(names[clip.class_id]) for clip_id, clip in known.items()}
    return _Clips(dict(zip(known, numbers, strict=True)), labels, of_split)


def _all_answers(space: Space, clips: _Clips, row: Row) -> tuple[list[Answers], list[tuple[Answers, Gallery]]]:
    """All answers, and those of the first run that examples are drawn from, with their vectors."""
    shown_query = examples_of.query_sense({name: space.attrs(name)["modality"] for name in space.stores})
    answers: list[Answers] = []
    of_examples: list[tuple[Answers, Gallery]] = []
    for run in space.runs:
        role_of = clips.roles.get(run.split, {})
        vectors = {name: _test_vectors(space, name, run, role_of, clips) for name in space.stores}
        for query, target in permutations(vectors, 2):
            common = sorted(vectors[query].rows.keys() & vectors[target].rows.keys())
            for subset, ids in _subsets(common, role_of, row):
                _check_enough(ids, subset, query, target, run, space)
                gallery = _gallery(ids, vectors[query], vectors[target], clips, target)
                rank_N, num_N = retrieval.ranks(gallery.query_ND, gallery.target_ND, gallery.performance_N)
                named = (query, target, subset, run.split, run.seed)
                answers.append(Answers(*named, rank_N, num_N, gallery.performance_N))
                if (run, query, subset) == (space.runs[0], shown_query, ALL):
                    of_examples.append((answers[-1], gallery))
    return answers, of_examples


def _test_vectors(space: Space, name: str, run: Run, role_of: Mapping[str, str], clips: _Clips) -> _Vectors:
    ids, x_ND = space.vectors(name, run)
    rows = [row for row, clip_id in enumerate(ids) if clip_id in role_of]
    strange = [ids[row] for row in rows if ids[row] not in clips.performances]
    if strange:
        raise DataError(
            f"{space.stores[name].path}: clip {strange[0]} is not in the table of clips; run `dvc repro ingest split`"
        )
    return _Vectors({ids[row]: place for place, row in enumerate(rows)}, x_ND[rows])


def _subsets(common: list[str], role_of: Mapping[str, str], row: Row) -> Iterator[tuple[str, list[str]]]:
    """All clips, and where there are several roles each of them apart."""
    yield ALL, common
    for role in row.roles if len(row.roles) > 1 else []:
        yield role, [clip_id for clip_id in common if role_of[clip_id] == role]


def _check_enough(ids: list[str], subset: str, query: str, target: str, run: Run, space: Space) -> None:
    if len(ids) < _FEWEST:
        of_role = "" if subset == ALL else f" of role {subset}"
        raise DataError(
            f"{space.stores[query].path}: split '{run.split}': senses {query} and {target} have {len(ids)} test "
            f"clips{of_role} in common, retrieval needs {_FEWEST}; name a split table whose test clips both have, or "
            "fewer roles"
        )


def _gallery(ids: list[str], query_vectors: _Vectors, target_vectors: _Vectors, clips: _Clips, target: str) -> Gallery:
    return Gallery(
        target,
        ids,
        np.array([clips.performances[clip_id] for clip_id in ids], dtype=np.int64),
        query_vectors.x_ND[[query_vectors.rows[clip_id] for clip_id in ids]],
        target_vectors.x_ND[[target_vectors.rows[clip_id] for clip_id in ids]],
    )


def _pictures(space: Space, arrays: Path, query: str, clips: _Clips) -> Pictures:
    """Draws the examples from the arrays that the encoders of the senses read."""
    attrs = {name: space.attrs(name) for name in space.stores}
    stores = {
        name: arrays / f"{attrs_of_sense['modality']}-{attrs_of_sense['recipe']}.zarr"
        for name, attrs_of_sense in attrs.items()
    }
    modalities = {name: attrs_of_sense["modality"] for name, attrs_of_sense in attrs.items()}
    return Pictures(query, modalities, stores, clips.labels)
