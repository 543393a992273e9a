"""Every term of symbol-vector coupling, by one plain step: its weight, its sign, its noise and whose it is.

Nets of one or two numbers: logits w (z, -z), so that E(z) = -log 2 cosh w z; g(z) = a z + b; q = N(k x + m, exp(v)).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import CouplingWeights, symbol_vector
from ebmjax.methods.base import step_key

KEY, SIGMA, NUM = jax.random.key(0), 0.7, 4000


class Logits(nn.Module):
    """w (z, -z)."""

    @nn.compact
    def __call__(self, z):
        return self.param("w", nn.initializers.constant(0.8), ()) * jnp.concatenate([z, -z], axis=1)


class Affine(nn.Module):
    """a z + b."""

    @nn.compact
    def __call__(self, z):
        number = lambda name, value: self.param(name, nn.initializers.constant(value), ())
        return number("a", 1.5) * z + number("b", 0.3)


class Encoder(nn.Module):
    """(k x + m, v)."""

    @nn.compact
    def __call__(self, x):
        number = lambda name, value: self.param(name, nn.initializers.constant(value), ())
        return number("k", 1.2) * x + number("m", 0.1), jnp.full_like(x, 1.0) * number("v", -60.0)


def stepper(weights, batch, rate=1.0, **options):
    """(the first state, the compiled step): plain steps, z⁻ ~ N(0, 1)."""
    method = symbol_vector(
        Logits(),
        Affine(),
        Encoder(),
        prior_chain=Chain(lambda potential: langevin(potential, step_size=0.1), 0),
        optimizers={group: sgd(rate) for group in ("energy", "generator", "encoder")},
        latent_dim=1,
        weights=weights,
        sigma=SIGMA,
        **options,
    )
    step = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})
    return method.init(KEY, batch), step


def at(state, **encoder):
    """The state with other numbers of the encoder."""
    encoder = {name: jnp.float32(value) for name, value in encoder.items()}
    return state._replace(params=state.params | {"encoder": state.params["encoder"] | encoder})


def softmax(u):
    """p(y | z) of the two symbols, from half the log odds."""
    return np.stack([1 / (1 + np.exp(-2 * u)), 1 / (1 + np.exp(2 * u))], axis=-1)


def entropy(p):
    return -np.sum(p * np.log(p), axis=-1)


def test_the_loss_by_hand():
    """-E log p(x | z) + κ (KL + E(z⁺) - E(z⁻)) - λ I(z, y) + ω · cross entropy, at z = μ(x), by differences."""
    batch = {"x": jnp.array([[0.4], [-1.1], [0.9]]), "label": jnp.array([0, 1, 1])}
    kappa, information, cross_entropy = 0.5, 10.0, 2.0
    weights = CouplingWeights(cross_entropy, information, 0.0, lambda step: kappa)
    state, step = stepper(weights, batch)
    z_neg = jax.random.normal(jax.random.split(jax.random.split(step_key(state))[0])[0], (3, 1))
    x, z_neg = np.asarray(batch["x"], float)[:, 0], np.asarray(z_neg, float)[:, 0]

    def terms(w, a, b, k, m, v):
        z = k * x + m
        p = softmax(w * z)
        energy = lambda z: -np.log(2 * np.cosh(w * z))
        log_prob = -0.5 * np.mean((x - a * z - b) ** 2) / SIGMA**2 - 0.5 * np.log(2 * np.pi * SIGMA**2)
        return {
            "log_prob": log_prob,
            "kl": 0.5 * np.mean(z**2 + np.exp(v) - 1 - v),
            "energy_gap": np.mean(energy(z)) - np.mean(energy(z_neg)),
            "mutual_information": entropy(p.mean(0)) - np.mean(entropy(p)),
            "cross_entropy": -np.mean(np.log(p[np.arange(3), np.asarray(batch["label"])])),
        }

    def objective(numbers):
        t = terms(*numbers)
        of_prior = kappa * (t["kl"] + t["energy_gap"])
        return -t["log_prob"] + of_prior - information * t["mutual_information"] + cross_entropy * t["cross_entropy"]

    flat = lambda params: np.array(
        [params[g][n] for g, names in (("energy", "w"), ("generator", "ab"), ("encoder", "kmv")) for n in names], float
    )
    after, metrics = step(state, batch)
    start = flat(state.params)
    for name, value in terms(*start).items():
        assert float(metrics[name]) == pytest.approx(value, rel=1e-4), name
    slopes = [(objective(start + h) - objective(start - h)) / 2e-4 for h in 1e-4 * np.eye(6)]
    np.testing.assert_allclose(start - flat(after.params), slopes, rtol=1e-4, atol=1e-5)
    assert np.min(np.abs(slopes)) > 0.05


def test_generator_and_encoder_are_clipped_together():
    """A plain step of both together has the largest norm and its old direction; the energy's is not clipped."""
    batch, weights = {"x": jnp.array([[0.4], [-1.1], [0.9]])}, CouplingWeights(0.0, 1.0)
    moved = {}
    for norm in (0.0, 0.25):
        state, step = stepper(weights, batch, joint_clip_norm=norm)
        after = step(state, batch)[0].params
        flat = lambda params, groups: np.hstack([jax.tree.leaves(params[group]) for group in groups])
        moved[norm] = [flat(after, g) - flat(state.params, g) for g in (("energy",), ("generator", "encoder"))]
    free, clipped = moved[0.0], moved[0.25]
    np.testing.assert_allclose(clipped[0], free[0], rtol=1e-5)
    assert np.linalg.norm(free[1]) > 0.5
    np.testing.assert_allclose(clipped[1], 0.25 * free[1] / np.linalg.norm(free[1]), rtol=1e-4, atol=1e-6)


def test_free_nats_leave_out_the_kl():
    """Its slope in v at exp(v) = 1 / Λ is (1/Λ - 1) / 2: of two steps with the same draws, .4106 apart."""
    precision, moved = 1 + 1.5**2 / SIGMA**2, {}
    batch = {"x": jnp.array([[0.4], [-1.1], [0.9]])}
    for free_nats in (0.0, 1e3):
        state, step = stepper(CouplingWeights(0.0, 0.0, free_nats), batch, tilted=False)
        after, metrics = step(at(state, v=-np.log(precision)), batch)
        moved[free_nats] = after.params["encoder"]["v"]
        assert metrics["kl"] > 0.5  # is reported whole
    expected = 0.5 * (1 - 1 / precision)
    assert expected == pytest.approx(0.4106, abs=1e-4)
    assert float(moved[0.0] - moved[1e3]) == pytest.approx(expected, rel=1e-4)


def test_noise_of_the_input_and_of_q():
    """z = k (x + σ ε) + m + exp(v / 2) ε': variances add, for all and for the labelled examples, with draws of each."""
    x, noise, k = jnp.zeros((NUM, 1)), 3.0, 0.5475
    of = lambda label: {"x": x, "labelled": {"x": x, "label": jnp.full(NUM, label)}}
    weights = CouplingWeights(1.0, 0.0, 0.0, lambda step: jnp.where(step == 0, 0.0, 1.0))
    state, step = stepper(weights, of(0), rate=0.0, input_noise=noise)
    sure = at(state, k=k, m=0.0)  # without KL z is μ, of the noisy input
    first, second = (step(sure, of(label))[1] for label in (0, 1))
    deviation = 4 / np.sqrt(2 * NUM)  # four standard errors of a standard deviation
    assert float(first["posterior_spread"]) == pytest.approx(k * noise, rel=deviation)
    both = first["cross_entropy"] + second["cross_entropy"]
    assert abs(both + 2 * first["energy_pos"]) > 1e-3 * both  # log p(0 | z) + log p(1 | z) = 2 E(z) at the same z
    drawn = step(at(state, k=k, m=0.0, v=np.log(2.0))._replace(step=jnp.int32(1)), of(0))[1]
    assert float(drawn["posterior_spread"]) == pytest.approx(np.sqrt((k * noise) ** 2 + 2), rel=deviation)
    nodes, shares = np.polynomial.hermite_e.hermegauss(100)
    for metrics, variance in ((first, (k * noise) ** 2), (drawn, (k * noise) ** 2 + 2)):
        values = np.log1p(np.exp(-2 * 0.8 * np.sqrt(variance) * nodes))
        mean = np.average(values, weights=shares)
        error = np.sqrt(np.average((values - mean) ** 2, weights=shares) / NUM)
        assert abs(metrics["cross_entropy"] - mean) < 4 * error
