"""Short-run inference of sentences: against the latent EBM without an energy, and what its functions promise."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.estimators.likelihood import gaussian_proposal_log_likelihood
from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import latent_ebm, text_short_run
from ebmjax.nets import TextDecoder
from ebmjax.objectives import gaussian_log_prob
from ebmjax.types import BOS, EOS, PAD

X = jnp.array([[4, 7, 5, EOS, PAD], [EOS, PAD, PAD, PAD, PAD], [8, 8, 1, 6, EOS], [5, 5, EOS, PAD, PAD]])
BATCH = {"x": X, "index": jnp.arange(4)}
KEY = jax.random.key(0)
POSTERIOR = Chain(partial(langevin, step_size=0.3), 4)


class ZeroEnergy(nn.Module):
    """E(z) = 0 to begin with."""

    @nn.compact
    def __call__(self, z):
        return z @ self.param("kernel", nn.initializers.zeros, (z.shape[-1],))


def decoder():
    return TextDecoder(9, "gru", 4, 6, dropout=0.3, init_scale=0.7)


def short_run(**options):
    options = {"posterior_chain": POSTERIOR} | options
    return text_short_run(decoder(), optimizers={"generator": optax.adam(1e-2)}, latent_dim=2, length=5, **options)


def tilted(energy):
    return latent_ebm(
        energy,
        decoder(),
        prior_chain=Chain(partial(langevin, step_size=0.4), 3),
        posterior_chain=POSTERIOR,
        optimizers={"generator": optax.adam(1e-2)},
        latent_dim=2,
        length=5,
    )


@pytest.fixture(scope="module")
def trained():
    method = short_run()
    step, state = jax.jit(method.train_step), method.init(KEY, BATCH)
    for _ in range(2):
        state, metrics = step(state, BATCH)
    return method, state, metrics


@pytest.mark.parametrize("energy", [None, ZeroEnergy()])
def test_an_energy_of_zero_is_short_run_inference(trained, energy):
    """The latent EBM without an energy, or with one frozen at 0, makes the same updates for the same keys."""
    method, (_, expected, _) = tilted(energy), trained
    step, state = jax.jit(method.train_step), method.init(KEY, BATCH)
    for _ in range(2):
        state, metrics = step(state, BATCH)
    same = partial(np.testing.assert_allclose, atol=1e-5)
    jax.tree.map(same, state.params["generator"], expected.params["generator"])
    assert metrics["reconstruction_nll"] > 0


@pytest.mark.slow
def test_functions_have_their_shapes_and_carry_no_state(trained):
    method, state, metrics = trained
    functions = {name: jax.jit(partial(f, state)) for name, f in method.functions.items() if name != "sample_latent"}
    z = functions["encode"](KEY, X)
    functions["encode"](jax.random.key(2), X)
    np.testing.assert_array_equal(z, functions["encode"](KEY, X))
    log_p = functions["token_log_prob"](z, X)
    assert z.shape == (4, 2) and log_p.shape == (4,) and np.all(log_p < 0)
    np.testing.assert_allclose(method.evaluate(state, KEY, BATCH)["reconstruction_nll"], -log_p, rtol=1e-5)
    logits = functions["step"](functions["start"](z), z, jnp.full(4, BOS))[1]
    assert logits.shape == (4, 9)
    samples = np.asarray(method.sample(state, KEY, 6))
    assert samples.shape == (6, 5) and not np.any(samples == BOS)
    assert set(metrics) >= {"reconstruction_nll", "posterior_spread", "latent_rms", "num_nonfinite"}


def test_likelihoods_agree_with_the_integral(trained):
    """log p(x) by short-run proposals and their Jacobians, and by Gaussians around posterior draws (given, and of the
    chain), against the average of p(x | z) over a grid of z."""
    _, state, _ = trained
    method = short_run(posterior_chain=Chain(partial(langevin, step_size=0.1), 3))
    functions = {name: partial(f, state) for name, f in method.functions.items()}
    found = jax.jit(partial(functions["short_run_likelihood_estimate"], num_samples=4000))(KEY, X)
    axis = np.linspace(-5, 5, 41)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    weights = np.exp(-0.5 * np.sum(grid**2, axis=1))
    rows, z = jnp.repeat(X, len(grid), axis=0), jnp.tile(jnp.asarray(grid, jnp.float32), (4, 1))
    log_p = jax.jit(functions["token_log_prob"])(z, rows)
    exact = np.log(np.exp(np.asarray(log_p).reshape(4, -1)) @ (weights / weights.sum()))
    # Weights' sd is below their mean in both: 4,000 draws give .016 at most.
    np.testing.assert_allclose(found.log_mean, exact, atol=0.06)
    by_default = jax.jit(partial(functions["log_likelihood"], num_samples=4000, num_draws=50))(KEY, X)
    np.testing.assert_allclose(by_default, exact, atol=0.06)
    draws = jax.random.normal(jax.random.key(1), (50, 4, 2))  # the posterior of such a decoder is about the prior
    log_joint = lambda z: functions["token_log_prob"](z, X) + gaussian_log_prob(z, jnp.zeros_like(z), 1.0)
    estimate = jax.jit(partial(gaussian_proposal_log_likelihood, log_joint=log_joint, num_samples=4000))
    np.testing.assert_allclose(estimate(KEY, draws=draws).log_mean, exact, atol=0.06)


def test_tempered_noise_follows_the_training_step(trained):
    """At noise 0 the chain is a descent, the same for every key of its noise; a Langevin sampler's is another."""
    chain = Chain(partial(langevin, step_size=lambda step: jnp.array([0.5, 0.3, 0.2, 0.1])[step]), 4)
    method = short_run(posterior_chain=chain, noise_schedule=lambda step: jnp.where(step < 2, 0.0, 1.0))
    plain = short_run(posterior_chain=chain)
    state = method.init(KEY, BATCH)
    late = state._replace(step=jnp.int32(2))
    encode = jax.jit(method.functions["encode"])
    np.testing.assert_allclose(encode(late, KEY, X), plain.functions["encode"](late, KEY, X), atol=1e-6)
    assert np.all(np.abs(encode(state, KEY, X) - encode(late, KEY, X)) > 1e-3)


def test_refusals():
    with pytest.raises(ValueError, match="needs rows of tokens"):
        short_run().init(KEY, {"x": jnp.zeros((2, 5))})
    with pytest.raises(ValueError, match="give either sigma"):
        latent_ebm(None, decoder(), prior_chain=POSTERIOR, posterior_chain=POSTERIOR, optimizers={}, latent_dim=2)
    method = short_run()
    with pytest.raises(ValueError, match="cannot be masked"):
        method.functions["encode"](method.init(KEY, BATCH), KEY, X, X > 4)
