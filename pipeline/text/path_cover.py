"""The fewest paths that visit every node of a directed graph once: a Hamiltonian path where there is one.

A cover with k paths over n nodes keeps n - k edges, no two of which leave or enter the same node: a matching of nodes
to successors. So a largest matching without a cycle is a smallest cover, and for nearly all scene graphs it is found at
once. Where the matching has cycles, the search branches on which edge of a cycle to give up. It stops after a given
number of matchings; the cover is then valid, but may have more paths than needed.
"""

from collections.abc import Collection, Mapping

import msgspec

Successors = Mapping[int, Collection[int]]  # every node -> the nodes it has an edge to, in order of preference


class Cover(msgspec.Struct, frozen=True, gc=False):
    """Paths as lists of nodes, the longest first, then by first node; `proven`: no cover has fewer."""

    paths: list[list[int]]
    proven: bool


def minimum_path_cover(successors: Successors, max_matchings: int) -> Cover:
    """A smallest path cover, unless `max_matchings` runs out; the same for the same nodes and edges in the same order.

    The number of matchings is 1 + twice the branchings; scene graphs of 30 nodes rarely need more than one.
    """
    paths = _paths(successors, _largest_matching(successors, frozenset()))
    if sum(map(len, paths)) == len(successors):  # no node is on a cycle, as in nearly all scene graphs
        return Cover(paths, True)
    search = _Search(successors, max_matchings)
    search.branch(frozenset())
    return Cover(_paths(successors, search.best), search.proven)


class _Search:
    """Branch and bound over forbidden edges; `best` is the largest acyclic matching so far (node -> next node)."""

    def __init__(self, successors: Successors, max_matchings: int) -> None:
        self._successors = successors
        self._left = max_matchings
        self.best: dict[int, int] = {}
        self.proven = True

    def branch(self, forbidden: frozenset[tuple[int, int]]) -> None:
        self._left -= 1
        following = _largest_matching(self._successors, forbidden)
        cycle = _cycle(following)
        if not cycle:
            if len(following) > len(self.best) or not self.best:
                self.best = following
            return
        self._keep_opened(following)
        # One edge of the cycle has to go: try each in turn.
        for edge in cycle:
            if min(len(following), len(self._successors) - 1) <= len(self.best):
                return  # no acyclic matching below here is larger than the best so far
            if self._left <= 0:
                self.proven = False
                return
            self.branch(forbidden | {edge})

    def _keep_opened(self, following: dict[int, int]) -> None:
        """Opening each cycle at its first node gives a valid cover, if not always a smallest one."""
        opened = dict(following)
        while cycle := _cycle(opened):
            del opened[cycle[-1][0]]
        if len(opened) > len(self.best):
            self.best = opened


def _largest_matching(successors: Successors, forbidden: frozenset[tuple[int, int]]) -> dict[int, int]:
    """Node -> successor: as many as possible, no successor twice (Kuhn's augmenting paths, without recursion)."""
    following: dict[int, int] = {}
    before: dict[int, int] = {}
    for node, choices in successors.items():  # most nodes find a free successor at once
        for choice in choices:
            if choice not in before and not (forbidden and (node, choice) in forbidden):
                following[node], before[choice] = choice, node
                break
    for node, choices in successors.items():
        if node not in following and choices:
            _augment(node, successors, forbidden, following, before)
    return following


def _augment(
    start: int,
    successors: Successors,
    forbidden: frozenset[tuple[int, int]],
    following: dict[int, int],
    before: dict[int, int],
) -> None:
    reached: dict[int, int] = {}  # successor -> the node it was reached from
    queue = [start]
    for node in queue:  # grows while it is walked: breadth first
        for choice in successors[node]:
            if choice in reached or (forbidden and (node, choice) in forbidden):
                continue
            reached[choice] = node
            if choice in before:
                queue.append(before[choice])
                continue
            free: int | None = choice
            while free is not None:
                holder = reached[free]
                following_of_holder = following.get(holder)
                following[holder], before[free] = free, holder
                free = following_of_holder
            return


def _cycle(following: Mapping[int, int]) -> list[tuple[int, int]]:
    """The edges of one cycle, from its smallest node; [] if there is none."""
    done: set[int] = set()
    for start in following:
        walk: list[int] = []
        node = start
        while node in following and node not in done:
            done.add(node)
            walk.append(node)
            node = following[node]
        if node in walk:
            ring = walk[walk.index(node) :]
            first = ring.index(min(ring))
            ring = ring[first:] + ring[:first]
            return [(node, following[node]) for node in ring]
    return []


def _paths(successors: Successors, following: Mapping[int, int]) -> list[list[int]]:
    entered = set(following.values())
    paths = []
    for node in successors:
        if node not in entered:
            path, last = [node], node
            while last in following:
                last = following[last]
                path.append(last)
            paths.append(path)
    return sorted(paths, key=_longest_then_first)


def _longest_then_first(path: list[int]) -> tuple[int, int]:
    return (-len(path), path[0])
