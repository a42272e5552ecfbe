"""Listens on one address until Ctrl-C."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, replace

import uvicorn

from pipeline.core.errors import DataError
from pipeline.core.progress import say
from pipeline.serving.app import Settings, app
from pipeline.serving.worker import Training

_MAX_CONNECTIONS = 64
_SECONDS_TO_END = 2


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 is any free one."""

    host: str
    port: int


def serve(training: Training, settings: Settings, address: Address, *, open_page: bool) -> None:
    """Answer until Ctrl-C. DataError for an address that cannot be listened on."""
    with contextlib.closing(_listening(address)) as listening:
        host, port = listening.getsockname()[:2]
        at = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        local = ipaddress.ip_address(host).is_loopback
        named = settings if local else replace(settings, names=(address.host, socket.gethostname()))
        row = f"{training.folder.name}, {training.split}-{training.seed}"
        say(f"{row}: open {at} in a browser; Ctrl-C ends it")
        if not local:
            say(f"warning: {host} can be reached from other machines, and whoever reaches it may use this page")
        config = uvicorn.Config(
            app(training, named),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            http="h11",
            lifespan="on",
            proxy_headers=False,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        _run(uvicorn.Server(config), listening, (lambda: _opened(at)) if open_page else None)


def _run(server: uvicorn.Server, listening: socket.socket, once_up: Callable[[], None] | None) -> None:
    async def run() -> None:
        if once_up:
            asyncio.get_running_loop().call_later(0.5, once_up)
        await server.serve(sockets=[listening])

    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn raises again, when all is closed
        asyncio.run(run())


def _listening(address: Address) -> socket.socket:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server((address.host, address.port), family=found[0][0], backlog=_MAX_CONNECTIONS)
    except OSError as error:
        of_system = error.errno is not None and not isinstance(error, socket.gaierror)
        reason = os.strerror(error.errno or 0) if of_system else str(error)  # Python adds to the system's own message
        where = f"--host {address.host} --port {address.port}"
        raise DataError(f"{where}: {reason.lower()}; give another, --port 0 takes a free one") from None


def _opened(at: str) -> None:
    """Show the page, where there is a screen to show it on."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(at)
