"""compare: vectors of held-out pictures and texts -> what fine-tuning changed, with controls and examples."""

from dataclasses import dataclass, fields
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.outputs import whole_folder, write_json
from pipeline.core.params import Params
from pipeline.core.schemas import GRAPHS
from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, comparison, compositional
from pipeline.evaluation.comparison import Answers, Questions, Resamples
from pipeline.reporting import compare as page_of
from pipeline.reporting.compare_examples import Examples
from pipeline.training import heldout
from pipeline.training.heldout import HeldOut

Floats = npt.NDArray[np.float64]


class Bootstrap(Params):
    """Section `compare.bootstrap`: how the intervals over images are drawn."""

    num_resamples: int = Field(ge=1)
    seed: int


class Measure(Params):
    """Section `compare.measure`: the random draws behind the questions."""

    shuffles: int = Field(ge=1)  # times that every caption gets the picture of another image
    candidates: int = Field(ge=2)  # texts that a general picture is asked among
    seed: int


class Row(Params):
    """One comparison: rows of finetune, the first of them what the others started from."""

    start: str
    tuned: list[str] = Field(min_length=1)
    examples: int = Field(ge=0)  # pictures won, and as many lost, that the page shows of each tuned row

    @model_validator(mode="after")
    def _once(self) -> "Row":
        if len({self.start, *self.tuned}) <= len(self.tuned):
            raise ValueError("expected each row of finetune once")
        return self


@dataclass(frozen=True)
class Inputs:
    """Folders: of the finetune rows, and of the tables of graphs and negatives."""

    finetuned: Path
    graphs: Path
    negatives: Path


def compare(
    key: str, row: Row, bootstrap: Bootstrap, measure: Measure, inputs: Inputs, *, out: Path, page: Path
) -> None:
    """Write the figures of one comparison as JSON, and its page.

    Raises DataError where a row left no vectors, or the rows were not asked about the same pictures and texts.
    """
    files = {name: _files(inputs.finetuned / name) for name in (row.start, *row.tuned)}
    first_file = next(iter(files[row.start].values()))
    first = heldout.read(first_file)
    questions = _questions(first, inputs.graphs)
    answers = {
        name: [_answers(name, seed, file, first, first_file, questions, measure) for seed, file in some.items()]
        for name, some in files.items()
    }
    start, tuned = answers[row.start], [answer for name in row.tuned for answer in answers[name]]
    rows = comparison.rows(questions, start, tuned, _drawn(questions, bootstrap))
    examples = Examples(first.negatives, start, tuned, row.examples, measure.seed)
    figures = {
        "rows": rows,
        "controls": comparison.controls(rows),
        "examples": examples.counts(),
        "headline": comparison.headline(rows),
    }
    with whole_folder(page) as folder:
        shown = examples.show(folder, inputs.graphs, inputs.negatives)
        page_of.write(folder, key, measure.candidates, figures, shown)
    write_json(out, figures)


def _files(folder: Path) -> dict[int, Path]:
    """The vectors of each seed."""
    files = {int(file.stem.removeprefix("heldout-")): file for file in folder.glob("heldout-*.zarr")}
    if not files:
        raise DataError(f"{folder}: no vectors of held-out pairs (heldout-<seed>.zarr); run `dvc repro finetune`")
    return dict(sorted(files.items()))


def _questions(first: HeldOut, graphs: Path) -> Questions:
    corpora, images, _ = zip(*map(heldout.parted, first.pairs), strict=True) if first.pairs else ((), (), ())
    films = {corpus: _films(graphs / f"{corpus}.parquet", set(images)) for corpus in sorted(set(corpora))}
    together = [f"{corpus}|{films[corpus].get(image, image)}" for corpus, image in zip(corpora, images, strict=True)]
    cluster_N, corpus_N = clusters.numbered(together), np.array(corpora, dtype=np.str_)
    return Questions(
        rule_M=np.array(first.rules, dtype=np.str_),
        corpus_M=corpus_N[first.pair_M],
        cluster_M=cluster_N[first.pair_M],
        certain_M=first.certain_M,
        unseen_M=first.unseen_M,
        corpus_N=corpus_N,
        cluster_N=cluster_N,
        num_general=len(first.general),
    )


class _Frame(msgspec.Struct, frozen=True, gc=False):
    """The columns that are read of a graph: the video of its frame."""

    image_id: str
    video: str | None


def _films(graphs: Path, images: set[str]) -> dict[str, str]:
    """The video of each frame among some images."""
    rows = (row for some in tables.batches(graphs, GRAPHS.only(_Frame)) for row in some)
    return {row.image_id: row.video for row in rows if row.video is not None and row.image_id in images}


def _answers(
    row: str, seed: int, file: Path, first: HeldOut, first_file: Path, questions: Questions, measure: Measure
) -> Answers:
    """The answers of an encoder to all questions; its vectors are freed when this function ends."""
    mine = heldout.read(file)
    _check_same(mine, first, file, first_file)
    true_N = compositional.cosines(mine.picture_PD, mine.picture_N, mine.text_TD, mine.caption_N)
    false_M = compositional.cosines(mine.picture_PD, mine.picture_N[mine.pair_M], mine.text_TD, mine.negative_M)
    shuffled_N = compositional.cosines(mine.picture_PD, mine.picture_N, mine.text_TD, mine.shuffled_N)
    text_rank_N, picture_rank_N = _ranks(mine)
    return Answers(
        row=row,
        seed=seed,
        margin_M=true_N[mine.pair_M] - false_M,
        won_M=compositional.won(true_N[mine.pair_M], false_M),
        text_only_M=_text_only(mine, questions, measure),
        order_N=np.where(mine.shuffled_N < 0, np.nan, compositional.won(true_N, shuffled_N)),
        text_rank_N=text_rank_N,
        picture_rank_N=picture_rank_N,
        named_G=compositional.own_text_wins(
            mine.general_GD, mine.text_TD, mine.general_G, measure.candidates, generator(measure.seed, "retention")
        ),
    )


def _text_only(mine: HeldOut, questions: Questions, measure: Measure) -> Floats:
    """The captions and negatives of every pair beside the pictures of other pairs of its corpus, mean over draws."""
    pool_N = clusters.numbered(questions.corpus_N.tolist())
    total_M = np.zeros(len(mine.negatives))
    for number in range(measure.shuffles):
        random = generator(measure.seed, "pictures of others", number)
        other_N = compositional.mismatched(questions.cluster_N, pool_N, random)
        picture_N = mine.picture_N[other_N]
        true_N = compositional.cosines(mine.picture_PD, picture_N, mine.text_TD, mine.caption_N)
        false_M = compositional.cosines(mine.picture_PD, picture_N[mine.pair_M], mine.text_TD, mine.negative_M)
        won_M = compositional.won(true_N[mine.pair_M], false_M)
        total_M += np.where(other_N[mine.pair_M] == compositional.NOBODY, np.nan, won_M)
    return total_M / measure.shuffles


def _ranks(mine: HeldOut) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each pair the rank of its caption among all captions, and that of its picture among all pictures."""
    captions, caption_N = np.unique(mine.caption_N, return_inverse=True)
    rank_P, rank_U = compositional.ranks(mine.picture_PD, mine.text_TD[captions], mine.picture_N, caption_N)
    return rank_P[mine.picture_N], rank_U[caption_N]


def _check_same(mine: HeldOut, first: HeldOut, file: Path, first_file: Path) -> None:
    """All must have been asked about the same, by id, or a difference would be one of questions."""
    for field in fields(HeldOut):
        if field.name not in ("picture_PD", "text_TD", "general_GD"):
            value, wanted = getattr(mine, field.name), getattr(first, field.name)
            if not np.array_equal(value, wanted):
                raise DataError(
                    f"{file}: its {_NAMES.get(field.name, 'pairs, negatives or texts')} are not those of {first_file}; "
                    "give all rows of a comparison the same held-out data and the same seed of shuffled words"
                )


_NAMES = {"general": "general pairs", "seed": "seed of shuffled words", "unseen_M": "unseen compositions"}


def _drawn(questions: Questions, bootstrap: Bootstrap) -> Resamples:
    num_images = len(np.unique(questions.cluster_N))
    graphs, general = (generator(bootstrap.seed, "compare", what) for what in ("images", "general"))
    return Resamples(
        clusters.resamples(num_images, bootstrap.num_resamples, graphs),
        clusters.resamples(questions.num_general, bootstrap.num_resamples, general),
    )
