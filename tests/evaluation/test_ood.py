"""Scores for foreign examples, and refinement of samples, where both are known in closed form."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation import auroc, ood_scores, refine
from ebmjax.evaluation.ood import SCORES, between
from ebmjax.mcmc import Chain, adapt_step_size, langevin, mala, sign_rule


def two_gaussians(x):
    """Logits of an equal mixture of N(±2, I), with c(x) = -||x||² / 2 in both."""
    return jnp.stack([-2 * x[:, 0], 2 * x[:, 0]], axis=1) - 0.5 * jnp.sum(x**2, axis=1, keepdims=True)


def test_scores():
    """d LSE / dx = Σ p(y|x) d logit_y / dx; p(y | x) is that without c(x); far away all three scores are larger."""
    x = jax.random.normal(jax.random.key(0), (50, 3)).at[:25, 0].add(2.0).at[25:, 0].add(-2.0)
    found = jax.jit(partial(ood_scores, two_gaussians))(x)
    assert found.keys() == SCORES.keys()
    p = jax.nn.sigmoid(4 * x[:, 0])
    np.testing.assert_allclose(found["max_prob"], -jnp.maximum(p, 1 - p), rtol=1e-5)
    grad = x.at[:, 0].add(-2 * (2 * p - 1))
    np.testing.assert_allclose(found["grad_norm"], jnp.linalg.norm(grad, axis=1), rtol=1e-4)
    energy = 0.5 * jnp.sum(x**2, axis=1) - jnp.logaddexp(2 * x[:, 0], -2 * x[:, 0])
    np.testing.assert_allclose(found["energy"], energy, rtol=1e-4, atol=1e-4)
    foreign = jax.jit(partial(ood_scores, two_gaussians))(jnp.zeros((50, 3)).at[:, 1].set(6.0))
    is_foreign = np.arange(100) >= 50
    for name in SCORES:
        assert auroc(np.concatenate([found[name], foreign[name]]), is_foreign) > 0.99


def test_between():
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(between(x), [[2, 3], [1, 2], [3, 4]])


@pytest.mark.parametrize("prior", [False, True])
def test_a_step_of_refinement_by_hand(prior):
    """x = 2 z + ε, E = x² / 2, a descent of rate .1: z falls by .1 (2 x + z), ε by .1 (x + ε), with a prior."""
    draw = lambda u: 2 * u["z"] + u["noise"]
    start = {"z": jnp.array([[0.5], [-1.0]]), "noise": jnp.array([[1.0], [0.3]])}
    chain = Chain(partial(langevin, step_size=np.sqrt(0.2), noise_scale=0), 1)
    energy = lambda x: 0.5 * jnp.sum(x**2, axis=1)
    found, acceptance = refine(jax.random.key(0), energy, draw, start, chain, prior=prior)
    z, noise = np.array([[0.5], [-1.0]]), np.array([[1.0], [0.3]])
    x = 2 * z + noise
    expected = 2 * (z - 0.1 * (2 * x + prior * z)) + noise - 0.1 * (x + prior * noise)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(acceptance, 1.0)


def test_refinement_reaches_the_energy():
    """x = 2 z + ε with E = x² / 2: u then leaves exp(-E) alone, or times N(0, I), whose x has variance 5 / 6."""
    draw = lambda u: 2 * u["z"] + u["noise"]
    start = {name: jax.random.normal(jax.random.key(i), (4000, 1)) for i, name in enumerate(("z", "noise"))}
    kernel = partial(adapt_step_size, make_kernel=mala, step_size=0.5, target=0.57, rule=sign_rule(0.1))
    energy = lambda x: 0.5 * jnp.sum(x**2, axis=1)
    run = jax.jit(partial(refine, energy=energy, draw=draw, chain=Chain(kernel, 150)), static_argnames="prior")
    for prior, variance in ((True, 5 / 6), (False, 1.0)):
        x, acceptance = run(jax.random.key(2), start=start, prior=prior)
        assert abs(np.var(x) / variance - 1) < 4 * np.sqrt(2 / 4000)  # standard errors of a variance
        assert abs(np.mean(acceptance) - 0.57) < 0.15
