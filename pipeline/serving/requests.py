"""What the page asks: the JSON of each request, strict, and refused in one line."""

from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from pipeline.core.params import Params
from pipeline.serving.errors import RequestError

_MAX_TEXT = 64 << 10  # characters
_MAX_NAME = 1000
_MAX_NUMBERS = 1 << 16
_MAX_TOP = 50

Name = Annotated[str, Field(max_length=_MAX_NAME)]
Vector = Annotated[list[float], Field(min_length=1, max_length=_MAX_NUMBERS)]


class Sent(Params):
    """The head of an upload: the sense of the clip, and name and size of each of its files, whose bytes follow."""

    sense: Name
    files: Annotated[list[tuple[Name, Annotated[int, Field(ge=0)]]], Field(min_length=1)]


class Rank(Params):
    """Labels for the clip with a vector: between commas, or a line each."""

    vector: Vector
    labels: Annotated[str, Field(max_length=_MAX_TEXT)]


class Search(Params):
    """The clips nearest to a text or to a vector, among some senses (none: all)."""

    text: Annotated[str, Field(max_length=_MAX_TEXT)] | None = None
    vector: Vector | None = None
    among: list[Name]
    top: Annotated[int, Field(ge=1, le=_MAX_TOP)]


class Stored(Params):
    """A clip of the pipeline."""

    sense: Name
    clip: Name


class Listing(Params):
    """The clips of a sense whose id has a part."""

    sense: Name
    part: Name


R = TypeVar("R", bound=Params)


def parsed(model: type[R], content: bytes) -> R:
    """A request from its JSON. RequestError, naming the key, for anything else."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the request"
        raise RequestError(400, f"{where}: {fault['msg']}; load the page again") from None
