"""Ways of the arrows in the picture of the pipeline: along the gutters right of each column and between rows.

Boxes stand in columns and rows; those of a row are equally high. What leaves one box shares one way, its trunk, until
it branches; trunks of different boxes lie beside each other. No way crosses a box (tests/reporting/test_dag.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Place = tuple[int, int]  # column, row
Point = tuple[float, float]
Pair = tuple[str, str]  # from, to

BOX_WIDTH, ROW_GAP = 240, 24
_TRACK, _MARGIN, _HEAD = 9, 14, 18  # between trunks; left of the first; right of the last, room for the head
_PORT = 8  # between the ends of arrows on one side of a box
_CORNER = 6.0
_SLOTS = 3  # ways beside each other between two rows


@dataclass(frozen=True)
class Grid:
    """Where columns and rows begin, and how high the boxes of each row are."""

    left: Sequence[float]
    top: Sequence[float]
    height: Sequence[float]
    width: float  # of all columns with their gutters

    def corner(self, place: Place) -> Point:
        """The upper left corner of the box at a place."""
        return self.left[place[0]], self.top[place[1]]


@dataclass(frozen=True)
class _Rows:
    """The heights of things before columns are known: y of a box's middle, of its ports, of gaps."""

    top: Sequence[float]
    height: Sequence[float]

    def middle(self, row: int) -> float:
        return self.top[row] + self.height[row] / 2

    def port(self, row: int, number: int, of: int, *, is_right: bool, from_above: bool) -> float:
        """The y of one of some arrows' ends; never the middle, where arrows leave, and of the sides never the same."""
        step = min(_PORT, (self.height[row] / 2 - 2) / (of + 0.5))
        offset = step * (number + (1.0 if is_right else 1.5))
        return self.middle(row) + (-offset if from_above else offset)

    def gap(self, row: int, number: int) -> float:
        """The y of a way above a row."""
        return self.top[row] - ROW_GAP * (number % _SLOTS + 1) / (_SLOTS + 1)


def routed(
    places: Mapping[str, Place], pairs: Sequence[Pair], top: Sequence[float], height: Sequence[float]
) -> tuple[Grid, dict[Pair, list[Point]]]:
    """The grid with gutters wide enough, and for each pair the corners of its way from box to box."""
    rows = _Rows(top, height)
    ends = _ends(places, pairs, rows)
    trunks: dict[tuple[int, str], list[float]] = defaultdict(list)  # of a gutter and a box: all y that it reaches
    for (source, target), (gutter, end) in ends.items():
        out = rows.middle(places[source][1])
        gap = _gap(places, (source, target), gutter, rows)
        if gap is None and end != out:
            trunks[places[source][0], source] += [out, end]
        elif gap is not None:
            trunks[places[source][0], source] += [out, gap]
            trunks[gutter, source] += [gap, end]
    tracks, num_tracks = _tracks(trunks)
    num_columns = 1 + max(column for column, _ in places.values())
    left = [1.0]
    for column in range(num_columns):
        left.append(left[-1] + BOX_WIDTH + _MARGIN + _TRACK * num_tracks[column] + _HEAD)
    grid = Grid(left[:-1], top, height, left[-1] if num_tracks[num_columns - 1] else left[-2] + BOX_WIDTH + 1)
    at = {key: left[key[0]] + BOX_WIDTH + _MARGIN + _TRACK * track for key, track in tracks.items()}
    return grid, {pair: _way(pair, places, grid, ends.get(pair), at, rows) for pair in pairs}


def _is_next(places: Mapping[str, Place], pair: Pair) -> bool:
    """Whether the target stands right below the source."""
    (column, row), target = (places[name] for name in pair)
    return target == (column, row + 1)


def _ends(places: Mapping[str, Place], pairs: Sequence[Pair], rows: _Rows) -> dict[Pair, tuple[int, float]]:
    """For each pair but neighbours below: the gutter by which it comes to its target, and the y at which it ends."""
    ends: dict[Pair, tuple[int, float]] = {}
    arriving: dict[tuple[str, bool, bool], list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: (places[pair[0]], pair)):
        (from_column, from_row), (column, row) = (places[name] for name in pair)
        is_right = column <= from_column
        if column == from_column + 1 and row == from_row:
            ends[pair] = column - 1, rows.middle(row)
        elif not _is_next(places, pair):
            arriving[pair[1], is_right, from_row < row or (from_row == row and is_right)].append(pair)
    for (target, is_right, from_above), same in arriving.items():
        column, row = places[target]
        for number, pair in enumerate(same):
            y = rows.port(row, number, len(same), is_right=is_right, from_above=from_above)
            ends[pair] = column if is_right else column - 1, y
    return ends


def _gap(places: Mapping[str, Place], pair: Pair, gutter: int, rows: _Rows) -> float | None:
    """The y at which an arrow passes other columns, above its target's row; None for one that passes none."""
    (column, row), (_, target_row) = (places[name] for name in pair)
    return None if gutter == column else rows.gap(target_row, row)


def _tracks(trunks: Mapping[tuple[int, str], Sequence[float]]) -> tuple[dict[tuple[int, str], int], dict[int, int]]:
    """The track of each trunk, from 0 at the left, and their number by gutter: the first that is free, short first."""
    taken: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    tracks: dict[tuple[int, str], int] = {}
    num_tracks: dict[int, int] = defaultdict(int)
    for key, reached in sorted(trunks.items(), key=lambda item: (max(item[1]) - min(item[1]), item[0])):
        low, high = min(reached) - _PORT, max(reached) + _PORT
        track = 0
        while any(low < other_high and other_low < high for other_low, other_high in taken[key[0], track]):
            track += 1
        taken[key[0], track].append((low, high))
        tracks[key] = track
        num_tracks[key[0]] = max(num_tracks[key[0]], track + 1)
    return tracks, num_tracks


def _way(
    pair: Pair,
    places: Mapping[str, Place],
    grid: Grid,
    end: tuple[int, float] | None,
    at: Mapping[tuple[int, str], float],
    rows: _Rows,
) -> list[Point]:
    source, target = pair
    (x0, y0), (x1, y1) = grid.corner(places[source]), grid.corner(places[target])
    if end is None:
        middle = x0 + BOX_WIDTH / 2
        return [(middle, y0 + grid.height[places[source][1]]), (middle, y1 - 1)]
    gutter, y = end
    out = rows.middle(places[source][1])
    last = (x1 + BOX_WIDTH + 1, y) if gutter == places[target][0] else (x1 - 1, y)
    if y == out and gutter == places[source][0]:
        return [(x0 + BOX_WIDTH, out), last]
    first = at[places[source][0], source]
    points = [(x0 + BOX_WIDTH, out), (first, out)]
    gap = _gap(places, pair, gutter, rows)
    if gap is not None:
        points += [(first, gap), (at[gutter, source], gap)]
    return [*points, (points[-1][0], y), last]


def path(points: Sequence[Point]) -> str:
    """The way as the data of an SVG path, its corners rounded."""
    parts = [f"M{_short(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        parts.append(f"L{_short(_towards(corner, before))} Q{_short(corner)} {_short(_towards(corner, after))}")
    return " ".join([*parts, f"L{_short(points[-1])}"])


def _towards(corner: Point, other: Point) -> Point:
    """The point at which a rounded corner begins or ends."""
    (x, y), (dx, dy) = corner, (other[0] - corner[0], other[1] - corner[1])
    length = abs(dx) + abs(dy)  # one of them is zero
    share = min(_CORNER, length / 2) / length if length else 0.0
    return x + share * dx, y + share * dy


def _short(point: Point) -> str:
    return f"{point[0]:g} {point[1]:g}"
