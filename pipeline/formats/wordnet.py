"""WordNet's database files for nouns (`index.noun`, `data.noun`), as they come with it and with other packages.

`index.noun`: one line a name: its synsets as byte offsets into `data.noun`, the commonest sense first. `data.noun`: one
line a synset: its names and pointers to others, of which `@` and `@i` lead to what it is a kind of (WordNet 3.0,
wndb(5WN)). Licence lines begin with a space.
"""

from pathlib import Path

from pipeline.core.errors import FormatError
from pipeline.core.outside import content

FILES = ("index.noun", "data.noun")
_MAX_BYTES = 1 << 26  # of a file; WordNet 3.1 has 16 MB
_MAX_LINE = 1 << 16
_MAX_SYNSETS = 1 << 10  # on the way up from one; in WordNet 3.0 no more than 40
_BROADER = (b"@", b"@i")


class WordNet:
    """Names of things and what they are kinds of."""

    def __init__(self, folder: Path) -> None:
        """Raises FormatError where the files are missing or are not WordNet's."""
        self._index, self._data = (content(folder / name, _MAX_BYTES, "a file of WordNet") for name in FILES)
        self._data_path = folder / FILES[1]
        self._offsets = _offsets(folder / FILES[0], self._index)

    def names(self, word: str, senses: slice) -> frozenset[str]:
        """The names of these senses of a word and of all their hypernyms; none for a word that is not listed.

        Raises FormatError where a pointer does not lead to a synset of `data.noun`.
        """
        all_names: set[str] = set()
        todo = list(self._offsets.get(word.lower().replace(" ", "_").encode(), ())[senses])
        known = set(todo)
        while todo and len(known) < _MAX_SYNSETS:
            names, broader = self._synset(todo.pop())
            all_names.update(names)
            todo += [offset for offset in broader if offset not in known]
            known.update(broader)
        return frozenset(all_names)

    def _synset(self, offset: int) -> tuple[list[str], list[int]]:
        """Names and broader synsets of one line of `data.noun`."""
        end = self._data.find(b"\n", offset, offset + _MAX_LINE)
        parts = self._data[offset : max(end, offset)].partition(b"|")[0].split()
        try:
            if int(parts[0]) != offset:
                raise ValueError
            num_names = int(parts[3], 16)
            names = [name.decode().replace("_", " ").lower() for name in parts[4 : 4 + 2 * num_names : 2]]
            first = 5 + 2 * num_names
            num_pointers = int(parts[first - 1])
            if not 0 <= 4 * num_pointers <= len(parts) - first:  # a line may claim any number of them
                raise ValueError
            pointers = [parts[at : at + 4] for at in range(first, first + 4 * num_pointers, 4)]
            return names, [int(to) for symbol, to, kind, _ in pointers if symbol in _BROADER and kind == b"n"]
        except (ValueError, IndexError):
            raise FormatError(
                f"{self._data_path}: no synset at byte {offset}; take both files of one WordNet"
            ) from None


def _offsets(path: Path, text: bytes) -> dict[bytes, tuple[int, ...]]:
    """Name -> its synsets, the commonest sense first."""
    offsets_of: dict[bytes, tuple[int, ...]] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        parts = line.split()
        if not parts or line.startswith(b" "):
            continue
        try:
            count = int(parts[2])
            offsets = tuple(map(int, parts[-count:]))
            if not 0 < count <= len(parts) - 6 or min(offsets) < 0:
                raise ValueError
        except (ValueError, IndexError):
            raise FormatError(f"{path}, line {number}: expected a name with its synsets, as WordNet has them") from None
        offsets_of[parts[0]] = offsets
    return offsets_of
