"""One device, eight, and two processes of four each compute the same, and write one work directory."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
import test_contracts as contracts  # noqa: E402

from configs.latent_ebm.digits import get_config  # noqa: E402
from ebmjax.data import load, spec  # noqa: E402
from ebmjax.training import hosts  # noqa: E402
from ebmjax.training.loop import fit  # noqa: E402
from ebmjax.training.settings import Settings  # noqa: E402
from experiments import latent_ebm  # noqa: E402


def train_latent_ebm(folder):
    """Three steps of the latent EBM on digits."""
    config, dataset = get_config("smoke"), load("digits")
    method = latent_ebm.build(config, spec(dataset))
    settings = Settings(3, config.train.batch_size, steps_per_dispatch=3)
    return fit(method, dataset._replace(y_train=None), settings, folder)[0]


def train_both(folder):
    """Leaves of the contract skeleton and of the latent EBM after three steps."""
    states = contracts.train(folder / "skeleton", 3), train_latent_ebm(folder / "latent_ebm")
    raw = lambda a: jax.random.key_data(a) if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key) else a
    return [np.asarray(raw(leaf)) for leaf in jax.tree.leaves(states)]


def in_subprocess(folder, address="", process=""):
    """What a subprocess runs: everything a process of the run does."""
    folder = Path(folder)
    if address:
        hosts.connect(hosts.Hosts(address, 2, int(process)))
    assert jax.device_count() == 8 and jax.local_device_count() == (4 if address else 8)
    leaves = train_both(folder)
    if hosts.is_first():
        np.savez(folder / "leaves.npz", *leaves)
    contracts.TRACES.clear()
    again = contracts.train(folder / "skeleton", 6)
    assert int(again.step) == 6 and contracts.TRACES == [8]
    if hosts.several():
        assert hosts.any_process(hosts.is_first()) and not hosts.any_process(False)
    else:
        assert again.extra["chains"]["u"].sharding.spec[0] == "data"
        contracts.assert_equal(again, contracts.train(folder / "whole", 6))  # a bit-exact resume


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def start(num_devices, *arguments):
    code = f"import sys; sys.path.insert(0, {str(TESTS / 'training')!r}); import test_devices as t; t.in_subprocess"
    env = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices}", "PYTHONPATH": str(TESTS.parent)}
    return subprocess.Popen(
        [sys.executable, "-c", f"{code}{tuple(map(str, arguments))}"],
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    said = [process.communicate(timeout=600)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(said)[-3000:]
    return said


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    return train_both(tmp_path_factory.mktemp("one"))


def assert_close(folder, expected):
    """Sums over the batch are made in another order: float32 rounding, grown over three steps of chains.

    Entries far below their array's size are compared with that: Adam divides by a gradient that is rounding alone.
    """
    found = list(np.load(folder / "leaves.npz").values())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.sqrt(np.mean(np.square(b, dtype=np.float64))))


@pytest.mark.slow
def test_eight_devices(one_device, tmp_path):
    finish(start(8, tmp_path))
    assert_close(tmp_path, one_device)


@pytest.mark.slow
def test_two_processes_of_four_devices(one_device, tmp_path):
    address = free_address()
    said = finish(*(start(4, tmp_path, address, process) for process in (0, 1)))
    assert_close(tmp_path, one_device)
    rows = [json.loads(line)["step"] for line in (tmp_path / "skeleton" / "metrics.jsonl").read_text().splitlines()]
    assert rows == [3, 6]
    assert len(list((tmp_path / "skeleton" / "tensorboard").iterdir())) == 2  # one of each stretch: one process writes
    assert "step 6/6" in said[0] and not re.search(r"step \d", said[1])  # one process tells


@pytest.mark.parametrize(
    "given, expected",
    [
        ((False, None, None, None), None),
        ((True, None, None, None), hosts.Hosts()),
        ((False, "a:1", 2, 0), hosts.Hosts("a:1", 2, 0)),
        ((True, "a:1", None, 0), "pass all three"),
        ((False, "a", 2, 0), "must be HOST:PORT"),
        ((False, "a:1", 2, 2), "process_id=2 must be below"),
    ],
)
def test_how_processes_are_named(given, expected):
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            hosts.find_hosts(*given)
    else:
        assert hosts.find_hosts(*given) == expected


def test_what_cannot_be_joined_is_one_line():
    jax.devices()  # too late to join anyone, whatever cluster the tests run on
    with pytest.raises(ValueError, match="--distributed alone is for SLURM") as refused:
        hosts.connect(hosts.Hosts())
    assert len(str(refused.value).splitlines()) == 1
