"""The command that repeats a run: read again, it gives the same config."""

import shlex

import pytest

from ebmjax.training.arguments import command_line, parse, with_overrides
from ebmjax.training.config import ConfigError, flatten
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
        ["--config.sampler.prior.step_size=(0.3, 0.2, 0.1)", "--config.sampler.prior.num_steps=3"],
        [f"--config={ROOT}/configs/svhn.py:smoke", "--config.seed=7", "--config.evaluate.opponents=('vae',)"],
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


PRIOR, POSTERIOR = "--config.sampler.prior.step_size=", "--config.sampler.posterior.step_size="
RELEASED = f"--config={ROOT}/configs/text_short_run/ptb_released.py"


@pytest.mark.parametrize(
    "words, expected",
    [
        ([f"{PRIOR}(0.3, 0.2, 0.1)"], (0.3, 0.2, 0.1)),
        ([f"{PRIOR}[1,0.2]"], (1.0, 0.2)),
        ([f"{PRIOR}0.3,0.2"], (0.3, 0.2)),
        ([f"-{PRIOR.lstrip('-')}(0.3,)"], (0.3,)),
        ([f"{PRIOR}(0.3, 0.2)", f"{PRIOR}0.5"], 0.5),
        ([f"{PRIOR}0.5", f"{PRIOR}(0.3, 0.2)"], (0.3, 0.2)),
        ([f"{PRIOR}1"], 1.0),
        ([RELEASED, f"{POSTERIOR}0.5"], 0.5),  # the other way round
        ([RELEASED, f"{POSTERIOR}(0.5, 0.25)"], (0.5, 0.25)),
    ],
)
def test_a_step_size_for_each_step(words, expected):
    arguments = read(["latent_ebm", *words])
    field = "sampler.posterior.step_size" if RELEASED in words else "sampler.prior.step_size"
    found = flatten(arguments.config)[field]
    assert found == expected and type(found) is type(expected)
    assert arguments.overrides == {field: expected}


@pytest.mark.parametrize(
    "words, message",
    [
        ([f"{PRIOR}(0.3, a)"], r"step_size=\(0.3, a\): a step size is one number, or one for each step, e.g."),
        ([f"{PRIOR}(0.3, None)"], "a step size is one number"),
        ([f"{PRIOR}0.3,0.2)"], "a step size is one number"),
        ([RELEASED, f"{POSTERIOR}many"], "step_size=many"),
        (["--config.sampler.priro.step_size=(0.3, 0.2)"], "did you mean --config.sampler.prior.step_size"),
        ([f"--config={ROOT}/configs/sample/funnel.py", "--config.sampler.step_size=(0.3, 0.2)"], "is one number;"),
        ([f"--config={ROOT}/configs/anatomy/gmm.py", "--config.evaluate.mala.step_size=1,2"], "is one number;"),
    ],
)
def test_other_step_sizes_are_refused(words, message):
    with pytest.raises(ConfigError, match=message) as error:
        read(["x", *words])
    assert "\n" not in str(error.value)
