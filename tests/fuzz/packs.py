"""Packs of features: a small one, what must be true of it when it is read, and damage behind its manifest's hashes."""

from pathlib import Path
from random import Random

from pipeline.formats import pack
from tests.fuzz import containers, evil
from tests.fuzz.evil import Damage

CONTENTS = {
    "card.md": b"# Weights\n",
    "features/extract/a.zarr/s-0/x": bytes(600),
    "features/extract/a.zarr/zarr.json": b"",
}


def make(folder: Path) -> None:
    """Three files of one row."""
    tracked = pack.Tracked("features/extract/a.zarr", "0" * 32 + ".dir", 600, 2)
    row = pack.PackedRow("extract@a", "python x", [tracked], {"extract.rows.a": {"seed": [0, None]}}, [tracked], None)
    manifest = pack.manifest(
        kind="features",
        names=["extract/a"],
        licence="CC0-1.0",
        note="",
        packed_by=pack.Maker("unseen 0", {"numpy": "2"}),
        rows=[row],
        upstream=[],
        evaluates=["align@a"],
        lacking={},
        files=pack.listed(CONTENTS.items()),
    )
    pack.write(folder / "a.pack", manifest, lambda file: CONTENTS[file.path])


def read(folder: Path) -> None:
    """All of it into a folder, which nothing leaves."""
    assert pack.read_manifest(folder / "a.pack").version == pack.VERSION
    out = folder / "out"
    with pack.opened(folder / "a.pack", 1 << 20) as opened:
        for file in opened.extract(lambda file: out / file.path):
            written = out / file.path
            assert written.resolve().is_relative_to(out.resolve())
            assert written.stat().st_size == file.size <= 1 << 20


def manifest(rng: Random, data: bytes) -> bytes:
    """Change the manifest; its header stays right."""
    size = int(data[124:135], 8)
    content = rng.choice(evil.JSON)(rng, data[512 : 512 + size])
    rest = data[512 + size + -size % 512 :]
    return pack.header(pack.MANIFEST, len(content)) + content + bytes(-len(content) % 512) + rest


PACK: tuple[Damage, ...] = (manifest, manifest, *containers.TAR)
