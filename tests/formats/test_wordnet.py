"""WordNet's files: a tiny pair made here, and damaged ones."""

from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.core.errors import FormatError
from pipeline.formats.wordnet import WordNet
from pipeline.text.lexicon import Lexicon

ALL = slice(None)
# name of the synset -> its words, what it is a kind of
SYNSETS = {
    "thing": (["physical_thing"], []),
    "device": (["device", "gadget"], ["thing"]),
    "rodent": (["rodent"], ["thing"]),
    "mouse1": (["mouse"], ["rodent"]),
    "mouse2": (["mouse", "computer_mouse"], ["device"]),
    "zeppelin": (["zeppelin", "dirigible"], ["airship"]),
    "airship": (["Airship"], ["thing"]),
}


def write(folder: Path, *, symbol: str = "@") -> Path:
    """Both files, with a licence line as WordNet's have."""
    licence = "  1 This stands before the entries.  \n"
    offsets: dict[str, int] = {}
    for _ in range(2):  # the second time all offsets are known
        text = licence
        for name, (words, broader) in SYNSETS.items():
            offsets[name] = len(text)
            pointers = "".join(f" {symbol} {offsets.get(other, 0):08d} n 0000" for other in broader)
            listed = " ".join(f"{word} 0" for word in words)
            text += f"{offsets[name]:08d} 06 n {len(words):02x} {listed} {len(broader):03d}{pointers} | what it is  \n"
    senses: dict[str, list[int]] = {}
    for name, (words, _) in SYNSETS.items():
        for word in words:
            senses.setdefault(word.lower(), []).append(offsets[name])
    lines = [
        f"{word} n {len(found)} 1 @ {len(found)} 0 " + " ".join(f"{offset:08d}" for offset in found)
        for word, found in sorted(senses.items())
    ]
    folder.mkdir(exist_ok=True)
    (folder / "data.noun").write_text(text)
    (folder / "index.noun").write_text(licence + "  \n".join(lines) + "  \n")
    return folder


def test_names_of_the_senses_and_of_all_above_them(tmp_path):
    wordnet = WordNet(write(tmp_path))
    assert wordnet.names("mouse", slice(1)) == {"mouse", "rodent", "physical thing"}
    assert wordnet.names("mouse", slice(1, 2)) == {"mouse", "computer mouse", "device", "gadget", "physical thing"}
    assert wordnet.names("Computer mouse", ALL) == wordnet.names("mouse", slice(1, 2))
    assert wordnet.names("zeppelin", ALL) == {"zeppelin", "dirigible", "airship", "physical thing"}
    assert wordnet.names("unheard of", ALL) == frozenset()


def test_an_instance_is_of_its_kind_and_other_pointers_lead_nowhere(tmp_path):
    assert "airship" in WordNet(write(tmp_path, symbol="@i")).names("zeppelin", ALL)
    assert WordNet(write(tmp_path, symbol="%p")).names("zeppelin", ALL) == {"zeppelin", "dirigible"}


def test_a_lexicon_with_it_knows_what_our_lists_do_not(tmp_path):
    with_it, without = Lexicon(wordnet=WordNet(write(tmp_path))), Lexicon()
    assert "airship" in with_it.noun("zeppelins").wide
    assert "airship" not in without.noun("zeppelins").wide
    assert "gadget" in with_it.thing(("thingy",), ("mouse.n.02",)).wide
    assert "rodent" not in with_it.thing(("thingy",), ("mouse.n.02",)).wide - with_it.noun("mouse").wide
    assert "gadget" not in without.thing(("thingy",), ("mouse.n.02",)).wide


def test_a_circle_of_synsets_ends(tmp_path):
    folder = write(tmp_path)
    text = (folder / "data.noun").read_text()
    own = next(line for line in text.splitlines() if " rodent " in line and "mouse" not in line)
    thing = next(line for line in text.splitlines() if "physical_thing" in line)
    looped = own.replace(f"@ {thing[:8]}", f"@ {own[:8]}")
    (folder / "data.noun").write_text(text.replace(own, looped))
    assert WordNet(folder).names("rodent", ALL) == {"rodent"}


def test_missing_files_are_said_in_one_line(tmp_path):
    with pytest.raises(FormatError, match=r"index\.noun: no such file; expected a file of WordNet"):
        WordNet(tmp_path)
    (tmp_path / "index.noun").mkdir()
    with pytest.raises(FormatError, match="expected a file of WordNet"):
        WordNet(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["mouse", "mouse n two 0 1 0 00000000", "mouse n 99 1 @ 1 0 00000000", "mouse n 0 0 0 0", "mouse n 1 1 @ 1 0 -5",
     "mouse n -1 1 @ 1 0 00000000", "mouse n 1 1 @ 1 0 " + "9" * 5000],
)  # fmt: skip
def test_a_damaged_index_is_refused_with_its_line(tmp_path, line):
    folder = write(tmp_path)
    (folder / "index.noun").write_text("  licence\n" + line + "\n")
    with pytest.raises(FormatError, match="line 2"):
        WordNet(folder)


@pytest.mark.parametrize("number", range(60))
def test_damaged_data_give_names_or_one_clear_line(tmp_path, number):
    folder = write(tmp_path)
    text = bytearray((folder / "data.noun").read_bytes())
    for place in range(number, len(text), 61):
        text[place] = (text[place] * 7 + number) % 256
    (folder / "data.noun").write_bytes(bytes(text[: len(text) - 9 * (number % 4)]))
    wordnet = WordNet(folder)
    for word in ("mouse", "zeppelin", "device", "airship"):
        with suppress(FormatError):
            assert all(isinstance(name, str) for name in wordnet.names(word, ALL))


def test_a_synset_that_counts_more_than_it_has_is_refused_at_once(tmp_path):
    folder = write(tmp_path)
    text = (folder / "data.noun").read_bytes()
    (folder / "data.noun").write_bytes(text.replace(b" 0 001 @", b" 0 999999999999 @"))
    with pytest.raises(FormatError, match="no synset"):
        WordNet(folder).names("mouse", ALL)


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.formats.wordnet._MAX_BYTES", 10)
    with pytest.raises(FormatError, match="larger than 10 bytes"):
        WordNet(write(tmp_path))


@pytest.mark.parametrize("number", ["9" * 300, "-1", "002"])
def test_a_synset_that_claims_pointers_it_does_not_have_is_refused(tmp_path, number):
    folder = write(tmp_path / "wordnet")
    data = folder / "data.noun"
    data.write_text(data.read_text().replace("rodent 0 001", f"rodent 0 {number}"))
    with pytest.raises(FormatError, match="no synset at byte"):
        WordNet(folder).names("rodent", ALL)
