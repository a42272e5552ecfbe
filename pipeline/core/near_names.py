"""The name that someone may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def hint(name: object, known: Iterable[object]) -> str:
    """A question to put behind a message about a name that is none; empty where no known one is like it.

    >>> hint("utd_mhda", ["utd_mhad", "ntu60"])
    " (did you mean 'utd_mhad'?)"
    >>> hint("kitchen", ["utd_mhad", "ntu60"])
    ''
    """
    by_folded = {str(one).casefold(): str(one) for one in known}
    near = get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.7)
    return f" (did you mean '{by_folded[near[0]]}'?)" if near else ""
