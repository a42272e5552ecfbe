"""The app: routes, and errors as one line of JSON. It reads no file and computes nothing itself."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pipeline.formats import skeleton_layout
from pipeline.serving import requests, uploads
from pipeline.serving.errors import RequestError
from pipeline.serving.guard import Guard
from pipeline.serving.page import page
from pipeline.serving.requests import Listing, R, Rank, Search, Stored
from pipeline.serving.uploads import Limits
from pipeline.serving.worker import Training, Worker

_MAX_BODY = 2 << 20  # of what is no upload
_SENT_SECONDS = 20.0
_DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Settings:
    """Bounds of uploads, the seconds of one answer, how many requests may wait, and names of this machine."""

    limits: Limits
    seconds: float
    max_waiting: int
    names: Collection[str] = ()


class Service:
    """What the routes call."""

    def __init__(self, training: Training, settings: Settings) -> None:
        self._limits = settings.limits
        self._worker = Worker(training, seconds=settings.seconds, max_waiting=settings.max_waiting)
        self._folder: Path | None = None
        self._page = page()

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of every answer."""
        return self._page.policy

    @asynccontextmanager
    async def running(self, _app: Starlette) -> AsyncIterator[None]:
        """From the server's start to its end; then the worker and the folder of uploads are gone."""
        with tempfile.TemporaryDirectory(prefix="unseen-serve-") as folder:
            self._folder = Path(folder)
            try:
                yield
            finally:
                await self._worker.stop()

    async def index(self, _request: Request) -> Response:
        """The page."""
        return HTMLResponse(self._page.html)

    async def about(self, _request: Request) -> Response:
        """The row, its senses, and the most bytes of a clip."""
        told = await self._ask("about")
        return JSONResponse({**told, "max_bytes": self._limits.max_bytes})

    async def clip(self, request: Request) -> Response:
        """An uploaded clip, which is gone again when it is answered."""
        chunks = request.stream()
        with self._worker.place(), tempfile.TemporaryDirectory(dir=self._folder) as folder:
            try:
                upload = await uploads.received(chunks, _closed(Path(folder)), self._limits)
            except RequestError:
                await _drained(chunks)
                raise
            values = {"sense": upload.sense, "path": str(upload.path), "shown": upload.shown}
            answer = await self._worker.ask("clip", values)
        return JSONResponse({**answer, "sense": upload.sense, "shown": upload.shown})

    async def pick(self, request: Request) -> Response:
        """A clip of the pipeline as an upload is answered."""
        asked = await _sent(Stored, request)
        answer = await self._ask("pick", **asked.model_dump())
        return JSONResponse({**answer, "sense": asked.sense, "shown": asked.clip})

    async def motion(self, request: Request) -> Response:
        """The frames of a clip of the pipeline."""
        return JSONResponse(await self._ask("motion", **(await _sent(Stored, request)).model_dump()))

    async def clips(self, request: Request) -> Response:
        """Clips of the pipeline by a part of their id."""
        return JSONResponse(await self._ask("clips", **(await _sent(Listing, request)).model_dump()))

    async def rank(self, request: Request) -> Response:
        """Labels, the likeliest first."""
        return JSONResponse(await self._ask("rank", **(await _sent(Rank, request)).model_dump()))

    async def search(self, request: Request) -> Response:
        """The nearest clips of the pipeline."""
        return JSONResponse(await self._ask("search", **(await _sent(Search, request)).model_dump()))

    async def _ask(self, verb: str, **values: Any) -> dict[str, Any]:
        with self._worker.place():
            return await self._worker.ask(verb, values)


def app(training: Training, settings: Settings) -> Starlette:
    """The whole app over one training of bind."""
    service = Service(training, settings)
    posts = [service.clip, service.pick, service.motion, service.clips, service.rank, service.search]
    return Starlette(
        routes=[
            Route("/", service.index, methods=["GET"]),
            Route("/api/about", service.about, methods=["GET"]),
            *(Route(f"/api/{post.__name__}", post, methods=["POST"]) for post in posts),
        ],
        lifespan=service.running,
        middleware=[Middleware(Guard, names=settings.names, policy=service.policy)],
        exception_handlers={
            RequestError: _refused,
            ClientDisconnect: _broken_off,
            HTTPException: _unknown,
            Exception: _fault,
        },
    )


async def _sent(model: type[R], request: Request) -> R:
    """A request's JSON."""
    body = bytearray()
    try:
        async with asyncio.timeout(_SENT_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_BODY:
                    raise RequestError(413, f"the request has more than {_MAX_BODY} bytes; type less")
    except TimeoutError:
        raise RequestError(408, f"the request took more than {_SENT_SECONDS:g} s to arrive; send it again") from None
    return requests.parsed(model, bytes(body))


def _closed(folder: Path) -> Path:
    """An empty folder in which the search for an array's layout ends, so that no file outside of it is read."""
    (folder / skeleton_layout.LISTS[0]).touch()
    inside = folder / "sent"
    inside.mkdir()
    return inside


async def _drained(chunks: AsyncIterator[bytes]) -> None:
    """Let a refused upload come in, unseen and for a moment: who still sends does not hear the answer."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                pass


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return JSONResponse({"error": str(error)}, error.status)


def _broken_off(_request: Request, _error: Exception) -> Response:
    """Nobody hears it."""
    return JSONResponse({"error": "the request was broken off; send it again"}, 400)


def _unknown(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    line = f"{HTTPStatus(error.status_code).phrase.lower()}; open the page itself, at /"
    return JSONResponse({"error": line}, error.status_code, error.headers)


def _fault(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "a fault of ours; the terminal of `unseen serve` has more"}, 500)
