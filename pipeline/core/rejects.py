"""Rejected rows are data: kept with stage and reason, counted, and a failure above the threshold."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.core.errors import DataError


def counted(counts: Mapping[str, int]) -> str:
    """Numbers by what they count, for a message.

    >>> counted({"empty": 2, "unreadable": 1})
    'empty (2), unreadable (1)'
    """
    return ", ".join(f"{what} ({number})" for what, number in counts.items())


@dataclass
class Rejects:
    """What one stage could not use. `add` as you go, `check` once at the end."""

    stage: str
    rows: list[tuple[str, str]] = field(default_factory=list)

    def add(self, item: str, reason: str) -> None:
        """Record one rejected item and why."""
        self.rows.append((item, reason))

    def counts(self) -> dict[str, int]:
        """Number of rejected items per kind of reason (the words before the first colon)."""
        return dict(sorted(Counter(reason.split(":")[0] for _, reason in self.rows).items()))

    def check(self, *, total: int, at_most: float) -> None:
        """Fail if more than the share `at_most` of `total` items was rejected; names the first item."""
        if self.rows and len(self.rows) > at_most * total:
            item, reason = min(self.rows)
            raise DataError(
                f"{self.stage}: {len(self.rows)} of {total} items rejected, at most {at_most:.0%} may be: "
                f"{counted(self.counts())}; first: {item}: {reason}; mend them or raise max_rejected in params.yaml"
            )

    def to_json(self) -> list[list[str]]:
        """Sorted [item, reason] pairs."""
        return [list(row) for row in sorted(self.rows)]
