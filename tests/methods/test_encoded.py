"""The methods with an encoder: their contract, incomplete data, statistics, and what the truth is to them."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import (
    TriangleWeights,
    ali,
    divergence_triangle,
    official_weights,
    vae,
    vae_latent_ebm,
    wake_sleep,
)
from ebmjax.methods.wrappers import concealed
from ebmjax.nets import JointMLPEnergy, MLPEncoder, MLPEnergy, MLPGenerator

SHAPE, DIM = (4, 4, 1), 3
X = jax.random.uniform(jax.random.key(5), (16, *SHAPE), minval=-1, maxval=1)
MASK = jax.random.bernoulli(jax.random.key(6), 0.6, X.shape)
BUILDERS = {
    "vae": vae,
    "divergence_triangle": partial(divergence_triangle, MLPEnergy((8,))),
    "vae_latent_ebm": partial(vae_latent_ebm, JointMLPEnergy((8,))),
    "ali": partial(ali, JointMLPEnergy((8,), "identity"), weight=1.0),
    "wake_sleep": wake_sleep,
}


def build(name, rate=1e-2, **options):
    groups = ("encoder", "generator") if name in ("vae", "wake_sleep") else ("energy", "encoder", "generator")
    optimizers = {group: optax.sgd(rate) for group in groups}
    nets = MLPGenerator(SHAPE, (8,)), MLPEncoder(DIM, (8,))
    return BUILDERS[name](*nets, optimizers=optimizers, sigma=0.5, latent_dim=DIM, **options)


def differ(a, b):
    return jax.tree.map(lambda x, y: bool(np.any(np.asarray(x) != np.asarray(y))), a, b)


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def stepped(request):
    """(method, its first state, its compiled step)."""
    method = build(request.param)
    return method, method.init(jax.random.key(0), {"x": X}), jax.jit(method.train_step)


def test_contract(stepped):
    method, state, step = stepped
    before = jax.tree.map(np.array, state.params)
    new, metrics = step(state, {"x": X})
    jax.tree.map(np.testing.assert_array_equal, state.params, before)
    assert int(new.step) == 1 and all(np.isfinite(value) and np.shape(value) == () for value in metrics.values())
    assert jax.tree.structure(new) == jax.tree.structure(state)
    for group, params in new.params.items():
        assert any(jax.tree.leaves(differ(params, before[group]))), group
        assert metrics[f"grad_norm_{group}"] > 0
    again, _ = step(state, {"x": X})
    jax.tree.map(np.testing.assert_array_equal, again.params, new.params)
    assert method.sample(new, jax.random.key(1), 5).shape == (5, *SHAPE)


def test_functions(stepped):
    """Shapes, and rows that do not see each other, with the statistics as they were left."""
    method, state, step = stepped
    state, key, f = step(state, {"x": X})[0], jax.random.key(2), method.functions
    z = f["encode"](state, key, X)
    assert z.shape == (16, DIM) and f["sample_latent"](state, key, 4).shape == (4, DIM)
    np.testing.assert_allclose(f["encode"](state, key, X[:3]), z[:3], rtol=1e-5, atol=1e-6)
    reconstructed = f["reconstruct"](state, key, X)
    np.testing.assert_allclose(f["decode"](state, z), reconstructed, rtol=1e-5, atol=1e-6)
    errors = method.evaluate(state, key, {"x": X})["reconstruction_mse"]
    np.testing.assert_allclose(errors, jnp.mean((reconstructed - X) ** 2, axis=(1, 2, 3)), rtol=1e-5)
    path = f["interpolate"](state, z[:2], z[2:4], 5)
    assert path.shape == (2, 5, *SHAPE)
    linear = "data_energy" in f and "joint_energy" not in f  # the triangle's paths; the others' are great circles
    middle = f["decode"](state, (z[:2] + z[2:4]) / 2)
    assert np.allclose(path[:, 2], middle, rtol=1e-5, atol=1e-6) == linear
    if "joint_energy" in f:
        energy = f["joint_energy"](state, X, z)
        np.testing.assert_allclose(f["joint_energy"](state, X[:3], z[:3]), energy[:3], rtol=1e-5)
        assert energy.min() > 0  # softplus
    if "data_energy" in f:
        assert f["data_energy"](state, X).shape == (16,)


def test_what_is_hidden_does_not_matter(stepped):
    """Not even NaN in the gaps; a mask of ones is no mask; and the observed entries do matter."""
    method, state, step = stepped
    hidden, _ = step(state, {"x": X, "mask": MASK})
    broken, metrics = step(state, {"x": jnp.where(MASK, X, jnp.nan), "mask": MASK})
    jax.tree.map(np.testing.assert_array_equal, hidden.params, broken.params)
    assert np.isfinite(metrics["reconstruction_mse"])
    complete, _ = step(state, {"x": X})
    whole, _ = step(state, {"x": X, "mask": jnp.ones_like(MASK)})
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), whole.params, complete.params)
    other, _ = step(state, {"x": X + 0.1, "mask": MASK})
    assert any(jax.tree.leaves(differ(other.params, hidden.params)))
    key = jax.random.key(3)
    filled = method.functions["inpaint"](state, key, jnp.where(MASK, X, jnp.nan), MASK)
    np.testing.assert_array_equal(filled[MASK], X[MASK])
    np.testing.assert_array_equal(filled, method.functions["inpaint"](state, key, X, MASK))
    assert np.any(filled != method.functions["inpaint"](state, jax.random.key(4), X, MASK))  # a draw


def test_concealed_entries_never_reach_a_method():
    method = build("vae")._replace(train_step=lambda state, batch: (state, batch))
    index = jnp.arange(16)[::-1]
    _, seen = concealed(method, lambda index: MASK[index]).train_step(None, {"x": X, "index": index})
    np.testing.assert_array_equal(seen["mask"], MASK[::-1])
    np.testing.assert_array_equal(seen["x"], jnp.where(MASK[::-1], X, jnp.nan))


class Linear(nn.Module):
    """x = w z, w starting at 1.2."""

    @nn.compact
    def __call__(self, z):
        return self.param("w", nn.initializers.constant(1.2), ()) * z


class LinearEncoder(nn.Module):
    """mean a x, variance s², starting at the posterior of x = w z + σ e for w = 1.2, σ = .5."""

    @nn.compact
    def __call__(self, x):
        a = self.param("a", nn.initializers.constant(1.2 / 1.69), ())
        log_variance = self.param("log_variance", nn.initializers.constant(float(np.log(0.25 / 1.69))), ())
        return a * x, jnp.full_like(x, log_variance)


class Quadratic(nn.Module):
    """E(x) = θ x² / 2, starting at the precision 1 / 1.69."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * self.param("theta", nn.initializers.constant(1 / 1.69), ()) * jnp.sum(x**2, axis=1)


@pytest.mark.slow
def test_the_truth_is_a_fixed_point():
    """x = 1.2 z + .5 e and its own posterior and energy: gradients vanish up to the noise of 200,000 draws; those of
    the official weights do not, nor those of samples without noise."""
    x = 1.3 * jax.random.normal(jax.random.key(0), (200_000, 1))
    rates = {group: optax.sgd(1.0) for group in ("energy", "encoder", "generator")}

    def moved(weights):
        method = divergence_triangle(
            Quadratic(), Linear(), LinearEncoder(), optimizers=rates, sigma=0.5, latent_dim=1, weights=weights
        )
        state = method.init(jax.random.key(1), {"x": x})
        return {name: float(v) for name, v in jax.jit(method.train_step)(state, {"x": x})[1].items()}

    literal, biased = moved(TriangleWeights()), moved(TriangleWeights(noisy=False))
    # θ: sd of the mean of x² / 2 over both samples is 1.69 √(1/2 + 1/2) / √200,000 = .0038. The other two see θ a step
    # of that size away from the truth, and their own terms have sd of order 1 / √200,000.
    assert literal["grad_norm_energy"] < 4 * 0.0038
    assert literal["grad_norm_encoder"] < 0.06 and literal["grad_norm_generator"] < 0.06
    assert biased["grad_norm_energy"] > 0.1  # σ² / 2
    assert moved(official_weights(1))["grad_norm_generator"] > 0.5


class Normed(nn.Module):
    """A linear generator or encoder with batch normalisation."""

    heads: int

    @nn.compact
    def __call__(self, x, train=False):
        y = nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Dense(4)(x.reshape(len(x), -1)))
        y = nn.Dense(self.heads)(y)
        return y.reshape(-1, *SHAPE) if self.heads == 16 else tuple(jnp.split(y, 2, axis=1))


@pytest.mark.slow
def test_statistics_move_in_training_alone():
    rates = {group: optax.sgd(1e-3) for group in ("energy", "encoder", "generator")}
    method = vae_latent_ebm(
        JointMLPEnergy((8,)), Normed(16), Normed(2 * DIM), optimizers=rates, sigma=0.5, latent_dim=DIM
    )
    state = method.init(jax.random.key(0), {"x": X})
    new, _ = jax.jit(method.train_step)(state, {"x": X})
    changed = differ(state.extra["stats"], new.extra["stats"])
    del changed["energy"]["SpectralNorm_1"]  # of one number an example, whose singular vector is 1
    assert set(changed) == {"energy", "encoder", "generator"} and all(jax.tree.leaves(changed))
    # The encoder's one pass over the data: a tenth of the batch's mean.
    hidden = X.reshape(16, -1) @ state.params["encoder"]["Dense_0"]["kernel"]
    mean = new.extra["stats"]["encoder"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(mean, 0.1 * jnp.mean(hidden, axis=0), rtol=1e-4, atol=1e-6)
    encode = partial(method.functions["encode"], new, jax.random.key(1))
    np.testing.assert_allclose(encode(X[:2]), encode(X)[:2], rtol=1e-4, atol=1e-5)


def test_likelihood_of_a_linear_model():
    """With the exact posterior as proposal every weight is p(x) itself: one draw is enough."""
    rates = {group: optax.sgd(1.0) for group in ("encoder", "generator")}
    method = vae(Linear(), LinearEncoder(), optimizers=rates, sigma=0.5, latent_dim=1)
    x = jnp.array([[0.3], [-2.0]])
    state = method.init(jax.random.key(0), {"x": x})
    found = method.functions["log_likelihood"](state, jax.random.key(1), x, num_samples=1)
    np.testing.assert_allclose(found, jax.scipy.stats.norm.logpdf(x[:, 0], scale=1.3), rtol=1e-4)


def test_bad_settings_are_refused():
    for name, options, said in (
        ("vae", {"fill_steps": 0}, "fill_steps = 0 must be"),
        ("divergence_triangle", {"weights": TriangleWeights(latent=-1)}, "weights.latent = -1 must be"),
        ("vae_latent_ebm", {"weight": -1}, "weight = -1 of KL"),
    ):
        with pytest.raises(ValueError, match=said):
            build(name, **options)
    with pytest.raises(
        ValueError, match=r"the generator makes examples of shape \(4, 4, 1\), the data have \(4, 5, 1\)"
    ):
        build("vae").init(jax.random.key(0), {"x": jnp.zeros((2, 4, 5, 1))})
    method = vae(MLPGenerator(SHAPE, (8,)), MLPEncoder(5, (8,)), optimizers={}, sigma=0.5, latent_dim=DIM)
    with pytest.raises(ValueError, match=r"the encoder makes latents of shape \(5,\), the generator takes \(3,\)"):
        method.init(jax.random.key(0), {"x": X})
