"""The command that repeats a run: read again, it gives the same config."""

import shlex

import pytest

from ebmjax.training.arguments import command_line, parse, with_overrides
from ebmjax.training.config import flatten
from ebmjax.training.config_files import ROOT

DEFAULT = "configs/latent_ebm/digits.py"


def read(words):
    return parse(words, str(ROOT / DEFAULT))


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
    arguments = read(["latent_ebm", *words])
    command = command_line("latent_ebm", arguments.source, arguments.overrides)
    assert str(ROOT) not in command
    python, m, module, *rest = shlex.split(command)
    assert (python, m, module) == ("python", "-m", "experiments.latent_ebm")
    monkeypatch.chdir(ROOT)
    assert flatten(read(["latent_ebm", *rest]).config) == flatten(arguments.config)
    overrides = [word for word in words if word.startswith("--config.")]
    assert len(rest) == 1 + len(overrides)


def test_later_overrides_take_the_place_of_earlier_ones():
    command = "python -m experiments.abp --config=a.py --config.seed=1 '--config.data.name=npz:my images.npz'"
    found = with_overrides(command, {"seed": 2, "train.num_steps": 40})
    expected = [
        "--config=a.py",
        "--config.data.name=npz:my images.npz",
        "--config.seed=2",
        "--config.train.num_steps=40",
    ]
    assert shlex.split(found)[3:] == expected
    assert with_overrides("", {"seed": 2}) == ""  # unknown stays unknown
