"""A machine for pickles from outside, in which a file can neither run anything nor ask for more than it is worth.

A pickle is a program for a stack machine. This one knows the operations that plain values need and no others. Three
faults of hostile files are refused while they are read: keys that are no text (to hash a tuple that holds itself twice,
forty levels deep, takes years), values that are used over and over until what they stand for is far more than the file
(the same, in lists), and text that no encoding can hold.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping
from struct import unpack
from typing import Any, ClassVar

EXPANDED_PER_BYTE = 8  # values that a file may stand for, shared ones counted wherever they are used
EXPANDED = 1_000_000  # above that multiple, whatever the file
_LONG_TEXT = 4096  # shorter texts and bytes are shared freely: that is how names are stored

_OPERATIONS = (  # as pickletools calls them
    "PROTO FRAME STOP MARK "
    "NONE NEWTRUE NEWFALSE INT LONG BININT BININT1 BININT2 LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "LIST EMPTY_LIST APPEND APPENDS TUPLE EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 DICT EMPTY_DICT SETITEM SETITEMS "
    "PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD"
)


class RefusedError(Exception):
    """What the pickle asks for is not data; the message says what."""


class Constructor:
    """A call that a pickle may make, of a function of ours."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make


class Built:
    """A value that a pickle makes by a call and then fills; `size` says how many plain values it is worth."""

    __slots__ = ()

    def fill(self, state: Any) -> None:
        """Take the state that the pickle gives."""
        raise NotImplementedError

    def size(self) -> int:
        """How many plain values it is worth."""
        raise NotImplementedError


Admitted = Mapping[tuple[str, str], Constructor]


def load(file: Any, num_bytes: int, admitted: Admitted) -> Any:
    """The value of a pickle of `num_bytes`; `admitted` are the names that it may call.

    Raises RefusedError for what is no data, and whatever damage leads to.
    """
    return _Machine(file, num_bytes, admitted).load()


_Stop: Any = vars(pickle)["_Stop"]
_Base: Any = pickle._Unpickler  # the one in C sizes its memo by the file's word, and hashes whatever it is told to


class _Machine(_Base):  # type: ignore[misc]
    dispatch: ClassVar[dict[int, Callable[..., None]]]

    def __init__(self, file: Any, num_bytes: int, admitted: Admitted) -> None:
        super().__init__(file, encoding="latin1")
        self._admitted = admitted
        self._left = num_bytes * EXPANDED_PER_BYTE + EXPANDED
        self._shared: dict[int, tuple[int, Any]] = {}  # by id: what a value is worth, and the value, so that it stays

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._admitted:
            raise RefusedError(f"the pickle asks for {module}.{name}, which is refused, for it is no plain data")
        return self._admitted[module, name]

    def load(self) -> Any:
        # Frames only tell how to read ahead, and are passed over: the file is in memory.
        self.read, self.readline = self._file_read, self._file_readline
        self.metastack: list[Any] = []
        self.stack: list[Any] = []
        self.append, self.proto = self.stack.append, 0
        read, memo, dispatch = self.read, self.memo, self.dispatch
        try:
            while code := read(1):
                if code == b"h":  # BINGET of a name is a third of what a pickle of many dicts asks for
                    value = memo[read(1)[0]]
                    if value.__class__ is str and len(value) <= _LONG_TEXT:
                        self.append(value)
                    else:
                        self._share(value)
                else:
                    dispatch[code[0]](self)
        except _Stop as stop:
            return stop.value
        raise EOFError("it ends early")

    def load_frame(self) -> None:
        self.read(8)

    def load_get(self) -> None:
        self._share(self.memo[int(self.readline()[:-1])])

    def load_long_binget(self) -> None:
        self._share(self.memo[unpack("<I", self.read(4))[0]])

    def _share(self, value: Any) -> None:
        if value.__class__ is not str or len(value) > _LONG_TEXT:
            known = self._shared.get(id(value))
            self._left -= known[0] if known else self._worth(value)
            if self._left < 0:
                raise RefusedError("the pickle holds the same values over and over, more than its bytes explain")
        self.append(value)

    def _worth(self, root: Any) -> int:
        """How many plain values a value stands for, each counted as often as it is used. From now on it is fixed."""
        waiting = [root]
        while waiting:
            value = waiting[-1]
            parts = _parts(value)
            unknown = [part for part in parts if part.__class__ in _HOLDERS and id(part) not in self._shared]
            if unknown:  # each stands in one place only: what stands in two has been shared, and is known
                waiting += unknown
                continue
            waiting.pop()
            if value.__class__ in _HOLDERS or isinstance(value, Built | Constructor):
                self._shared[id(value)] = (_own(value) + sum(map(self._known, parts)), value)
        return self._known(root)

    def _known(self, value: Any) -> int:
        return self._shared[id(value)][0] if value.__class__ in _HOLDERS else _own(value)

    def load_append(self) -> None:
        value = self.stack.pop()
        self._open(list).append(value)

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._open(list).extend(items)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._open(dict).update(_pairs([key, value]))

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._open(dict).update(_pairs(items))

    def load_dict(self) -> None:
        items = self.pop_mark()  # first: it changes what append is
        self.append(dict(_pairs(items)))

    def _open(self, kind: type) -> Any:
        """The list or dict on top of the stack, which must not have been used in a second place yet."""
        value = self.stack[-1]
        if value.__class__ is not kind or id(value) in self._shared:
            raise RefusedError(f"the pickle changes a {type(value).__name__} that it may not change")
        return value

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack[-1]
        if function.__class__ is not Constructor or arguments.__class__ is not tuple:
            raise RefusedError(f"the pickle calls a {type(function).__name__}")
        self.stack[-1] = function.make(*arguments)

    def load_build(self) -> None:
        state, value = self.stack.pop(), self.stack[-1]
        if not isinstance(value, Built) or id(value) in self._shared:
            raise RefusedError(f"the pickle changes a {type(value).__name__}")
        value.fill(state)

    def load_unicode(self) -> None:
        self.append(self.readline()[:-1].decode("raw-unicode-escape").encode().decode())  # no lone surrogates

    def load_binunicode(self) -> None:
        self.append(self.read(unpack("<I", self.read(4))[0]).decode())

    def load_short_binunicode(self) -> None:
        self.append(self.read(self.read(1)[0]).decode())

    def load_binunicode8(self) -> None:
        self.append(self.read(unpack("<Q", self.read(8))[0]).decode())

    def load_bytearray8(self) -> None:
        self.append(bytearray(self.read(unpack("<Q", self.read(8))[0])))


_HOLDERS = (list, tuple, dict)


def _parts(value: Any) -> Iterable[Any]:
    if value.__class__ is dict:
        return list(value.values())
    return value if value.__class__ in _HOLDERS else ()


def _own(value: Any) -> int:
    """What a value is worth without its parts; of a dict the keys are counted with the values."""
    if isinstance(value, Built):
        return value.size()
    if isinstance(value, str | bytes | bytearray):
        return 1 + len(value) // 8
    return 1


def _pairs(items: list[Any]) -> Iterable[tuple[str, Any]]:
    keys = items[::2]
    other = set(map(type, keys)) - {str}
    if other or len(items) % 2:
        kinds = sorted(kind.__name__ for kind in other) or "one without a value"
        raise RefusedError(f"a key should be text, found {kinds}")
    return zip(keys, items[1::2], strict=True)


def _dispatch() -> dict[int, Callable[..., None]]:
    """The operations by opcode, those of ours before those of the standard library."""
    known: dict[int, Callable[..., None]] = _Base.dispatch
    table: dict[int, Callable[..., None]] = dict.fromkeys(range(256), _refuse)
    for name in _OPERATIONS.split():
        code: int = getattr(pickle, name)[0]
        table[code] = getattr(_Machine, known[code].__name__)
    return table


def _refuse(_: _Machine) -> None:
    raise RefusedError("the pickle asks for an operation that plain values do not need")


_Machine.dispatch = _dispatch()
