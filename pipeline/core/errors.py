"""Error families. Every message is one line: what, where, what was expected, what to do."""

_MAX_CHARACTERS = 2000


class UnseenError(Exception):
    """Base of all errors a user can cause and mend; stages and the CLI print it and exit with 1."""

    def __str__(self) -> str:
        """One line that any terminal can show, whatever a hostile file has put into it."""
        text = " ".join(super().__str__().splitlines())
        if len(text) > _MAX_CHARACTERS:
            text = f"{text[:_MAX_CHARACTERS]} ... ({len(text)} characters)"
        return text if text.isprintable() else text.encode("unicode_escape").decode()


class ParamsError(UnseenError):
    """params.yaml does not fit the code that reads it."""


class FormatError(UnseenError):
    """Bytes from outside, or an artefact of ours, are not what their format says."""


class DataError(UnseenError):
    """The data are readable but cannot be used as asked: missing clips, unknown names, too many rejects."""


class LeakError(UnseenError):
    """Something that must not have seen an unseen class has seen it."""
