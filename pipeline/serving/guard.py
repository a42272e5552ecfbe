"""Refuses requests of other web pages and says in every answer what a browser may do with it.

A page elsewhere can have its name resolve to this machine (DNS rebinding): so the request's Host must be an address, as
no name can pose as one, or a name that is ours. It can also send forms here: so the Origin of a POST must be the page.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FIXED = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?")  # address or name, and port
_OURS = ("same-origin", "none")  # of Sec-Fetch-Site; none: typed by a person


class Guard:
    """Wraps an app. `names` are those that this machine may be called by, beside addresses and localhost."""

    def __init__(self, app: ASGIApp, names: Collection[str], policy: str) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower() for name in names)}
        self._headers = _FIXED | {"Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app: Any = JSONResponse({"error": refusal}, 403) if refusal else self._app
        await app(scope, receive, with_headers)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        """Why a request is not answered, if so."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return f"the address '{host[:100]}' is not this page's; open the one that `unseen serve` prints"
        if headers.get("sec-fetch-site", "none") not in _OURS:
            return "asked from another web page; open the address that `unseen serve` prints"
        if method not in ("GET", "HEAD") and headers.get("origin", "").lower() != f"http://{host}".lower():
            return "sent from another web page, or without its Origin; send it from the page itself"
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        name = (found[1] or found[2]).lower() if found else ""
        try:
            return name in self._names or ipaddress.ip_address(name) is not None
        except ValueError:
            return False
