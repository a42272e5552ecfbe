"""Values and texts that readers have stumbled over, and damage that keeps some structure of bytes, lines and JSON.

Every function takes the generator of one case first, so that a case is the same whenever it is made again.
"""

import json
import re
import struct
from collections.abc import Callable
from random import Random

Damage = Callable[[Random, bytes], bytes]

NUMBERS = (
    b"nan",
    b"-nan",
    b"inf",
    b"-inf",
    b"1e999",
    b"-1e999",
    b"1e308",
    b"1e-320",
    b"-0.0",
    b"-0",
    b"0",
    b"-1",
    b"1.5",
    b"2147483648",
    b"4294967295",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1" * 5000,
    b"1" * 300,
    b"0x10",
    b"1_0",
    b"+1",
    b"1,5",
    b"\xef\xbc\x91",
    b"\xd9\xa3",
    b"",
    b" ",
    b"1e",
    b"1.",
    b".5",
)
TEXTS = (
    "",
    " ",
    "\0",
    "\ufeff",
    "a\nb",
    "a\r\nb",
    "\u2028",
    "\x85",
    "\x1b[31m",
    "../x",
    "/etc/passwd",
    "a\\b",
    "#",
    "a#clip=b",
    "a#frames=3-9",
    "a/b",
    '"',
    "''",
    "é" * 300,
    "x" * 70000,
    "\U0001f600",
    "NaN",
    "null",
    "\u202e",
    "ß",
    "İ",
    "%s",
    "{0}",
)
# As JSON spells them; a lone surrogate, deep nesting and long numbers cannot be made by a JSON writer.
JSON_VALUES = (
    "null",
    "true",
    "false",
    "0",
    "-0.0",
    "-1",
    "1.5",
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "1" * 5000,
    "1e308",
    "1e-999",
    "9223372036854775808",
    "[]",
    "{}",
    "[[]]",
    '""',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"a\\nb"',
    "[" * 3000,
    "[" * 2000 + "]" * 2000,
    '{"a":' * 2000 + "1" + "}" * 2000,
    "[" + "[]," * 5000 + "[]]",
    "[" + "0," * 5000 + "0]",
    '"' + "x" * 70000 + '"',
    '{"a":1,"a":2}',
    "01",
    "+1",
    "'a'",
    '"\\x"',
    "",
)
_TOKEN = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def size(rng: Random, most: int) -> int:
    """A length: mostly short."""
    return min(most, int(rng.paretovariate(0.7)))


def flip(rng: Random, data: bytes) -> bytes:
    """Change some bits or bytes."""
    raw = bytearray(data)
    for _ in range(rng.randint(1, 4) if raw else 0):
        place = rng.randrange(len(raw))
        raw[place] = rng.choice((raw[place] ^ (1 << rng.randrange(8)), rng.randrange(256), 0, 255, 127, 128))
    return bytes(raw)


def cut(rng: Random, data: bytes) -> bytes:
    """Leave the end off."""
    return data[: rng.randrange(len(data) + 1)]


def remove(rng: Random, data: bytes) -> bytes:
    """Take a block out."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + data[place + size(rng, 4096) :]


def repeat(rng: Random, data: bytes) -> bytes:
    """Put a block there again, once or many times."""
    place = rng.randrange(len(data) + 1)
    block = data[place : place + size(rng, 256)]
    return data[:place] + block * rng.choice((2, 2, 3, 50, 400)) + data[place + len(block) :]


def insert(rng: Random, data: bytes) -> bytes:
    """Put random bytes, zeros or a byte order mark somewhere."""
    place = rng.choice((0, len(data), rng.randrange(len(data) + 1)))
    block = rng.choice(
        (rng.randbytes(size(rng, 64)), bytes(size(rng, 4096)), b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\0", b"\r")
    )
    return data[:place] + block + data[place:]


def length(rng: Random, data: bytes) -> bytes:
    """Write an extreme number of 16, 32 or 64 bits where a length may stand."""
    code = rng.choice(("<H", ">H", "<I", ">I", "<I", ">I", "<Q", ">Q"))
    width = struct.calcsize(code)
    if len(data) < width:
        return data
    most = (1 << 8 * width) - 1
    value = rng.choice((0, 1, most, most >> 1, (most >> 1) + 1, most - 7, 1 << (8 * width - 4), rng.randrange(most)))
    place = rng.randrange(0, len(data) - width + 1, rng.choice((1, 2, 4)))
    return data[:place] + struct.pack(code, value) + data[place + width :]


def number(rng: Random, data: bytes) -> bytes:
    """Put an odd number where one stands."""
    found = list(_TOKEN.finditer(data[:200_000]))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(NUMBERS) + data[match.end() :]


def word(rng: Random, data: bytes) -> bytes:
    """Put an odd text between two separators."""
    found = [match.span() for match in re.finditer(rb"[^\s,;\"]+", data[:200_000])]
    if not found:
        return data
    start, end = rng.choice(found)
    return data[:start] + rng.choice(TEXTS).encode() + data[end:]


def lines(rng: Random, data: bytes) -> bytes:
    """Change the order, the number or the ends of lines."""
    parts = data.split(b"\n")
    place = rng.randrange(len(parts))
    what = rng.randrange(7)
    if what == 0:
        del parts[place]
    elif what == 1:
        parts.insert(place, parts[rng.randrange(len(parts))])
    elif what == 2:
        rng.shuffle(parts)
    elif what == 3:
        return rng.choice((b"\r\n", b"\r", b"\n\n", b" \n")).join(parts)
    elif what == 4:
        parts[place] *= rng.choice((2, 300))
    elif what == 5:
        parts[place] = rng.choice((b'"', b",", b" ", b"\t", b"\0")) * rng.choice((1, 2, 5000)) + parts[place]
    else:
        parts[place] = parts[place].swapcase()
    return b"\n".join(parts)


def json_value(rng: Random, data: bytes) -> bytes:
    """Put an odd value anywhere into a JSON text, or say a key in another way or twice."""
    tree = json.loads(data)
    places = list(_places(tree))
    if not places:
        return rng.choice(JSON_VALUES).encode()
    holder, key = rng.choice(places)
    if isinstance(holder, dict) and rng.random() < 0.25:
        holder["@key@"] = holder[key] if rng.random() < 0.5 else holder.pop(key)
    else:
        holder[key] = "@value@"
    odd_key = rng.choice((json.dumps(rng.choice(TEXTS)), json.dumps(str(key)), '"\\ud800"'))
    text = json.dumps(tree).replace('"@value@"', rng.choice(JSON_VALUES)).replace('"@key@"', odd_key)
    return text.encode()


def json_line(rng: Random, data: bytes) -> bytes:
    """The same in one line of a file that has a JSON text a line."""
    many = data.split(b"\n")
    place = rng.randrange(len(many))
    many[place] = json_value(rng, many[place])
    return b"\n".join(many)


def _places(tree: object) -> list[tuple]:
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict | list):
            keys = list(node) if isinstance(node, dict) else range(len(node))
            found += [(node, key) for key in keys]
            waiting += [node[key] for key in keys]
    return found


BYTES: tuple[Damage, ...] = (flip, flip, cut, remove, repeat, insert, length, length)
TEXT: tuple[Damage, ...] = (number, number, number, word, word, lines, lines, flip, cut, insert, repeat)
JSON: tuple[Damage, ...] = (json_value, json_value, json_value, json_value, number, flip, cut, insert, repeat)
JSON_LINES: tuple[Damage, ...] = (json_line, json_line, json_line, number, lines, flip, cut, insert, repeat)
