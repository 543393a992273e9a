"""A toy method whose training can be made to fail on purpose, driven by the real loop; and commands that fail."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.data import Dataset
from ebmjax.methods.base import apply_gradients, create_state, step_key
from ebmjax.training import cli
from ebmjax.training.loop import Hooks, Interrupted, fit
from ebmjax.training.settings import Settings
from ebmjax.types import Method
from experiments.latent_ebm import EXPERIMENT

SIZE = 50_000  # random parameters, so that a checkpoint is large enough to damage in many places


def toy_method(spoil=lambda state, grad, metrics: (grad, metrics)):
    """Moves a mean towards the data with noise; `spoil` may change the gradient and the metrics of a step."""
    optimizers = {"energy": optax.adam(0.1)}

    def init(rng_key, batch):
        params = {"energy": {"mean": jnp.zeros(3), "ballast": jax.random.normal(rng_key, (SIZE,))}}
        return create_state(rng_key, params, optimizers, {"first_key": jax.random.key_data(rng_key)})

    def train_step(state, batch):
        mean = state.params["energy"]["mean"]
        noise = 0.1 * jax.random.normal(step_key(state), mean.shape)
        grad = mean - jnp.mean(batch["x"], 0) + noise
        metrics = {"energy_gap": 1.0 + jnp.sum(noise), "prior_spread": jnp.std(noise), "prior_grad_norm": 2.0}
        grad, metrics = spoil(state, grad, metrics)
        grads = {"energy": {"mean": grad, "ballast": jnp.zeros(SIZE)}}
        state = apply_gradients(state, optimizers, grads)
        return state._replace(step=state.step + 1), jax.tree.map(jnp.asarray, metrics)

    return Method(init, train_step, lambda state, key, num: None, lambda state, key, batch: {}, {})


class Toy:
    """Trains the toy in a folder; `settings` are those of every call, unless it says otherwise."""

    def __init__(self, folder):
        self.folder = folder
        self.settings = Settings(40, 8, steps_per_dispatch=2, log_every=4, checkpoint_every=8)

    def train(self, spoil=None, *, name="run", **options):
        given = {key: options.pop(key) for key in list(options) if key in Settings._fields}
        method = toy_method() if spoil is None else toy_method(spoil)
        x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
        settings = self.settings._replace(**given)
        data = Dataset("toy", x, None, x[:1], None, None)
        state, _ = fit(method, data, settings, self.folder / name, Hooks(**options))
        return jax.tree.map(np.asarray, state._replace(rng_key=jax.random.key_data(state.rng_key)))

    def meta(self, name="run"):
        """What the newest checkpoint says beside the arrays."""
        step = max(int(p.name) for p in (self.folder / name / "checkpoints").iterdir() if p.name.isdecimal())
        return json.loads((self.folder / name / "checkpoints" / str(step) / "meta" / "metadata").read_text())["meta"]

    def rows(self, name="run"):
        return [json.loads(line) for line in (self.folder / name / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The final state of the toy when nothing goes wrong."""
    return Toy(tmp_path_factory.mktemp("toy")).train()


@pytest.fixture
def stopped(toy):
    """The toy, asked to stop at step 16, where it has checkpoints of steps 8 and 16."""
    asked = iter([False] * 7 + [True])
    with pytest.raises(Interrupted, match="step 16"):
        toy.train(stop_requested=lambda: next(asked))
    return toy


@pytest.fixture
def fails(capsys):
    """fails(*words, code=2): runs experiments.latent_ebm in this process, which exits with `code`; its one line."""

    def fails(*words, code=2, experiment=EXPERIMENT):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main(experiment, ["latent_ebm", *map(str, words)])
        assert stopped.value.code == code
        progress = ("latent_ebm: ", "train  step")
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(progress)]
        assert len(lines) == 1 and lines[0].startswith("error: "), lines
        return lines[0]

    return fails
