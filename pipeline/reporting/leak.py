"""The table of how well text alone detects the negatives of each rule, beside the same rules with uniform draws."""

from collections import Counter
from collections.abc import Callable, Iterable

from pipeline.core import pages
from pipeline.text import negate, pools
from pipeline.text.leak import LeakAccuracy, Pairs
from pipeline.text.negate import Counts, Negative
from pipeline.text.negatives.shared import Scene
from pipeline.text.pools import Pools, Statistics
from pipeline.text.rng import Rng

_FINE = 1 << 20  # steps of a share
_HEADER = [
    "rule",
    "words drawn",
    "pairs",
    "told by words",
    "95 % from",
    "to",
    "told with neighbours",
    "95 % from ",
    "to ",
]


Told = dict[tuple[str, str], tuple[Pairs, Pairs]]  # by rule and way of drawing: pairs of words, and of neighbours


class Leak:
    """Collects captions and negatives of a share of the images; the choice of images does not depend on their order."""

    def __init__(self, params: negate.Params, drawn: pools.Params, statistics: Statistics, share: float) -> None:
        self._params = params
        self._share = share
        self._rules = negate.load(params)
        self._name = drawn.draw.kind
        uniform = pools.Uniform(kind="uniform")
        self._uniform = (
            Pools(statistics, drawn.model_copy(update={"draw": uniform})) if self._name != "uniform" else None
        )
        self._pairs: Told = {}

    def add(self, scene: Scene, negatives: Iterable[Negative], fits: Callable[[str], bool]) -> None:
        """Add the negatives of a caption, and others drawn uniformly, if its image is in the share.

        `fits` says whether a text is short enough to be read whole.
        """
        graph = scene.graph
        if Rng(self._params.seed, "measured", graph.image_id).below(_FINE) >= self._share * _FINE:
            return
        self._keep(scene, self._name, negatives)
        if self._uniform is not None:
            uniform = Scene(graph, scene.text, scene.pieces, scene.truth, self._uniform)
            unused = Counts(Counter(), Counter())
            drawn = negate.negatives(uniform, [0], self._rules, self._params, unused, fits)
            self._keep(uniform, "uniform", drawn)

    def take(self) -> Told:
        """What has been collected since it was last taken."""
        taken, self._pairs = self._pairs, {}
        return taken

    def _keep(self, scene: Scene, name: str, negatives: Iterable[Negative]) -> None:
        seed, image_id = self._params.seed, scene.graph.image_id
        for negative in negatives:
            key = (negative.rule, name)
            if key not in self._pairs:
                self._pairs[key] = (Pairs(seed, neighbours=False), Pairs(seed, neighbours=True))
            for pairs in self._pairs[key]:
                pairs.add(image_id, scene.text, negative.text)


def merge(told: Told, later: Told) -> None:
    """Add what was collected of other images, which come after."""
    for key, pairs in later.items():
        if key in told:
            for mine, others in zip(told[key], pairs, strict=True):
                mine.merge(others)
        else:
            told[key] = pairs


def table(told: Told) -> pages.Table:
    """One line for each rule and way of drawing words."""
    rows: list[list[pages.Cell]] = []
    for (rule, name), (words, neighbours) in sorted(told.items()):
        figures = (words.accuracy(), neighbours.accuracy())
        tested = figures[0].num_tested if figures[0] else 0
        rows.append([rule, name, tested, *(cell for figure in figures for cell in _cells(figure))])
    return pages.Table(title="Told by the text alone (0.5 is no leak)", header=_HEADER, rows=rows)


def _cells(figure: LeakAccuracy | None) -> tuple[float | None, ...]:
    """Share and interval; empty cells where too few pairs were measured."""
    if figure is None:
        return (None, None, None)
    return tuple(round(number, 3) for number in (figure.accuracy, figure.low, figure.high))
