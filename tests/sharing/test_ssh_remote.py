"""A remote behind a real SSH server on this machine, with a key of its own that nobody else has."""

import getpass
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sharing.conftest import Clone, check_second_clone, free_port, wait_for

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SFTP = next(
    (path for path in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server") if Path(path).exists()), None
)

pytestmark = [
    pytest.mark.skipif(SSHD is None or shutil.which("ssh-keygen") is None, reason="no sshd on this machine"),
    pytest.mark.skipif(
        importlib.util.find_spec("dvc_ssh") is None, reason="dvc-ssh (requirements-remotes.txt) is missing"
    ),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server, and the key that it lets in."""
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        f"PermitRootLogin prohibit-password\nSubsystem sftp {SFTP or 'internal-sftp'}\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
        try:
            wait_for(port, process, folder / "log")
            yield port, folder / "user"
        finally:
            process.terminate()
            process.wait(30)


def test_a_second_clone_has_all_and_nothing_to_do(first: Clone, server: tuple[int, Path], tmp_path: Path) -> None:
    port, key = server
    (tmp_path / "remote").mkdir()
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/remote"
    first.run("dvc", "remote", "add", "--default", "team", url)

    def settings(clone: Clone) -> None:
        clone.run("dvc", "remote", "modify", "--local", "team", "keyfile", str(key))

    check_second_clone(first, settings=settings)
    assert any((tmp_path / "remote/files/md5").iterdir())
