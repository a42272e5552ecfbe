"""Processes of their own: two ranks learn what one would, and a killed training goes on to the same bytes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.core.errors import FormatError, ParamsError
from pipeline.models import checkpoint
from pipeline.training import launch, ranks
from tests.training import joined, trainee

ROOT = Path(__file__).parents[2]


def start(folder, num_ranks, *what, module="trainee"):
    """The exit codes of the ranks, each with the variables that torchrun gives it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": num_ranks, "LOCAL_WORLD_SIZE": num_ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": 0} if num_ranks > 1 else {}
    running = []
    for rank in range(num_ranks):
        variables = {**shared, "RANK": rank, "LOCAL_RANK": rank} if num_ranks > 1 else {}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(value) for name, value in variables.items()}}
        command = [sys.executable, "-m", f"tests.training.{module}", str(folder), *what]
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True))
    for each in running:
        each.told = each.communicate(timeout=300)[1]
    return running


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def killed(request, tmp_path_factory):
    """The folder of one training that ran undisturbed, and one that was killed in its second epoch."""
    folder = tmp_path_factory.mktemp(f"ranks-{request.param}")
    ended = start(folder, request.param, "gradient", "whole", "killed")
    assert {each.returncode for each in ended} == {-signal.SIGKILL}, [each.told for each in ended]
    return folder, request.param


def test_the_gradient_of_two_processes_is_that_of_the_large_batch(killed):
    folder, _ = killed
    found = checkpoint.load(folder / "gradient.safetensors")[0]
    expected = trainee.gradient().state_dict()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-11, atol=1e-12)


def test_two_processes_learn_from_pictures_and_texts_what_one_would(tmp_path):
    """All losses at once; of seven rows one rank has four, and in one case it has all the graphs."""
    ended = start(tmp_path, 2, *joined.CASES, module="joined")
    assert {each.returncode for each in ended} == {0}, [each.told for each in ended]
    for case in joined.CASES:
        found, before = checkpoint.load(tmp_path / f"{case}.safetensors")[0], joined.learner(case).state_dict()
        for name, weight in joined.stepped(case).state_dict().items():
            torch.testing.assert_close(found[name] - before[name], weight - before[name], rtol=1e-7, atol=1e-10)
        learnt = {name for name in before if not torch.equal(before[name], found[name])}
        assert any(name.startswith("autoencoder.decoder") for name in learnt) == (case != "no graphs")


def test_a_killed_training_goes_on_within_the_epoch_to_the_same_bytes(killed):
    folder, num_ranks = killed
    assert (folder / "state").is_file()
    ended = start(folder, num_ranks, "resumed")
    assert {each.returncode for each in ended} == {0}, [each.told for each in ended]
    assert (folder / "resumed.safetensors").read_bytes() == (folder / "whole.safetensors").read_bytes()
    whole, resumed = (json.loads((folder / f"{name}.json").read_text()) for name in ("whole", "resumed"))
    assert resumed < whole - 10  # the first epoch and some of the second were not done again


def test_a_state_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "state").write_bytes(b"half")
    with pytest.raises(FormatError, match="state: the state of a killed training cannot be read; remove it"):
        trainee.fit(tmp_path, dies=False, resume=tmp_path / "state")


def test_one_process_gathers_what_it_has():
    tensor = torch.ones(2, 3)
    assert ranks.gathered(tensor) is tensor
    assert (ranks.rank(), ranks.num_ranks(), ranks.leads()) == (0, 1, True)


def test_where_ranks_measure_different_batches_nothing_is_joined(monkeypatch):
    for name, value in (("TORCHELASTIC_RUN_ID", "r"), ("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    tensor = torch.ones(2, 3)
    assert not ranks.leads()
    with ranks.alone():
        assert ranks.gathered(tensor) is tensor
    with pytest.raises(ValueError, match="process group"):
        ranks.gathered(tensor)


def test_more_devices_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ParamsError, match="asks for devices: 3, but this machine has 2 GPUs"):
        launch.spread(3)


def test_a_rank_ends_with_torchruns_agent(monkeypatch):
    """Else it would go on training, and writing, beside the run that is started next."""
    for name, value in (("TORCHELASTIC_RUN_ID", "r"), ("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    watched = []
    monkeypatch.setattr(launch.orphans, "end_with", watched.append)
    assert not launch.spread(2)
    assert watched == [os.getppid()]
