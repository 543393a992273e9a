"""JEM: what is added to maximum likelihood by chains, and what is refused."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, langevin, make_bank
from ebmjax.methods import jem
from ebmjax.nets import MLP
from ebmjax.objectives import LabelWeights

X = jnp.sign(jax.random.normal(jax.random.key(0), (32, 1))) * 2 + 0.3 * jax.random.normal(jax.random.key(1), (32, 1))
BATCH = {"x": X, "index": jnp.arange(32)}
LABELLED = {"labelled": {"x": jnp.array([[-2.0], [2.0]]), "label": jnp.array([0, 1])}}


def method_of(**options):
    chain = Chain(partial(langevin, step_size=0.1, temperature=0.005), 10)
    optimizers = {"energy": optax.adam(1e-2)}
    return jem(MLP((16, 2)), chain=chain, optimizers=optimizers, shape=(1,), bank=make_bank(64, 32), **options)


@pytest.mark.slow
def test_it_learns_to_classify_and_to_sample():
    method = method_of(initial_scale=4.0, temperature=0.005)
    batch = BATCH | LABELLED
    jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # it runs for a moment
    state = jit(method.init)(jax.random.key(0), batch)
    first = state.extra["chains"]
    run = jit(lambda s: jax.lax.scan(lambda s, _: method.train_step(s, batch), s, length=200))
    state, metrics = run(state)
    assert metrics["cross_entropy"][-1] < 0.1 < metrics["cross_entropy"][0]
    assert metrics["num_nonfinite"].sum() == 0 and np.mean(state.extra["chains"] != first) > 0.99
    logits = method.functions["class_logits"](state, X)
    assert jnp.mean(jnp.argmax(logits, 1) == (X[:, 0] > 0)) > 0.95
    np.testing.assert_allclose(method.functions["energy"](state, X), -jax.nn.logsumexp(logits, axis=1), rtol=1e-5)
    # Samples of the pool lie where data do: within 1 of ±2, where a quarter of the fresh ones would.
    x = jit(method.sample, static_argnums=2)(state, jax.random.key(1), 500)
    assert np.mean(np.abs(np.abs(x) - 2) < 1) > 0.75


class Sharp(nn.Module):
    """Logits w (x, -x)."""

    w: float

    @nn.compact
    def __call__(self, x):
        return self.param("w", nn.initializers.constant(self.w), ()) * jnp.concatenate([x, -x], axis=1)


def stepper(batch, net, rate, **options):
    """(the compiled step, its first state): plain steps; chains stay where they start, at draws of N(0, 1)."""
    chain, bank = Chain(partial(langevin, step_size=0.1), 0), make_bank(8, 8)
    optimizers = {"energy": optax.sgd(rate)}
    method = jem(net, chain=chain, optimizers=optimizers, shape=(1,), bank=bank, noise="normal", **options)
    step = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})
    return step, method.init(jax.random.key(0), batch)


def test_labelled_examples_get_the_noise_of_data_and_draws_of_their_own():
    """At x = 0, noise σ: the cross entropy is E log(1 + exp(-20 σ ε)), log 2 without noise; E(x⁺) is of other draws.

    log(1 + e^-20x) + log(1 + e^20x) = -2 E(x): equal noise would make both classes' cross entropies add up to that.
    """
    sigma, num = 0.3, 4000
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    values = np.logaddexp(0, -20 * sigma * nodes)
    mean = np.average(values, weights=weights)
    assert mean == pytest.approx(2.5, abs=0.01)
    error = np.sqrt(np.average((values - mean) ** 2, weights=weights) / num)
    x = jnp.zeros((num, 1))
    of = lambda label: {"x": x, "labelled": {"x": x, "label": jnp.full(num, label)}}
    step, state = stepper(of(0), Sharp(10.0), 0.0, data_noise=sigma)
    first, second = (step(state, of(label))[1] for label in (0, 1))
    assert abs(first["cross_entropy"] - mean) < 4 * error
    assert abs(-first["energy_pos"] - mean) < 4 * error  # -E = log 2 cosh 10 x has the same mean
    both = first["cross_entropy"] + second["cross_entropy"]
    assert abs(both + 2 * first["energy_pos"]) > 1e-3 * both  # of the same noise they are equal up to rounding


def test_every_term_moves_the_energy_by_its_weight():
    """Logits w (x, -x) at w = 1, data x = 2, labelled x = 1 of the second class: E = -log 2 cosh w x; slopes in w."""
    batch = {"x": jnp.full((8, 1), 2.0), "labelled": {"x": jnp.ones((4, 1)), "label": jnp.ones(4, jnp.int32)}}
    weights = {"labels": LabelWeights(3.0, 0.7), "energy_l2": 0.4, "gradient_penalty": 0.5, "reinitialise": 0.0}
    step, state = stepper(batch, Sharp(1.0), 1.0, data_noise=0.0, **weights)
    x = np.asarray(state.extra["chains"]).ravel()  # x⁻: all are drawn, and none moves
    energy, slope = (lambda x: -np.log(2 * np.cosh(x))), (lambda x: -x * np.tanh(x))
    terms = {
        "gap": slope(2.0) - np.mean(slope(x)),
        "cross_entropy": 3.0 * 2 / (1 + np.exp(-2)),  # d/dw log(1 + e^2w)
        "entropy": -0.7 * 4 * 4 / (4 * np.cosh(2.0) ** 2),  # dH/du = -u p (1 - p), u = 4 w the log odds at x = 2
        "energy_l2": 0.4 * (2 * energy(2.0) * slope(2.0) + np.mean(2 * energy(x) * slope(x))),
        "gradient_penalty": 0.5 * np.tanh(2.0) * (np.tanh(2.0) + 2 / np.cosh(2.0) ** 2),  # of w² tanh²(w x) / 2
    }
    moved = 1.0 - float(step(state, batch)[0].params["energy"]["w"])
    assert moved == pytest.approx(sum(terms.values()), rel=1e-5)
    assert min(map(abs, terms.values())) > 1e-2 * abs(moved)


def test_what_is_refused():
    with pytest.raises(ValueError, match="reinitialise = 2"):
        method_of(reinitialise=2)
    with pytest.raises(ValueError, match="weights of labels"):
        method_of(labels=LabelWeights(1.0, -0.1))
    with pytest.raises(ValueError, match="needs labels"):
        method_of().init(jax.random.key(0), BATCH)
    with pytest.raises(ValueError, match="built for examples"):
        method_of().init(jax.random.key(0), {"x": jnp.zeros((32, 2)), "label": jnp.zeros(32, jnp.int32)})
