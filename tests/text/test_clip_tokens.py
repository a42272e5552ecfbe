"""CLIP's tokens against open_clip's own tokenizer, whose file is run without the package around it."""

import html
import random
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import DataError
from pipeline.text import clip_tokens
from pipeline.text.clip_tokens import ClipTokens, tokens

ROOT = Path(__file__).parents[2]
TEXTS = [
    "A man riding a horse, the man wearing a hat.",
    'A sign saying "stop".',
    "it's 's 'S don't WE'LL they've I'm o'clock",
    "L'Été à Ångström, Straße",
    "&amp;amp; caf&eacute; <b> &#39;",
    "一二三 ½ ② १२",
    "ﬁne ligature ‘curly’ “quotes” …",
    "<start_of_text> <END_OF_TEXT>",
    "a\tb\n c\u00a0d\u3000e",
    "İstanbul ǅ ſ K e\u0301 \x00x\x07",
    "👩‍👩‍👧 and mojibake ÃƒÂ©",
    "1234 5a6b a_b-c 3x4.5",
    "x" * 500,
    "...!!??",
    "",
    "   ",
]


@pytest.fixture(scope="module")
def theirs() -> Any:
    package = find_spec("open_clip")
    spec = spec_from_file_location("open_clip_tokenizer", Path(package.origin).with_name("tokenizer.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def random_texts(number: int) -> list[str]:
    """ASCII with controls, mixed scripts, private and unassigned characters; no surrogates, which are no text."""
    rng = random.Random(0)
    blocks = [(32, 127)] * 5 + [(0, 32), (0x80, 0x300), (0x300, 0x3000), (0x3000, 0xD800), (0xE000, 0x110000)]
    found = []
    for _ in range(number):
        some = [rng.choice(blocks[: rng.choice([5, 6, 10])]) for _ in range(rng.randint(1, 14))]
        found.append("".join(chr(rng.randrange(*block)) for block in some))
    return found


def ids(theirs: Any, text: str) -> list[int]:
    return [theirs.sot_token_id, *theirs.encode(text), theirs.eot_token_id]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_the_ids_are_those_of_open_clip(text, theirs):
    assert tokens().ids(text) == ids(theirs, text)
    assert tokens().count(text) == len(ids(theirs, text))


def test_the_ids_are_those_of_open_clip_for_any_text(theirs):
    different = [text for text in random_texts(4000) if tokens().ids(text) != ids(theirs, text)]
    assert different == []


def test_every_word_of_the_vocabulary_has_its_own_id(theirs):
    words = [word.removesuffix("</w>") for word in theirs.encoder if word.endswith("</w>") and word.isascii()]
    different = [word for word in words if tokens().ids(html.escape(word)) != ids(theirs, html.escape(word))]
    assert len(words) > 30_000
    assert different == []


def test_a_part_is_the_tokens_that_its_words_have():
    text = 'A refrigerator, a sign saying "stop".'
    parts = [(0, 14), (16, 22), (23, 29), (30, 36)]
    found = tokens().spans(text, parts)
    every = tokens().ids(text)
    assert [every[a:b] for a, b in found[:3]] == [tokens().ids(w)[1:-1] for w in ("a refrigerator", "a sign", "saying")]
    assert every[slice(*found[3])] == [*tokens().ids('"stop')[1:-1], *tokens().ids('".')[1:-1]]  # `".` is one token
    assert found[3][1] == len(every) - 1


def test_parts_of_a_text_that_cleaning_changes_are_counted_alone():
    text = "A man’s hat on a shelf."
    assert tokens().spans(text, [(0, 7), (8, 11), (15, 22)]) == tokens().spans(
        "A man's hat on a shelf.", [(0, 7), (8, 11), (15, 22)]
    )


def test_neither_torch_nor_open_clip_is_imported():
    code = (
        "import sys; from pipeline.text.clip_tokens import tokens; tokens().ids('a café’s'); "
        "assert not {'torch', 'open_clip', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_without_the_vocabulary_one_clear_line_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(clip_tokens, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="package open_clip_torch"):
        ClipTokens()
