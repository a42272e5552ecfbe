"""A remote on a WebDAV server on this machine, such as that of a Nextcloud."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sharing.conftest import Clone, check_second_clone, free_port, wait_for

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("wsgidav") is None or importlib.util.find_spec("cheroot") is None,
        reason="wsgidav and cheroot, a server to test with, are missing",
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("dvc_webdav") is None, reason="dvc-webdav (requirements-remotes.txt) is missing"
    ),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server that lets in one user with a password."""
    port = free_port()
    (tmp_path / "remote/unseen").mkdir(parents=True)  # DVC makes no folder at the end of the address
    users = {"*": {"anna": {"password": "secret"}}}
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "port": port,
                "provider_mapping": {"/": str(tmp_path / "remote")},
                "simple_dc": {"user_mapping": users},
                "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            }
        )
    )
    with (tmp_path / "log").open("wb") as log:
        words = [sys.executable, "-W", "ignore", "-m", "wsgidav.server.server_cli", "-c", str(tmp_path / "config.json")]
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            wait_for(port, process, tmp_path / "log")
            yield f"webdav://127.0.0.1:{port}/unseen"
        finally:
            process.terminate()
            process.wait(30)


def test_a_second_clone_has_all_and_nothing_to_do(first: Clone, server: str, tmp_path: Path) -> None:
    first.run("dvc", "remote", "add", "--default", "team", server)
    first.run("dvc", "remote", "modify", "team", "user", "anna")

    def settings(clone: Clone) -> None:
        clone.run("dvc", "remote", "modify", "--local", "team", "password", "secret")

    check_second_clone(first, settings=settings)
    assert any((tmp_path / "remote/unseen/files/md5").iterdir())
