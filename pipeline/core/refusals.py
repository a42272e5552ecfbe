"""What a disk refuses (no room, read-only, no permission), however a library says it: one errno and one line."""

import errno
import os
import re

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What the user can mend; other errors of the system are ours and keep their traceback.
_REFUSED = _NO_ROOM | {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
# Libraries that write by themselves say the number in a text: shutil (a folder copied), safetensors (Rust), pyarrow.
_NUMBER = re.compile(r"(?:\[errno |\bcode: |\bos error )(\d+)", re.IGNORECASE)
_PHRASES = {
    "database or disk is full": errno.ENOSPC,  # SQLite
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")  # numpy, of an array that did not fit
# Families that may hold such a text; of any other it would be by chance.
_FAMILIES = frozenset({"OSError", "SafetensorError", "OperationalError"})


def line(error: Exception) -> str | None:
    """The one line for an error that a disk's refusal is behind; None for any other error."""
    number = _number(error)
    if number not in _REFUSED:
        return None
    where = getattr(error, "filename", None) or "the disk"
    if number in _NO_ROOM:
        return f"{where}: {os.strerror(number)}; make room there and run it again: what is finished is kept"
    return f"{where}: {os.strerror(number)}; give another path, or mend this one"


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if not {family.__name__ for family in type(error).__mro__} & _FAMILIES:
        return None
    text = " ".join(map(str, error.args))  # not str(error): with a file name of ours an OSError says no more than it
    if found := _NUMBER.search(text):
        return int(found[1])
    if isinstance(error, OSError) and _SHORT_WRITE.search(text):
        return errno.ENOSPC
    return next((number for phrase, number in _PHRASES.items() if phrase in text), None)
