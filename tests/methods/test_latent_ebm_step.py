"""One plain step of the latent EBM, and of alternating back-propagation, by hand.

E(z) = -α z and g(z) = a z + b, so that the posterior has precision Λ = 1 + a² / σ² and mean (a (x - b) / σ² + α) / Λ.
A descent of rate 1 / Λ, s² / 2, ends there at once, and one of rate 1 at the prior's mean α, wherever it starts.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.mcmc import Chain, langevin
from ebmjax.mcmc.bank import all_chains, make_bank
from ebmjax.methods import abp, latent_ebm

A, B, ALPHA, SIGMA, RATE = 1.5, 0.3, 0.4, 0.7, 0.1
PRECISION = 1 + A**2 / SIGMA**2
BATCH = {"x": jnp.array([[0.9], [-1.3], [2.0], [0.1]]), "index": jnp.arange(4)}
X = np.asarray(BATCH["x"], float)[:, 0]
MEANS = (A * (X - B) / SIGMA**2 + ALPHA) / PRECISION


class Slope(nn.Module):
    """E(z) = -α z."""

    @nn.compact
    def __call__(self, z):
        return -self.param("alpha", nn.initializers.constant(ALPHA), ()) * jnp.sum(z, axis=1)


class Affine(nn.Module):
    """a z + b."""

    @nn.compact
    def __call__(self, z):
        number = lambda name, value: self.param(name, nn.initializers.constant(value), ())
        return number("a", A) * z + number("b", B)


def chain(rate, num_steps=1, **options):
    return Chain(partial(langevin, step_size=np.sqrt(2 * rate), **options), num_steps)


def tilted(posterior_chain, prior_chain):
    optimizers = {"energy": sgd(RATE), "generator": sgd(RATE)}
    chains = {"posterior_chain": posterior_chain, "prior_chain": prior_chain}
    return latent_ebm(Slope(), Affine(), optimizers=optimizers, sigma=SIGMA, latent_dim=1, **chains)


def stepped(method, batch=BATCH, **params):
    """(the first state with these numbers, the state after a step, its metrics)."""
    state = method.init(jax.random.key(0), batch)
    put = lambda path, leaf: jnp.asarray(params.get(path[-1].key, leaf), jnp.float32)
    state = state._replace(params=jax.tree_util.tree_map_with_path(put, state.params))
    return state, *jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})(state, batch)


def check_generator(params, z, rate=RATE):
    """A plain step of the mean of (x - a z - b)², without 1 / (2σ²)."""
    error = X - A * z - B
    assert float(params["a"]) == pytest.approx(A + rate * 2 * np.mean(error * z), rel=1e-5)
    assert float(params["b"]) == pytest.approx(B + rate * 2 * np.mean(error), rel=1e-5)
    return np.mean(error**2)


def test_both_updates_by_hand():
    """α moves by the rate times E_post[z] - E_prior[z], eq. (7), and the generator's error is taken at z⁺, eq. (8)."""
    method = tilted(chain(1 / PRECISION, noise_scale=0), chain(1.0, noise_scale=0))
    _, after, metrics = stepped(method)
    assert float(after.params["energy"]["alpha"]) == pytest.approx(ALPHA + RATE * (MEANS.mean() - ALPHA), rel=1e-5)
    assert float(metrics["energy_pos"]) == pytest.approx(-ALPHA * MEANS.mean(), rel=1e-4)
    assert float(metrics["energy_neg"]) == pytest.approx(-ALPHA * ALPHA, rel=1e-4)
    assert float(metrics["energy_gap"]) == pytest.approx(-ALPHA * (MEANS.mean() - ALPHA), rel=1e-4)
    mse = check_generator(after.params["generator"], MEANS)
    assert float(metrics["reconstruction_mse"]) == pytest.approx(mse, rel=1e-4)
    assert abs(MEANS.mean() - ALPHA) > 0.1


def test_the_chains_have_starts_and_noise_of_their_own():
    """Where z is N(0, 1) in both, one step of rate 1 leaves s ε alone, none the starts: equal only by equal keys."""
    batch = {"x": jnp.zeros((1000, 1))}
    for num_steps, sd in ((1, np.sqrt(2)), (0, 1.0)):
        _, _, metrics = stepped(tilted(chain(1.0, num_steps), chain(1.0, num_steps)), batch, a=0, b=0, alpha=0)
        spreads = np.array([metrics["posterior_spread"], metrics["prior_spread"]])
        np.testing.assert_allclose(spreads, sd, rtol=4 / np.sqrt(2000))  # four standard errors
        assert abs(spreads[0] - spreads[1]) > 1e-5


@pytest.mark.parametrize("refined", [False, True])
def test_encoding_is_refined_where_there_is_a_chain_for_it(refined):
    """From noise with no step at all: a descent of rate 1 / Λ ends at the posterior's mean."""
    refine = chain(1 / PRECISION, noise_scale=0) if refined else None
    chains = {"posterior_chain": chain(1.0, 0), "prior_chain": chain(1.0, 0), "refine_chain": refine}
    method = latent_ebm(Slope(), Affine(), optimizers={}, sigma=SIGMA, latent_dim=1, **chains)
    state = method.init(jax.random.key(0), BATCH)
    z = method.functions["encode"](state, jax.random.key(1), BATCH["x"])[:, 0]
    assert np.allclose(z, MEANS, atol=1e-5) == refined


def test_stored_chains_go_on_from_where_they_are():
    """z' = z - s²/2 (z - a (x - a z - b) / σ²) of each stored z, which is written back; the generator learns at z'."""
    rate = 0.2
    bank = make_bank(8, 4)
    options = {"optimizers": {"generator": sgd(RATE)}, "sigma": SIGMA, "latent_dim": 1}
    method = abp(Affine(), chain=chain(rate, noise_scale=0), bank=bank, **options)
    index = jnp.array([1, 2, 5, 7])
    before, after, metrics = stepped(method, BATCH | {"index": index})
    old, new = (np.asarray(all_chains(bank, s.extra["chains"]), float)[:, 0] for s in (before, after))
    z = old[np.asarray(index)]
    z = z - rate * (z - A * (X - A * z - B) / SIGMA**2)
    np.testing.assert_allclose(new[np.asarray(index)], z, rtol=1e-5)
    rest = np.setdiff1d(np.arange(8), index)
    np.testing.assert_array_equal(new[rest], old[rest])
    np.testing.assert_allclose(method.functions["stored_latents"](after, index)[:, 0], z, rtol=1e-5)
    mse = check_generator(after.params["generator"], z)
    assert float(metrics["reconstruction_mse"]) == pytest.approx(mse, rel=1e-4)
    assert float(metrics["latent_rms"]) == pytest.approx(np.sqrt(np.mean(z**2)), rel=1e-5)
    assert np.std(old) > 0.3


def test_a_cold_start_is_from_noise_of_its_own():
    """Without a bank: z ~ N(0, 1) with no step at all; of one of rate 1 at a = 0 the noise s ε is left alone."""
    batch = {"x": jnp.zeros((1000, 1)), "index": jnp.arange(1000)}
    options = {"optimizers": {}, "sigma": SIGMA, "latent_dim": 1}
    for num_steps, sd in ((1, np.sqrt(2)), (0, 1.0)):
        _, _, metrics = stepped(abp(Affine(), chain=chain(1.0, num_steps), **options), batch, a=0, b=0)
        np.testing.assert_allclose(metrics["posterior_spread"], sd, rtol=4 / np.sqrt(2000))
