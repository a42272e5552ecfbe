"""A remote in a bucket of an S3-compatible server on this machine."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sharing.conftest import Clone, check_second_clone, free_port, wait_for

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="moto, a server to test with, is missing"),
    pytest.mark.skipif(
        importlib.util.find_spec("dvc_s3") is None, reason="dvc-s3 (requirements-remotes.txt) is missing"
    ),
]
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server with a bucket `team`."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            wait_for(port, process, tmp_path / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def test_a_second_clone_has_all_and_nothing_to_do(first: Clone, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    make = f"import boto3; boto3.client('s3', endpoint_url={server!r}).create_bucket(Bucket='team')"
    first.run(sys.executable, "-W", "ignore", "-c", make)
    first.run("dvc", "remote", "add", "--default", "team", "s3://team/unseen")
    first.run("dvc", "remote", "modify", "team", "endpointurl", server)
    check_second_clone(first)
