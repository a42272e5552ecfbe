"""What the page of `unseen serve` bears: a hundred requests in a row, damaged uploads between them, memory flat.

CHECKOUT in the environment names a finished checkout with the row `demo-sgfa`; by default it is a toy.
"""

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.recognition.toy import files
from tests.serving.conftest import body, served
from tests.serving.test_hostile import SENSE_OF, damaged

NUM_REQUESTS, NUM_WARM = 100, 20
LABELS = "drink water, wave a hand, sit down"


class Asked:
    """A served page, and what it has answered."""

    def __init__(self, address: str, process: psutil.Process) -> None:
        self.address, self.process = address, process
        self.seconds: list[float] = []

    def post(self, verb: str, content: bytes) -> tuple[int, dict]:
        request = urllib.request.Request(f"{self.address}/api/{verb}", content, {"Origin": self.address})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def whole(self, clip: Path) -> None:
        """A clip's upload and the ranks of its labels."""
        before = time.monotonic()
        status, told = self.post("clip", body("skeleton", [(clip.name, clip.read_bytes())]))
        assert status == 200, told
        status, ranked = self.post("rank", json.dumps({"vector": told["vector"], "labels": LABELS}).encode())
        assert status == 200, ranked
        self.seconds.append(time.monotonic() - before)

    def held_mib(self) -> tuple[int, int]:
        """Resident memory of the server and of its worker."""
        [worker] = self.process.children()
        return self.process.memory_info().rss >> 20, worker.memory_info().rss >> 20


@pytest.fixture
def checkout(toy: Path) -> Path:
    return Path(os.environ.get("CHECKOUT", toy))


def test_a_hundred_requests_and_damaged_files_between_them(
    benchmark: BenchmarkFixture, checkout: Path, tmp_path: Path
) -> None:
    clips = files(checkout, "skeleton")
    sense_of = {target: sense for target, sense in SENSE_OF.items() if target != "thermal_png"}  # the row has films
    with served(checkout, "--bound", "features/bind/demo-sgfa") as (process, address):
        asked = Asked(address, psutil.Process(process.pid))
        for sense in ("depth", "thermal", "hub"):  # so that all encoders are loaded before memory is looked at
            path = files(checkout, "video" if sense == "hub" else sense)[0]
            frames = sorted(path.iterdir()) if path.is_dir() else [path]
            asked.post("clip", body(sense, [(frame.name, frame.read_bytes()) for frame in frames]))
        for _ in range(NUM_WARM):
            asked.whole(clips[0])
        before, worker = asked.held_mib(), asked.process.children()
        asked.seconds.clear()

        def work() -> None:
            for number in range(NUM_REQUESTS):
                asked.whole(clips[number % len(clips)])

        benchmark.pedantic(work, rounds=1)
        between, statuses = asked.held_mib(), []
        for target, sense in sense_of.items():
            (tmp_path / target).mkdir()
            cases = damaged(target, tmp_path / target)
            statuses += [asked.post("clip", body(sense, named))[0] for named in cases]
        asked.whole(clips[0])
        benchmark.extra_info |= {
            "seconds a request, median and worst": (
                round(sorted(asked.seconds)[len(asked.seconds) // 2], 3),
                round(max(asked.seconds), 3),
            ),
            "malformed": {status: statuses.count(status) for status in sorted(set(statuses))},
            "the same worker": worker == asked.process.children(),
            "MiB of server and worker: before, after the requests, after the malformed": (
                before,
                between,
                asked.held_mib(),
            ),
        }
    assert set(statuses) <= {200, 400}
