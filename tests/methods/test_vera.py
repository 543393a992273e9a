"""VERA in one dimension, where the game has a solution, and what each of its terms does."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, adapt_step_size, hmc, sign_rule
from ebmjax.methods import vera
from ebmjax.nets import MLP, MLPEnergy, MLPGenerator
from ebmjax.objectives import LabelWeights


class Quadratic(nn.Module):
    """E(x) = a ||x||² / 2."""

    a: float = 1.0

    @nn.compact
    def __call__(self, x):
        return 0.5 * self.param("a", lambda key: jnp.float32(self.a)) * jnp.sum(x**2, axis=1)


STEPS = 1000
DECAY = optax.cosine_decay_schedule(0.03, STEPS)  # so that the noise of the last steps does not count
SMALL = {"energy": optax.adam(1e-3, b1=0.0), "generator": optax.adam(DECAY, b1=0.0), "proposal": optax.adam(DECAY)}
FROZEN = {name: optimizer for name, optimizer in SMALL.items() if name != "energy"}
X = {"x": jax.random.normal(jax.random.key(0), (128, 1))}


QUICK = {"xla_backend_optimization_level": 0}
"""To compile what runs for a moment."""


def train(method, num_steps, batch=X):
    """(state, metrics of every step)."""
    state = jax.jit(method.init, compiler_options=QUICK)(jax.random.key(1), batch)
    run = lambda state: jax.lax.scan(lambda s, _: method.train_step(s, batch), state, length=num_steps)
    return jax.jit(run, compiler_options=QUICK if num_steps < STEPS else None)(state)


def by_chain():
    """The HMC variant, with a step size that adapts."""
    kernel = partial(
        adapt_step_size, make_kernel=partial(hmc, num_leapfrog=5), step_size=0.3, target=0.67, rule=sign_rule()
    )
    return {"posterior_chain": Chain(kernel, 4), "num_burn_in": 2}


@pytest.mark.parametrize(
    ("entropy_weight", "options"),
    [(0.5, {"num_samples": 100}), (1.0, by_chain())],
    ids=["half the entropy", "by a chain"],
)
def test_a_fixed_energy_is_sampled(entropy_weight, options):
    """E = x² / 2 held fixed: the best x = w z + b + σ ε has mean 0 and variance w² + σ² = λ."""
    method = vera(
        Quadratic(), nn.Dense(1), latent_dim=1, optimizers=FROZEN, sigma=0.2, entropy_weight=entropy_weight, **options
    )
    state, metrics = train(method, STEPS)
    assert state.params["energy"]["a"] == 1
    x = np.asarray(method.sample(state, jax.random.key(2), 20_000))
    # The variance of 20,000 draws has a standard error of 1 %. Self-normalised weights pull c towards the z₀ that made
    # x, by about 1 / K: 20 draws would end at a variance of .8 λ, 100 at .95 λ. A chain that
    # forgets z₀ has no such bias.
    assert abs(np.mean(x)) < 0.1
    assert abs(np.var(x) / entropy_weight - 1) < 0.1
    if "posterior_chain" in options:
        assert "proposal" not in state.params
        assert abs(metrics["posterior_acceptance"][-500:].mean() - 0.67) < 0.1
    else:
        assert 1 < metrics["effective_samples"].min() and metrics["effective_samples"].max() < 100


def test_the_gradient_penalty_is_of_data_alone():
    """E = a x² / 2: γ a² mean x² / 2 at the data, wherever the samples are; its derivative joins that of the gap."""
    optimizers = {"energy": optax.sgd(1.0)}
    options = {"latent_dim": 1, "sigma": 0.2, "entropy_weight": 0.0, "gradient_penalty": 0.1}
    method = vera(Quadratic(2.0), nn.Dense(1), optimizers=optimizers, **options)
    state, metrics = train(method, 1)
    square, of_samples = float(jnp.mean(X["x"] ** 2)), float(metrics["energy_neg"][0])  # mean x², a being 2
    assert float(metrics["gradient_penalty"][0]) == pytest.approx(2.0**2 * square / 2, rel=1e-5)
    slope = (square - of_samples) / 2 + 0.1 * 2.0 * square
    assert float(state.params["energy"]["a"]) == pytest.approx(2.0 - slope, rel=1e-5)
    assert abs(of_samples / square - 1) > 0.1


@pytest.mark.slow
def test_without_entropy_the_generator_falls_into_the_mode():
    """λ = 0: w -> 0, and σ to the smallest there is; a flat energy with λ = 1 spreads the samples without end."""
    fall = vera(Quadratic(), nn.Dense(1), latent_dim=1, optimizers=FROZEN, sigma=0.2, entropy_weight=0.0)
    state, metrics = train(fall, STEPS)
    assert metrics["sample_spread"][-1] < 0.05
    assert metrics["sigma"][-1] < 0.05
    rise = vera(Quadratic(0.0), nn.Dense(1), latent_dim=1, optimizers=FROZEN, sigma=0.2)
    metrics = train(rise, STEPS)[1]
    assert metrics["sample_spread"][-1] > 2 + metrics["sample_spread"][0]
    np.testing.assert_allclose(metrics["sigma"][-1], 0.3, rtol=1e-5)  # the largest there is


@pytest.mark.slow
def test_a_learned_energy_has_the_variance_of_the_data():
    """Both learn: the energy's 1 / a goes to E x², where ML puts it, and the samples follow."""
    batch = {"x": 2 * X["x"]}
    optimizers = FROZEN | {"energy": optax.adam(lambda i: 0.2 * DECAY(i), b1=0.0)}
    options = {"latent_dim": 1, "optimizers": optimizers, "sigma": 0.2, "gradient_penalty": 0.0, "num_samples": 100}
    method = vera(Quadratic(), nn.Dense(1), **options)
    state, metrics = train(method, STEPS, batch)
    target = np.mean(np.square(batch["x"]))
    print(1 / state.params["energy"]["a"], target, metrics["energy_gap"][-500:].mean())
    assert abs(1 / state.params["energy"]["a"] / target - 1) < 0.2
    assert abs(metrics["energy_gap"][-500:].mean()) < 0.1


def small(**options):
    return vera(MLPEnergy((8,)), MLPGenerator((3,), (8,), bounded=False), latent_dim=2, optimizers=SMALL, **options)


def test_with_logits_it_is_a_classifier():
    """E = -log Σ exp logits; labelled examples must come with the batch."""
    method = vera(MLP((8, 2)), nn.Dense(1), latent_dim=1, optimizers=SMALL, labels=LabelWeights(1.0))
    state = jax.jit(method.init, compiler_options=QUICK)(jax.random.key(0), X)
    logits = method.functions["class_logits"](state, X["x"])
    energy = method.functions["energy"](state, X["x"])
    np.testing.assert_allclose(energy, -jax.nn.logsumexp(logits, axis=1), rtol=1e-5)
    labelled = {"labelled": {"x": X["x"][:2], "label": jnp.array([0, 1])}}
    assert "accuracy" in jax.eval_shape(method.train_step, state, X | labelled)[1]
    with pytest.raises(ValueError, match="needs labels"):
        jax.eval_shape(method.train_step, state, X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entropy_weight": -1.0}, "entropy_weight = -1.0 must be ≥ 0"),
        ({"num_samples": 0}, "num_samples = 0"),
        ({"sigma_range": (0.3, 0.1)}, "sigma_range"),
        ({"labels": LabelWeights(-1.0)}, "weights of labels"),
        ({"posterior_chain": Chain(partial(hmc, step_size=0.1), 2), "num_burn_in": 2}, "num_burn_in = 2 must leave"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_a_generator_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"makes examples of shape \(3,\), the data have \(1,\)"):
        small().init(jax.random.key(0), X)
