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


def linear(bank, chain, w, sigma):
    """x = w z + σ e with w fixed, for `len(x)` copies of one example."""
    method = abp(nn.Dense(len(w)), chain=chain, optimizers={}, sigma=sigma, latent_dim=1, bank=bank)
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
