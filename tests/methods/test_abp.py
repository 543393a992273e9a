"""Alternating back-propagation: what persists, what a cold start is, and the laws of its chains in one dimension."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, langevin
from ebmjax.mcmc.bank import all_chains, make_bank
from ebmjax.methods import abp, latent_ebm
from ebmjax.nets import MLPGenerator

X = {"x": jax.random.uniform(jax.random.key(5), (8, 4, 4, 1), minval=-1, maxval=1), "index": jnp.arange(8)}


def chain(num_steps, step_size, **options):
    return Chain(partial(langevin, step_size=step_size, **options), num_steps)


def small_method(**options):
    optimizers = {"generator": optax.adam(1e-2)}
    return abp(
        MLPGenerator((4, 4, 1), (16,)), chain=chain(5, 0.1), optimizers=optimizers, sigma=0.3, latent_dim=3, **options
    )


@pytest.mark.slow
def test_a_cold_start_is_short_run_inference():
    """Without a bank it is the latent EBM without an energy, bit for bit, for the same keys."""
    refine = chain(3, 0.1, noise_scale=0)
    cold = small_method(refine_chain=refine)
    other = latent_ebm(
        None,
        MLPGenerator((4, 4, 1), (16,)),
        prior_chain=chain(1, 0.1),
        posterior_chain=chain(5, 0.1),
        refine_chain=refine,
        optimizers={"generator": optax.adam(1e-2)},
        sigma=0.3,
        latent_dim=3,
    )
    key, ends = jax.random.key(1), []
    for method in (cold, other):
        state, step = method.init(jax.random.key(0), X), jax.jit(method.train_step)
        for _ in range(2):
            state, metrics = step(state, X)
        ends.append((state.params, metrics["reconstruction_mse"], method.evaluate(state, key, X)))
    jax.tree.map(np.testing.assert_array_equal, *ends)


def linear(bank, chain, w, sigma, **optimizers):
    """x = w z + σ e with w fixed (unless optimizers are given), for `len(x)` copies of one example."""
    method = abp(nn.Dense(len(w)), chain=chain, optimizers=optimizers, sigma=sigma, latent_dim=1, bank=bank)
    params = {"generator": {"kernel": jnp.array([w]), "bias": jnp.zeros(len(w))}}
    return method, lambda batch: method.init(jax.random.key(0), batch)._replace(params=params)


def test_persistent_chains_reach_the_law_of_long_ones():
    """One step a visit: after 60 visits mean μ and variance 1 / (λ (1 - s² λ / 4)); every cold start is 1 step old."""
    num, w, sigma, s = 20_000, 1.0, 0.5, 0.4
    batch = {"x": jnp.full((num, 1), 1.5), "index": jnp.arange(num)}
    precision = 1 + w**2 / sigma**2
    mean, a = w * 1.5 / sigma**2 / precision, 1 - s**2 * precision / 2
    bank = make_bank(num, num)
    method, start = linear(bank, chain(1, s), [w], sigma)
    step = jax.jit(method.train_step)
    state = start(batch)
    for visit in range(60):
        state, metrics = step(state, batch)
        if visit == 0:
            once = all_chains(bank, state.extra["chains"])
    for z, m, c in (
        (once, (1 - a) * mean, a**2 + s**2),
        (all_chains(bank, state.extra["chains"]), mean, 1 / (precision * (1 - s**2 * precision / 4))),
    ):
        # Standard errors of mean and variance of 20,000 normals.
        assert abs(np.mean(z) - m) < 4 * np.sqrt(c / num)
        assert abs(np.var(z) - c) < 4 * c * np.sqrt(2 / num)
    assert float(metrics["latent_rms"]) == pytest.approx(float(np.sqrt(np.mean(z**2))), rel=1e-5)


def test_only_the_chains_of_the_batch_move():
    bank = make_bank(24, 8)
    method = small_method(bank=bank)
    old = method.init(jax.random.key(0), X)
    index = jnp.array([0, 5, 8, 10, 13, 17, 18, 23])  # one of each group of three
    new, _ = jax.jit(method.train_step)(old, X | {"index": index})
    moved = np.any(method.functions["stored_latents"](new, jnp.arange(24)) != all_chains(bank, old.extra["chains"]), 1)
    np.testing.assert_array_equal(np.flatnonzero(moved), index)
    # Evaluating carries nothing over, and starts afresh.
    encode = partial(method.functions["encode"], new)
    np.testing.assert_array_equal(encode(jax.random.key(1), X["x"]), encode(jax.random.key(1), X["x"]))


def test_inpainting_uses_what_is_seen_alone():
    """Two pixels w z: the unseen one is w_2 E[z | x_1] on average, whatever (even NaN) stands in its place."""
    num, w, sigma = 20_000, [1.0, -2.0], 0.5
    method, start = linear(None, chain(100, 0.2), w, sigma)
    x = jnp.tile(jnp.array([[1.5, jnp.nan]]), (num, 1))
    state = start({"x": x})
    filled = method.functions["inpaint"](state, jax.random.key(0), x, ~jnp.isnan(x))
    np.testing.assert_array_equal(filled[:, 0], x[:, 0])
    precision = 1 + w[0] ** 2 / sigma**2
    # sd of w_2 z is 2 / √5 (chains of step .2 are 2.6 % wider), over √20,000.
    assert abs(np.mean(filled[:, 1]) - w[1] * w[0] * 1.5 / sigma**2 / precision) < 4 * 0.92 / np.sqrt(num)


@pytest.mark.parametrize("persistent", [True, False], ids=["stored", "fresh"])
def test_training_on_incomplete_examples(persistent):
    """Three pixels w z, the last unseen: chains reach p(z | x_1, x_2), and the gradient is that of log p(x_1, x_2).

    λ = 1 + |w_o|² / σ², μ = w_o·x_o / (σ² λ), and the gradient in the bias b_o, which depends on E[z] alone, is
    -2 (x_o - w_o μ) = -2 σ² (w_o w_oᵀ + σ² I)⁻¹ x_o. A step of SGD with rate 1 moves b by its negative.
    """
    num, w, sigma, s = 20_000, [1.0, -2.0, 3.0], 0.5, 0.2
    w_seen, x_seen = np.array(w[:2]), np.array([1.5, 1.0])
    precision = 1 + w_seen @ w_seen / sigma**2
    mean, variance = w_seen @ x_seen / sigma**2 / precision, 1 / (precision * (1 - s**2 * precision / 4))
    exact = 2 * sigma**2 * np.linalg.solve(np.outer(w_seen, w_seen) + sigma**2 * np.eye(2), x_seen)
    np.testing.assert_allclose(exact, 2 * (x_seen - w_seen * mean))

    bank = make_bank(num, num) if persistent else None
    method, start = linear(bank, chain(60, s), w, sigma, generator=optax.sgd(1.0))
    x, mask = jnp.tile(jnp.array([1.5, 1.0, jnp.nan]), (num, 1)), jnp.tile(jnp.array([True, True, False]), (num, 1))
    state, metrics = jax.jit(method.train_step)(start({"x": x}), {"x": x, "mask": mask, "index": jnp.arange(num)})
    bias = np.asarray(state.params["generator"]["bias"])
    # Standard errors of means of 20,000 normals with the chains' variance; 60 steps forget the start to .58^60.
    np.testing.assert_allclose(bias[:2], exact, atol=4 * 2 * 2 * np.sqrt(variance / num))
    assert bias[2] == 0 and np.all(np.asarray(state.params["generator"]["kernel"])[0, 2] == 3.0)
    seen = np.sum((x_seen - w_seen * mean) ** 2) + w_seen @ w_seen * variance  # E of the squared error, of two pixels
    assert float(metrics["reconstruction_mse"]) == pytest.approx(seen / 2, rel=0.05)
    if persistent:
        z = all_chains(bank, state.extra["chains"])
        assert abs(np.mean(z) - mean) < 4 * np.sqrt(variance / num)
        assert abs(np.var(z) - variance) < 4 * variance * np.sqrt(2 / num)


@pytest.mark.parametrize("persistent", [True, False], ids=["stored", "fresh"])
def test_what_is_missing_does_not_matter(persistent):
    """Bit for bit, whatever stands there; and a mask that hides nothing changes nothing but the rounding."""
    method = small_method(bank=make_bank(8, 8) if persistent else None)
    state, step = method.init(jax.random.key(0), X), jax.jit(method.train_step)
    mask = jax.random.bernoulli(jax.random.key(2), 0.5, X["x"].shape)
    ends = []
    for other in (0.7, jnp.nan):
        new, metrics = step(state, X | {"x": jnp.where(mask, X["x"], other), "mask": mask})
        ends.append((new.params, new.opt_state, new.extra, metrics))
    jax.tree.map(np.testing.assert_array_equal, *ends)
    assert np.isfinite(metrics["reconstruction_mse"])
    seen_all = [step(state, X | extra)[0].params for extra in ({}, {"mask": jnp.ones_like(mask)})]
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-4), *seen_all)
    assert any(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (seen_all[0], ends[0][0])), strict=True))
