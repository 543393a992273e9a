"""One plain step of the methods for sentences by hand, with a decoder of independent words: softmax(c + u Σ z)."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.mcmc import langevin
from ebmjax.methods import StepSizeSearch, text_short_run
from ebmjax.methods.base import step_key
from ebmjax.methods.language_model import language_model
from ebmjax.methods.latent_model import make_model
from ebmjax.methods.step_size_search import divergence
from ebmjax.methods.text_short_run import Inference
from ebmjax.types import EOS, PAD, Chain, ChainState, Info, Kernel

RATE = 0.1
X = jnp.array([[4, 5, EOS, PAD], [EOS, PAD, PAD, PAD], [4, 4, 5, EOS]])
BATCH = {"x": X, "index": jnp.arange(3)}
MASK = np.asarray(X != PAD)
HOT = np.eye(6)[np.asarray(X)] * MASK[..., None]


COMPILED = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


class Words(nn.Module):
    """Independent words. Where it drops out, in training, u is lost."""

    drops: bool = False

    def setup(self):
        self.c = self.param("c", lambda key: jnp.linspace(-1, 1, 6))
        self.u = self.param("u", lambda key: jnp.array([0.5, -0.3, 0.2, 0.7, -0.6, 0.1]))

    def __call__(self, z, x):
        return self.log_prob(z, x)

    def inputs(self, x, train=False):
        return None

    def log_prob(self, z, x, inputs=None, train=False):
        if train and self.drops:
            z = z + 100 * jax.random.normal(self.make_rng("dropout"), z.shape) + jnp.zeros((len(x), 1)) - 5
        logits = self.c + self.u * jnp.sum(z, axis=1, keepdims=True)
        each = jnp.take_along_axis(jax.nn.log_softmax(logits), x, axis=1)
        return jnp.sum(jnp.where(x != PAD, each, 0.0), axis=1)


C, U = np.linspace(-1, 1, 6), np.array([0.5, -0.3, 0.2, 0.7, -0.6, 0.1])


def by_hand(total):
    """(mean -log p(x | z), its slopes in c and u) at Σ z `[3]`."""
    logits = C + U * total[:, None]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    error = MASK.sum(1)[:, None] * np.exp(log_p) - HOT.sum(1)
    return -np.mean(np.sum(HOT.sum(1) * log_p, 1)), error.mean(0), np.mean(error * total[:, None], 0)


def test_language_model():
    """Without a latent vector; perplexity is per token, EOS counted: 3, 1 and 4 of them."""
    method = language_model(Words(), length=4, optimizers={"decoder": sgd(RATE)})
    state = method.init(jax.random.key(0), BATCH)
    after, metrics = COMPILED(method.train_step)(state, BATCH)
    nll, of_c, _ = by_hand(np.zeros(3))
    np.testing.assert_allclose(after.params["decoder"]["c"], C - RATE * of_c, rtol=1e-5)
    assert float(metrics["nll"]) == pytest.approx(nll, rel=1e-5)
    assert float(metrics["perplexity"]) == pytest.approx(np.exp(nll / (8 / 3)), rel=1e-5)
    found = method.evaluate(state, jax.random.key(1), BATCH)["nll"]
    np.testing.assert_allclose(np.mean(found), nll, rtol=1e-5)


def pushed(potential, *, noise_scale=0.0):
    """A stand-in for a chain: z' = z + noise_scale."""
    init = lambda z: ChainState(z, jnp.zeros(len(z)), (), jnp.int32(0), ())
    step = lambda key, state: (state._replace(position=state.position + noise_scale), Info(*4 * [state.energy]))
    return Kernel(init, step)


def short_run(drops=False):
    return text_short_run(
        Words(drops),
        posterior_chain=Chain(pushed, 2),
        optimizers={"generator": sgd(RATE)},
        latent_dim=2,
        length=4,
        noise_schedule=lambda step: 0.25 * step,
    )


@pytest.mark.parametrize("at", [0, 3])
def test_short_run_inference(at):
    """z from fresh noise after two steps with the noise of this training step; the decoder learns at that z."""
    method = short_run()
    state = method.init(jax.random.key(0), BATCH)._replace(step=jnp.int32(at))
    after, metrics = COMPILED(method.train_step)(state, BATCH)
    start_key = jax.random.split(jax.random.split(step_key(state))[0])[0]
    z = np.asarray(jax.random.normal(start_key, (3, 2)), float) + 2 * 0.25 * at
    nll, of_c, of_u = by_hand(z.sum(1))
    np.testing.assert_allclose(after.params["generator"]["c"], C - RATE * of_c, rtol=1e-4)
    np.testing.assert_allclose(after.params["generator"]["u"], U - RATE * of_u, rtol=1e-4, atol=1e-6)
    assert float(metrics["reconstruction_nll"]) == pytest.approx(nll, rel=1e-5)
    assert float(metrics["latent_rms"]) == pytest.approx(np.sqrt(np.mean(z**2)), rel=1e-5)
    encode = method.functions["encode"]
    moved = encode(state, jax.random.key(1), X) - encode(state._replace(step=jnp.int32(0)), jax.random.key(1), X)
    np.testing.assert_allclose(moved, 2 * 0.25 * at, atol=1e-6)


def test_the_decoder_drops_out_in_training_alone():
    plain, dropping = short_run(), short_run(drops=True)
    state = plain.init(jax.random.key(0), BATCH)
    nll = [COMPILED(method.train_step)(state, BATCH)[1]["reconstruction_nll"] for method in (plain, dropping)]
    assert nll[1] > nll[0] + 1
    errors = [m.evaluate(state, jax.random.key(1), BATCH)["reconstruction_nll"] for m in (plain, dropping)]
    np.testing.assert_array_equal(*errors)


KERNEL = partial(langevin, step_size=0.5, noise_scale=0.0)
FIXED = {"latent_dim": 2, "length": 4, "optimizers": {"generator": sgd(RATE)}}


def test_the_weight_of_the_prior_in_the_chain():
    """One noise-free step from z_0 moves by -s² / 2 (β z_0 - ∇ log p(x | z_0)), β that of the training step."""
    method = text_short_run(Words(), posterior_chain=Chain(KERNEL, 1), prior_weight=lambda step: 0.1 * step, **FIXED)
    state = method.init(jax.random.key(0), BATCH)
    encode = COMPILED(method.functions["encode"])
    key = jax.random.key(5)
    start = jax.random.normal(jax.random.split(jax.random.split(key)[0])[0], (3, 2))
    slope = jax.grad(lambda z: jnp.sum(method.functions["token_log_prob"](state, z, X)))(start)
    for step in (0, 7):
        found = encode(state._replace(step=jnp.int32(step)), key, X)
        np.testing.assert_allclose(found, start - 0.125 * (0.1 * step * start - slope), atol=1e-6)


def test_dropout_in_the_chain():
    """Off for new sentences; on in training if asked for, and for features drawn with it."""
    make = partial(text_short_run, Words(True), posterior_chain=Chain(KERNEL, 2), **FIXED)
    plain, dropping = make(), make(chain_dropout=True)
    state = plain.init(jax.random.key(0), BATCH)
    spreads = [COMPILED(method.train_step)(state, BATCH)[1]["posterior_grad_norm"] for method in (plain, dropping)]
    assert spreads[0] != spreads[1]
    names = ("encode", "encode_with_dropout")
    found = [[COMPILED(m.functions[name])(state, jax.random.key(1), X) for name in names] for m in (plain, dropping)]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.all(np.asarray(found[0][0]) != found[0][1])


def test_the_step_size_is_the_best_of_a_grid():
    """Every second step the divergence of each step size of the grid is compared; between, it stays."""
    search = StepSizeSearch("fixed_noise", 2, (0.1, 0.9, 0.4), 0.0, 3, 2)
    method = text_short_run(
        Words(), posterior_chain=Chain(partial(langevin, step_size=0.3), 3), search=search, step_size=0.3, **FIXED
    )
    state = method.init(jax.random.key(0), BATCH)
    step = COMPILED(method.train_step)
    first, metrics = step(state, BATCH)
    assert float(metrics["step_size"]) == pytest.approx(0.3)
    second, metrics = step(first, BATCH)
    inference = Inference(make_model(Words(), length=4, latent_dim=2, posterior_chain=Chain(langevin, 3)))
    key = jax.random.fold_in(step_key(first), 4)
    values = [
        divergence(inference.at(first.step, jnp.log(s)), first.params, key, X, "fixed_noise", 2) for s in search.grid
    ]
    assert float(metrics["step_size"]) == pytest.approx(search.grid[int(np.argmin(values))])
    assert float(step(second, BATCH)[1]["step_size"]) == float(metrics["step_size"])
    with pytest.raises(ValueError, match="either a grid"):
        text_short_run(Words(), posterior_chain=Chain(KERNEL, 1), search=search._replace(grid=()), **FIXED)
