"""Error families. Every message is one line: what, where, what was expected, what to do."""


class UnseenError(Exception):
    """Base of all errors a user can cause and mend; stages and the CLI print it and exit with 1."""


class ParamsError(UnseenError):
    """params.yaml does not fit the code that reads it."""


class FormatError(UnseenError):
    """Bytes from outside, or an artefact of ours, are not what their format says."""


class DataError(UnseenError):
    """The data are readable but cannot be used as asked: missing clips, unknown names, too many rejects."""


class LeakError(UnseenError):
    """Something that must not have seen an unseen class has seen it."""
