"""The command that repeats a run: read again, it gives the same config."""

import shlex

import pytest

from ebmjax.training.config import flatten, parse
from ebmjax.training.reproduce import ROOT, command_of

DEFAULT = "configs/latent_ebm/digits.py"


def read(words):
    return parse(words, str(ROOT / DEFAULT)).config


@pytest.mark.parametrize(
    "words",
    [
        [],
        [f"--config={ROOT}/{DEFAULT}:smoke"],
        [f"--config={ROOT}/configs/latent_ebm/celeba64.py"],
        ["--config.model.energy.widths=(64,)", "--config.data.name=npz:my images.npz", "--config.train.ema_decay=0.9"],
        [f"--config={ROOT}/configs/svhn.py:smoke", "--config.seed=7", "--config.evaluate.gaussian_baseline=True"],
    ],
)
def test_the_command_gives_the_config(words, monkeypatch):
    config = read(["latent_ebm", *words])
    command = command_of("latent_ebm", DEFAULT, config)
    assert command is not None and str(ROOT) not in command
    python, m, module, *rest = shlex.split(command)
    assert (python, m, module) == ("python", "-m", "experiments.latent_ebm")
    monkeypatch.chdir(ROOT)
    assert flatten(read(["latent_ebm", *rest])) == flatten(config)
    overrides = [word for word in words if word.startswith("--config.")]
    assert len(rest) == 1 + len(overrides)


def test_no_command_for_fields_that_no_file_has():
    config = read(["latent_ebm"]).unlock()
    config.model.depth = 3
    assert command_of("latent_ebm", DEFAULT, config) is None
