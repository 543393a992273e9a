"""Symbol-vector coupling on linear logits and a linear generator, where everything has a closed form.

Logits a_k z + c_k make p(z) a mixture of N(a_k, 1) with weights softmax(c_k + a_k² / 2), and p(z | y) = N(a_y, 1).
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import CouplingWeights, latent_ebm, symbol_vector
from ebmjax.nets import MLPEnergy
from ebmjax.types import EOS, PAD

KEY = jax.random.key(0)
SLOPES, OFFSETS = np.array([-2.0, 0.5, 3.0]), np.array([0.1, -0.3, 0.2])
SIGMA, STEPS, STEP_SIZE = 0.7, 60, 0.4
W, B, ALPHA = 1.5, 0.3, 0.5
PRECISION = 1 + W**2 / SIGMA**2
GROUPS = ("energy", "generator", "encoder")


class Encoder(nn.Module):
    """(k x + m, a constant)."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x), jnp.broadcast_to(self.param("log_variance", nn.initializers.zeros, ()), x.shape)


def linear(num_symbols=3, **options):
    options = {"weights": CouplingWeights(0.0, 0.0), "sigma": SIGMA} | options
    return symbol_vector(
        nn.Dense(num_symbols),
        nn.Dense(1),
        Encoder(),
        prior_chain=Chain(partial(langevin, step_size=STEP_SIZE), STEPS),
        optimizers={group: optax.sgd(1.0) for group in GROUPS},
        latent_dim=1,
        **options,
    )


def dense(kernel, bias):
    return {"kernel": jnp.asarray(kernel, jnp.float32).reshape(1, -1), "bias": jnp.atleast_1d(jnp.float32(bias))}


def with_params(state, slopes=SLOPES, offsets=OFFSETS):
    """The exact posterior of a linear generator under the prior N(ALPHA, 1)."""
    encoder = {"Dense_0": dense(W / SIGMA**2 / PRECISION, (ALPHA - W * B / SIGMA**2) / PRECISION)}
    encoder["log_variance"] = -jnp.log(PRECISION)
    params = {"energy": dense(slopes, offsets), "generator": dense(W, B), "encoder": encoder}
    return state._replace(params=params)


@pytest.fixture(scope="module")
def mixture():
    method = linear()
    x = jnp.ones((4, 1))
    return method, with_params(method.init(KEY, {"x": x, "index": jnp.arange(4)}))


def test_normaliser_and_shares(mixture):
    method, state = mixture
    z = jnp.linspace(-12, 12, 4801)[:, None]
    density = np.exp(-np.asarray(method.functions["energy"](state, z), float)) / np.sqrt(2 * np.pi)
    total = np.trapezoid(density, z[:, 0])
    assert total == pytest.approx(118.952799, rel=2e-5)
    weights = np.exp(OFFSETS + SLOPES**2 / 2)
    assert weights.sum() == pytest.approx(118.952799, rel=1e-8)
    symbols = np.asarray(jax.nn.softmax(method.functions["latent_logits"](state, z)))
    shares = np.trapezoid(density[:, None] * symbols, z[:, 0], axis=0) / total
    np.testing.assert_allclose(shares, weights / weights.sum(), rtol=1e-4)


def test_samples_of_a_symbol(mixture):
    """The chain of p(z | y) has an exact law: N((1 - a^K) a_y, (1 - a^2K) / (1 - s²/4) + a^2K), a = 1 - s² / 2."""
    method, state = mixture
    labels = jnp.repeat(jnp.arange(3), 4000)
    x = jax.jit(method.functions["sample_class"])(state, KEY, labels)
    z = (np.asarray(x).reshape(3, 4000) - B) / W
    kept = (1 - STEP_SIZE**2 / 2) ** STEPS
    variance = (1 - kept**2) / (1 - STEP_SIZE**2 / 4) + kept**2
    np.testing.assert_allclose(z.mean(1), (1 - kept) * SLOPES, atol=5 * np.sqrt(variance / 4000))
    np.testing.assert_allclose(z.var(1), variance, atol=5 * variance * np.sqrt(2 / 4000))


def test_without_an_energy_symbols_are_those_of_the_classifier():
    """p(z) = N(0, 1), so that Σ_y p(z | y) p(y) is N(0, 1) again, and p(z | y) ∝ softmax(logits)_y N(z; 0, 1)."""
    method = linear(tilted=False)
    state = with_params(method.init(KEY, {"x": jnp.ones((4, 1)), "index": jnp.arange(4)}))
    assert "energy" not in method.functions
    num = 6000
    x = jax.jit(method.functions["sample_class"])(state, KEY, jnp.full(num, 2))
    z = np.linspace(-9, 9, 4001)
    logits = SLOPES * z[:, None] + OFFSETS
    density = np.exp(logits[:, 2] - np.logaddexp.reduce(logits, axis=1) - z**2 / 2)
    mean = np.average(z, weights=density)
    # Langevin's bias in the mean is of order s² / 4 = .04 of a curvature's change; its noise is 1 / √num.
    assert np.mean((np.asarray(x) - B) / W) == pytest.approx(mean, abs=0.05)
    drawn = method.functions["sample_latent"](state, KEY, 1000)
    assert abs(np.var(drawn) - 1) < 5 * np.sqrt(2 / 1000)  # exact draws, not those of a chain


@pytest.fixture(scope="module")
def exact():
    method = linear(1)
    x = jnp.linspace(-3, 4, 6)[:, None]
    state = method.init(KEY, {"x": x, "index": jnp.arange(6)})
    return method, with_params(state, ALPHA, 0.2), x


def test_with_the_exact_posterior_the_bound_is_the_likelihood(exact):
    """One draw is enough: the weight is the same for all z. log Z of N(0, I) draws has its own error, of all rows."""
    method, state, x = exact
    num = 100_000
    found = jax.jit(partial(method.functions["log_likelihood"], num_samples=1, num_normalizer_samples=num))(
        state, KEY, x
    )
    variance = W**2 + SIGMA**2
    log_p = -0.5 * (np.asarray(x)[:, 0] - B - W * ALPHA) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    error = np.asarray(found) - log_p
    np.testing.assert_allclose(error, error.mean(), atol=1e-4)
    assert abs(error.mean()) < 5 * np.sqrt(np.expm1(ALPHA**2) / num)


def test_update_of_the_energy_is_the_difference_of_means(exact):
    """∇_α of the ELBO is E_q[z] - E_p[z]: α moves by that, and the gap is -α times it."""
    method, state, x = exact
    after, metrics = jax.jit(method.train_step)(state, {"x": x, "index": jnp.arange(6)})
    moved = after.params["energy"]["kernel"][0, 0] - ALPHA
    np.testing.assert_allclose(metrics["energy_gap"], -ALPHA * moved, rtol=1e-3)
    np.testing.assert_allclose(after.params["energy"]["bias"], 0.2, atol=1e-6)  # a constant changes nothing
    assert metrics["mutual_information"] == pytest.approx(0, abs=1e-6)  # of one symbol
    posterior = 0.5 * (1 / PRECISION - 1 + np.log(PRECISION))
    means = (W * (np.asarray(x) - B) / SIGMA**2 + ALPHA) / PRECISION
    np.testing.assert_allclose(metrics["kl"], posterior + 0.5 * np.mean(means**2), rtol=1e-5)


def test_one_symbol_is_the_latent_ebm():
    net = MLPEnergy((5,))
    chain = Chain(partial(langevin, step_size=STEP_SIZE), 3)
    other = latent_ebm(
        net, nn.Dense(1), prior_chain=chain, posterior_chain=chain, optimizers={}, sigma=SIGMA, latent_dim=1
    )
    batch = {"x": jnp.ones((4, 1)), "index": jnp.arange(4)}
    params = other.init(KEY, batch).params

    class Logit(nn.Module):
        @nn.compact
        def __call__(self, z):
            return -net.apply({"params": params["energy"]}, z)[:, None]

    options = {"prior_chain": chain, "optimizers": {}, "latent_dim": 1, "sigma": SIGMA}
    method = symbol_vector(Logit(), nn.Dense(1), Encoder(), weights=CouplingWeights(0, 0), **options)
    state = method.init(KEY, batch)
    state = state._replace(params=state.params | {"generator": params["generator"], "energy": {}})
    other_state = other.init(KEY, batch)._replace(params=params)
    draw = lambda method, state: jax.jit(method.sample, static_argnums=2)(state, KEY, 5)
    np.testing.assert_allclose(draw(method, state), draw(other, other_state), rtol=1e-6)


def schedule(step):
    """Of the weight of KL: an autoencoder to begin with."""
    return jnp.where(step < 1, 0.0, 1.0)


@pytest.fixture(scope="module")
def labelled():
    """A batch with labels; the state before, and after steps 0 and 1, without and with a weight of labels.

    The mutual information has a weight too: a step where KL has none must leave it out."""
    batch = {"x": jax.random.normal(KEY, (8, 1)), "label": jnp.arange(8) % 3, "index": jnp.arange(8)}
    found = {}
    for weight in (0.0, 2.0):
        method = linear(weights=CouplingWeights(weight, 10.0, 0.0, schedule))
        state, step = with_params(method.init(KEY, batch)), jax.jit(method.train_step)
        found[weight] = (state, step(state, batch), step(state._replace(step=state.step + 1), batch))
    return batch, found


def test_labels_move_the_energy_and_the_encoder(labelled):
    batch, found = labelled
    params = [found[weight][1][0].params for weight in (0.0, 2.0)]
    metrics = [found[weight][1][1] for weight in (0.0, 2.0)]
    jax.tree.map(np.testing.assert_array_equal, params[0]["generator"], params[1]["generator"])
    assert "cross_entropy" not in metrics[0] and 0 <= metrics[1]["accuracy"] <= 1
    # The bias of the logits moves by -weight times the mean of softmax - labels, at z drawn from q: of order 1 / √8.
    moved = params[1]["energy"]["bias"] - params[0]["energy"]["bias"]
    before = with_params(found[2.0][0]).params["encoder"]
    mean = np.asarray(batch["x"]) @ before["Dense_0"]["kernel"] + before["Dense_0"]["bias"]
    softmax = np.asarray(jax.nn.softmax(jnp.asarray(mean * SLOPES + OFFSETS)))
    expected = -2.0 * (softmax - np.eye(3)[np.asarray(batch["label"])]).mean(0)
    np.testing.assert_allclose(moved, expected, atol=2.0 * 5 * 0.5 / np.sqrt(8))
    assert abs(moved.sum()) < 1e-5  # softmax and label are shares of one: their difference sums to 0
    encoders = [p["encoder"]["Dense_0"]["kernel"] for p in params]
    assert not np.allclose(*encoders)


def test_without_weight_of_kl_it_is_an_autoencoder(labelled):
    """z = μ(x): the log-variance has no gradient, and the energy none."""
    batch, found = labelled
    state, (first, metrics), (second, _) = found[0.0]
    assert first.params["encoder"]["log_variance"] == state.params["encoder"]["log_variance"]
    jax.tree.map(np.testing.assert_array_equal, first.params["energy"], state.params["energy"])
    decoded = W * (np.asarray(batch["x"]) * W / SIGMA**2 + ALPHA - W * B / SIGMA**2) / PRECISION + B
    expected = -0.5 * (np.asarray(batch["x"]) - decoded) ** 2 / SIGMA**2 - 0.5 * np.log(2 * np.pi * SIGMA**2)
    np.testing.assert_allclose(metrics["log_prob"], expected.mean(), rtol=1e-4)
    assert second.params["encoder"]["log_variance"] != state.params["encoder"]["log_variance"]


def test_refused():
    with pytest.raises(ValueError, match="needs labels"):
        linear(weights=CouplingWeights(1.0, 0.0)).init(KEY, {"x": jnp.ones((8, 1)), "index": jnp.arange(8)})
    with pytest.raises(ValueError, match="must be at least 0"):
        linear(input_noise=-0.1)


def test_bags_of_words():
    """Words count, whatever their order; filling and ends do not."""
    method = symbol_vector(
        nn.Dense(2),
        nn.Dense(7),
        Encoder(),
        prior_chain=Chain(partial(langevin, step_size=STEP_SIZE), 2),
        optimizers={},
        latent_dim=1,
        weights=CouplingWeights(0.0, 1.0),
        length=5,
        bag=True,
        features=lambda x: jnp.sum(x == 4, axis=1, keepdims=True).astype(jnp.float32),
    )
    x = jnp.array([[4, 5, 5, EOS, PAD], [5, 4, 5, EOS, PAD], [6, EOS, PAD, PAD, PAD]])
    state = method.init(KEY, {"x": x, "index": jnp.arange(3)})
    params = state.params["generator"]
    error = jax.jit(method.evaluate)(state, KEY, {"x": x})["reconstruction_nll"]
    z = method.functions["encode"](state, x) + jax.random.normal(KEY, (3, 1))
    words = np.array([1, 4, 5, 6])  # of 0 ... 6 those that are words
    log_probs = np.asarray(jax.nn.log_softmax((z @ params["kernel"] + params["bias"])[:, words]))
    counts = np.array([[0, 1, 2, 0], [0, 1, 2, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(error, -(counts * log_probs).sum(1), rtol=1e-5)
    drawn = jax.jit(method.sample, static_argnums=2)(state, KEY, 50)
    assert drawn.shape == (50, 5) and set(np.unique(drawn)) == {1, 4, 5, 6}
