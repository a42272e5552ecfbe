"""The page: one HTML text with style and script inside, and the policy that lets a browser run these and no other."""

import base64
import hashlib
from importlib import resources
from typing import NamedTuple

_PARTS = resources.files("pipeline.serving") / "page"
_STYLE = resources.files("pipeline.reporting") / "templates" / "style.css"


class Page(NamedTuple):
    """What is sent, and its Content-Security-Policy."""

    html: str
    policy: str


def page() -> Page:
    """The page. It holds nothing of the checkout: its script asks for that."""
    style = _STYLE.read_text(encoding="utf-8") + (_PARTS / "page.css").read_text(encoding="utf-8")
    script = (_PARTS / "page.js").read_text(encoding="utf-8")
    html = (_PARTS / "page.html").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; "
        f"style-src {_digest(style)}; script-src {_digest(script)}"
    )
    return Page(html.replace("/* style */", style).replace("/* script */", script), policy)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
