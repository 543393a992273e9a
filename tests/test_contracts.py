"""The contract skeleton: one toy method that uses every contract at once, driven by the real harness.

Two optimisers, a gate, a bank of chains per example, a batch statistic, a traced step size with a memory of its own,
and a pytree position; through jit, donation, several steps per dispatch, save and restore. It goes to eight devices and
to two processes in tests/training/test_devices.py.
"""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.data import Dataset
from ebmjax.mcmc import Chain, bank, langevin, sample_chain
from ebmjax.methods.base import apply_gradients, create_state, step_key
from ebmjax.objectives import contrastive
from ebmjax.training.loop import Hooks, fit
from ebmjax.training.settings import Settings
from ebmjax.types import Kernel, Method

NUM, DIM, BATCH = 67, 3, 16  # examples that fill the groups of the bank unequally
TRACES = []  # for how many devices the train step was traced, once each time


def adapting_langevin(potential):
    """Langevin whose log step size lives in `ChainState.adapt` and follows the gradient's strength."""
    kernel = lambda log_step: langevin(potential, step_size=jnp.exp(log_step))

    def step(rng_key, state):
        new, info = kernel(state.adapt).step(rng_key, state)
        return new._replace(adapt=state.adapt + 0.01 * (0.5 - jnp.mean(info.grad_norm))), info

    return Kernel(kernel(0.0).init, step)


def toy_method():
    """E(u, v) = ||(u, v) - mean||² · exp(log_scale) / 2, chains kept per example, step size adapted and traced."""
    optimizers = {"energy": optax.adam(1e-2), "scale": optax.sgd(1e-2)}
    layout = bank.make_bank(NUM, BATCH)

    def energy(params, x):
        moved = jax.tree.map(lambda leaf, m: leaf - m, x, params["energy"])
        return 0.5 * jnp.exp(params["scale"]) * (jnp.sum(moved["u"] ** 2, 1) + jnp.sum(moved["v"] ** 2, 1))

    def split(x):
        return {"u": x[:, :1], "v": x[:, 1:]}

    def init(rng_key, batch):
        params = {"energy": split(jnp.zeros((1, DIM))), "scale": jnp.zeros(())}
        params["energy"] = jax.tree.map(lambda a: a[0], params["energy"])
        store = bank.fill(layout, split(jax.random.normal(rng_key, (NUM, DIM))))
        extra = {"chains": store, "stats": {"mean": jnp.zeros(DIM)}, "gate": jnp.array(True), "adapt": jnp.log(0.1)}
        return create_state(rng_key, params, optimizers, extra)

    def train_step(state, batch):
        TRACES.append(jax.sharding.get_abstract_mesh().size)
        x, index, extra = batch["x"], batch["index"], dict(state.extra)
        chain = Chain(adapting_langevin, num_steps=3)
        start = bank.read(layout, extra["chains"], index)
        potential = partial(energy, state.params)
        end, info, _ = sample_chain(chain, potential, step_key(state), start, adapt=extra["adapt"])
        loss = lambda p: contrastive(energy(p, split(x)), energy(p, end.position))
        value, grads = jax.value_and_grad(loss)(state.params)
        new = apply_gradients(state, optimizers, grads)
        # The gate: the scale learns only every other accepted step.
        gated = jax.tree.map(lambda a, b: jnp.where(extra["gate"], a, b), new.params["scale"], state.params["scale"])
        extra["chains"] = bank.write(layout, extra["chains"], index, end.position)
        extra["stats"] = {"mean": 0.9 * extra["stats"]["mean"] + 0.1 * jnp.mean(x, 0)}
        extra["gate"] = ~extra["gate"]
        extra["adapt"] = end.adapt
        new = new._replace(params=new.params | {"scale": gated}, extra=extra, step=state.step + 1)
        return new, {"loss": value, "num_nonfinite": jnp.sum(info.num_nonfinite)}

    return Method(init, train_step, lambda state, key, num: None, lambda state, key, batch: {}, {})


def data():
    x = np.random.default_rng(0).normal(size=(NUM, DIM)).astype(np.float32) + 1.0
    return Dataset("normal", x, None, x[:1], None, None)


def train(folder, num_steps, steps_per_dispatch=3, **options):
    settings = Settings(num_steps, BATCH, steps_per_dispatch, log_every=3, checkpoint_every=3, ema_decay=0.9)
    state, _ = fit(toy_method(), data(), settings, folder, Hooks(**options))
    return jax.tree.map(
        lambda a: a if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else jax.random.key_data(a), state
    )


def assert_equal(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(np.asarray(x), np.asarray(y)), a, b)


def test_resume_is_bit_exact_and_compiles_once(tmp_path):
    TRACES.clear()
    whole = train(tmp_path / "whole", 12)
    assert len(TRACES) == 1  # one trace of the train step for four dispatches of three steps
    assert int(whole.step) == 12
    train(tmp_path / "parts", 6)
    assert_equal(train(tmp_path / "parts", 12), whole)
    rows = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [3, 6, 9, 12]


def test_everything_moved(tmp_path):
    """The skeleton proves something only if each part of the state is really in use."""
    start, end = train(tmp_path / "a", 3), train(tmp_path / "a", 12)
    moved = {
        "energy": np.any(start.params["energy"]["u"] != end.params["energy"]["u"]),
        "scale": start.params["scale"] != end.params["scale"],
        "ema": np.any(start.ema["energy"]["u"] != end.ema["energy"]["u"]),
        "chains": np.mean(start.extra["chains"]["v"] != end.extra["chains"]["v"]) > 0.9,
        "stats": np.all(start.extra["stats"]["mean"] != end.extra["stats"]["mean"]),
        "adapt": start.extra["adapt"] != end.extra["adapt"],
        "gate": bool(start.extra["gate"]) != bool(end.extra["gate"]),
        "opt_state": start.opt_state["energy"][0].count != end.opt_state["energy"][0].count,
    }
    assert all(moved.values()), moved


def test_one_step_per_dispatch_agrees(tmp_path):
    """Another chunk length is another program: equal up to rounding, over a short horizon."""
    a, b = train(tmp_path / "a", 3, 3), train(tmp_path / "b", 3, 1)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


def test_bad_groups_are_named():
    with pytest.raises(ValueError, match="optimizers for"):
        create_state(jax.random.key(0), {"energy": jnp.zeros(2)}, {"generator": optax.sgd(0.1)})
