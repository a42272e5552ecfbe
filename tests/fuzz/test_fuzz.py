"""Damaged files of every format: a sound value or one clear line, in bounded time and memory. `make fuzz` does more."""

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest

import pipeline.formats
from tests.fuzz import cases
from tests.fuzz.targets import TARGETS

CASES = 200
SEED = 0

# Not read on their own: they write, check what others have read, or are made by a reader.
NO_READERS = {"check_exists", "check_picture", "check_same_size", "Index", "Shard", "visual_genome.Annotations"}

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux only")


def readers() -> dict[str, object]:
    """Whatever in pipeline.formats is public, takes a path first and does not write there."""
    found = {}
    for module in pkgutil.iter_modules(pipeline.formats.__path__):
        members = vars(importlib.import_module(f"pipeline.formats.{module.name}"))
        for name, member in members.items():
            if (
                name.startswith(("_", "write"))
                or getattr(member, "__module__", "") != f"pipeline.formats.{module.name}"
            ):
                continue
            if not inspect.isfunction(member) and not (inspect.isclass(member) and "__init__" in vars(member)):
                continue
            first = next(iter(inspect.signature(member).parameters.values()), None)
            if first is not None and first.annotation is Path and not {name, f"{module.name}.{name}"} & NO_READERS:
                found[f"{module.name}.{name}"] = member
    return found


def test_every_reader_is_fed_damaged_files():
    fed = {id(reader) for target in TARGETS.values() for reader in target.readers}
    assert [name for name, reader in readers().items() if id(reader) not in fed] == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_sample_is_read_as_it_is(target, tmp_path):
    TARGETS[target].make(tmp_path)
    TARGETS[target].read(tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_damage_is_a_sound_value_or_one_clear_line(target, tmp_path):
    files = cases.sample(target, tmp_path / "sample")
    found = [cases.run(target, files, SEED, case, tmp_path / "case") for case in range(CASES)]
    assert [str(one) for one in found if one] == []


def test_a_case_is_the_same_whenever_it_is_made(tmp_path):
    files = cases.sample("action_genome", tmp_path / "sample")
    for name in ("a", "b"):
        cases.write("action_genome", files, SEED, 7, tmp_path / name)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("a", "b"))
    assert first == second
    assert first != {name: files[name] for name in first}
