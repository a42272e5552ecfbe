"""serve: a row of bind -> a local page over it, until Ctrl-C."""

from pathlib import Path

from pipeline.recognition import rows
from pipeline.serving import server
from pipeline.serving.app import Settings
from pipeline.serving.server import Address
from pipeline.serving.uploads import Limits
from pipeline.serving.worker import Training

_MAX_FRAMES = 2000  # files of one clip
_MAX_WAITING = 8
_UPLOAD_SECONDS = 120.0


def training(bound: Path | None, split: str | None, seed: int | None) -> Training:
    """The training that a user names, by default the only one."""
    row = rows.select(bound or rows.only_row(), split, seed)
    return Training(row.folder.resolve(), row.split, row.seed)


def settings(max_mb: int, max_seconds: float) -> Settings:
    """Bounds of one clip and of one answer."""
    return Settings(Limits(max_mb * 1_000_000, _MAX_FRAMES, _UPLOAD_SECONDS), max_seconds, _MAX_WAITING)


def serve(of: Training, bounds: Settings, host: str, port: int, *, open_page: bool) -> None:
    """Listen until Ctrl-C."""
    server.serve(of, bounds, Address(host, port), open_page=open_page)
