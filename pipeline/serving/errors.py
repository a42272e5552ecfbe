"""What a request is refused with: one line, and the status of HTTP that fits."""

from pipeline.core.errors import UnseenError


class RequestError(UnseenError):
    """A request that cannot be answered; `status` is HTTP's."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status
