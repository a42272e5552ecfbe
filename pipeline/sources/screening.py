"""Which texts may train: none that may say a held-out composition or names a withheld class.

Named classes are listed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipeline.core.errors import DataError
from pipeline.datasets import shared as datasets
from pipeline.formats.named_classes import ClassNames
from pipeline.graphs.scene import SceneGraph
from pipeline.text.compositions import HeldOut

COMPOSITION = "says a held-out composition"
SHOWN = "shows a held-out composition"
WITHHELD = "names a withheld class"


class Screen:
    """Checks training texts; `dropped` counts those that may not train, `named` has the classes that others name."""

    def __init__(self, audit: Iterable[str], withheld: Mapping[str, Sequence[int]], held_out: HeldOut | None) -> None:
        lists = {dataset: _names(dataset) for dataset in sorted({*audit, *withheld})}
        self._audited = sorted(set(audit))
        self._withheld = _checked(withheld, lists)
        self._classes = ClassNames(lists)
        self._held_out = held_out
        self._named: set[tuple[str, int]] = set()
        self.dropped: Counter[str] = Counter()

    def fault(self, text: str, *, by_clause: bool = False) -> str | None:
        """Why a text may not train, or None; `by_clause` for texts told of graphs, as HeldOut.may_say has it."""
        return self._judged(text, by_clause)[0]

    def passes(self, text: str, what: str, *, by_clause: bool = False, trains: bool = True) -> bool:
        """As `fault`, counted under what the text is of: "shard samples: names a withheld class".

        The classes of a text that passes are remembered where it `trains`.
        """
        fault, named = self._judged(text, by_clause)
        if fault is not None:
            self.dropped[f"{what}: {fault}"] += 1
        elif trains:
            self._named.update(named)
        return fault is None

    def _judged(self, text: str, by_clause: bool) -> tuple[str | None, Iterable[tuple[str, int]]]:
        """As `fault`, and the classes that the text names."""
        named = self._classes.named(text)
        if not self._withheld.isdisjoint(named):
            return WITHHELD, named
        if self._held_out is not None and self._held_out.may_be_in(text, by_clause=by_clause):
            return COMPOSITION, named
        return None, named

    def shows(self, graph: SceneGraph) -> bool:
        """Whether a picture shows a held-out composition, said or not."""
        return self._held_out is not None and bool(self._held_out.of_graph(graph))

    def says(self, text: str) -> bool:
        """Whether a text says a held-out composition; nothing is remembered."""
        return self._held_out is not None and bool(self._held_out.of_text(text))

    def named_classes(self) -> dict[str, list[int]]:
        """By audited dataset the classes that training texts name, ascending."""
        return {
            dataset: sorted(class_id for name, class_id in self._named if name == dataset) for dataset in self._audited
        }


def _names(dataset: str) -> list[str]:
    if not datasets.class_file(dataset).is_file():
        known = sorted(path.stem for path in datasets.class_file(dataset).parent.glob("*.csv"))
        raise DataError(f"audit: no class list of '{dataset}' comes with the project; those that do: {known}")
    return [action.name for action in datasets.classes(dataset)]


def _checked(withheld: Mapping[str, Sequence[int]], lists: Mapping[str, Sequence[str]]) -> set[tuple[str, int]]:
    for dataset, class_ids in withheld.items():
        unknown = [class_id for class_id in class_ids if not 0 <= class_id < len(lists[dataset])]
        if unknown:
            raise DataError(f"withheld: {dataset} has no classes {unknown}, only 0 to {len(lists[dataset]) - 1}")
    return {(dataset, class_id) for dataset, class_ids in withheld.items() for class_id in class_ids}
