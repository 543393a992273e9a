"""The latent EBM on linear-Gaussian models, where every quantity it estimates has a closed form.

Setting: x = W z + b + σ e, z ~ N(0, I). Posterior precision Λ = I + WᵀW / σ², mean Λ⁻¹ Wᵀ (x - b) / σ².
A linear energy E(z) = -αᵀz makes the prior N(α, I).
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.estimators.interpolation import great_circle
from ebmjax.estimators.likelihood import chain_log_abs_det_rows, log_abs_det_rows, log_normalizer
from ebmjax.mcmc import Chain, langevin, run_chain
from ebmjax.methods import latent_ebm, multilayer_short_run
from ebmjax.nets import MLPEnergy, MLPGenerator
from ebmjax.objectives import contrastive


class LinearEnergy(nn.Module):
    """E(z) = -αᵀz, with the parameter α called kernel."""

    @nn.compact
    def __call__(self, z):
        return -z @ self.param("kernel", nn.initializers.zeros, (z.shape[-1],))


def chain(num_steps, step_size, **options):
    return Chain(partial(langevin, step_size=step_size, **options), num_steps)


def linear_method(energy, optimizers, *, dim_x=1, latent_dim=1, sigma=0.7, prior=(60, 0.4), posterior=(3, 0.15)):
    return latent_ebm(
        energy,
        nn.Dense(dim_x),
        prior_chain=chain(*prior),
        posterior_chain=chain(*posterior),
        optimizers=optimizers,
        sigma=sigma,
        latent_dim=latent_dim,
    )


def linear_state(method, x, kernel, bias, alpha=None):
    state = method.init(jax.random.key(0), {"x": x})
    params = {"generator": {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}}
    if alpha is not None:
        params["energy"] = {"kernel": jnp.asarray(alpha)}
    return state._replace(params=params)


def test_jacobian_of_the_chain_is_exact():
    """log|det ∂z_K/∂z_0| = K Σ log|1 - s² λ_i / 2|, whatever x, z_0 and the noise are (float64: to 1e-5)."""
    with jax.enable_x64(True):
        weights = np.random.default_rng(0).normal(size=(4, 3))
        precision = np.eye(3) + weights.T @ weights / 0.49
        s, num_steps = 0.15, 7
        potential = lambda z: 0.5 * jnp.einsum("bi,ij,bj->b", z, jnp.asarray(precision), z) + z[:, 0]
        transport = lambda z: run_chain(langevin(potential, step_size=s), jax.random.key(1), z, num_steps)[0].position
        z = jax.random.normal(jax.random.key(2), (5, 3), jnp.float64)
        expected = num_steps * np.sum(np.log(np.abs(1 - s**2 * np.linalg.eigvalsh(precision) / 2)))
        np.testing.assert_allclose(log_abs_det_rows(transport, z)[1], expected, atol=1e-5)
        np.testing.assert_allclose(log_abs_det_rows(lambda z: z, z)[1], 0.0)
        kernel = langevin(potential, step_size=s)
        end, stepwise = chain_log_abs_det_rows(kernel, jax.random.key(1), z, num_steps)
        np.testing.assert_allclose(end, transport(z), atol=1e-12)
        np.testing.assert_allclose(stepwise, expected, atol=1e-5)


@pytest.mark.slow
def test_importance_sampled_likelihood_is_unbiased():
    """w = 1.5, σ = .7, b = 0, x = 1.2, K = 3, s = .15: p(x) = .185316, and the bound tightens with M."""
    num = 200_000
    x = jnp.full((num, 1), 1.2)
    method = linear_method(None, {"generator": optax.sgd(0.1)})
    state = linear_state(method, x, [[1.5]], [0.0])
    estimate = jax.jit(method.functions["short_run_likelihood_estimate"], static_argnames="num_samples")
    log_p = lambda *args, **options: estimate(state, *args, **options).log_mean
    weights = np.exp(np.asarray(log_p(jax.random.key(0), x, num_samples=1), np.float64))
    error = weights.std() / np.sqrt(num)
    assert error < 5e-4
    assert abs(weights.mean() - 0.185316) < 4 * error
    bounds = {m: -np.mean(log_p(jax.random.key(m), x[:20_000], num_samples=m)) for m in (1, 10, 100)}
    # Standard errors over 20,000 estimates: sd 2.6, .35, .1 over √20000.
    np.testing.assert_allclose([bounds[1], bounds[10], bounds[100]], [3.394, 1.743, 1.690], atol=0.08)
    np.testing.assert_allclose([bounds[10], bounds[100]], [1.743, 1.690], atol=0.012)
    assert bounds[1] > bounds[10] > bounds[100] > 1.685691 - 0.003


def test_likelihood_with_a_learned_prior():
    """E = -αz: p(x) = N(x; wα + b, w² + σ²) and log Z = α² / 2."""
    alpha, x = 0.8, jnp.linspace(-1, 3, 9)[:, None]
    method = linear_method(LinearEnergy(), {})
    state = linear_state(method, x, [[1.5]], [0.2], [alpha])
    found = method.functions["log_likelihood"](state, jax.random.key(0), x, num_samples=4000)
    var = 1.5**2 + 0.49
    exact = -0.5 * (x[:, 0] - 1.5 * alpha - 0.2) ** 2 / var - 0.5 * np.log(2 * np.pi * var)
    np.testing.assert_allclose(found, exact, atol=0.06)
    assert abs(np.mean(found) - np.mean(exact)) < 0.05
    log_z, error, _, _ = log_normalizer(jax.random.key(1), lambda z: -alpha * z[:, 0], 1, 100_000)
    assert abs(log_z - alpha**2 / 2) < 4 * error < 0.02


def test_learning_sign_of_a_linear_tilt():
    """∇_α log p(x) = E_post[z] - E_prior[z] = Wᵀ (W Wᵀ + σ² I)⁻¹ (x - b - W α): the loss's gradient is its negative."""
    rng = np.random.default_rng(0)
    weights, alpha, x, sigma = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=3), 0.6
    precision = np.eye(2) + weights.T @ weights / sigma**2
    posterior_mean = np.linalg.solve(precision, weights.T @ x / sigma**2 + alpha)
    exact = weights.T @ np.linalg.solve(weights @ weights.T + sigma**2 * np.eye(3), x - weights @ alpha)
    np.testing.assert_allclose(posterior_mean - alpha, exact, atol=1e-12)
    energy = lambda a, z: -z @ a
    loss = lambda a: contrastive(energy(a, jnp.asarray(posterior_mean)[None]), energy(a, jnp.asarray(alpha)[None]))
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(alpha)), -exact, atol=1e-6)


def test_maximum_likelihood_of_the_prior():
    """With W fixed and square, the maximum-likelihood α satisfies W α + b = mean x; chain means are unbiased here."""
    x = 1.2 + 0.5 * jax.random.normal(jax.random.key(3), (1024, 1))
    method = linear_method(LinearEnergy(), {"energy": optax.sgd(0.2)}, sigma=0.5, posterior=(40, 0.3))
    state = linear_state(method, x, [[1.0]], [0.3], [0.0])
    step = jax.jit(method.train_step)
    gaps = []
    for i in range(60):
        state, metrics = step(state, {"x": x})
        gaps.append(float(metrics["energy_gap"]))
        if i == 0:  # the first step must lower E at z⁺ relative to z⁻: α grows towards the posterior mean
            assert state.params["energy"]["kernel"][0] > 0
    # sd of an update: 0.2 √(2 / 1024) ≈ .009; the stationary AR(1) of it has sd .009 / √(2 · 0.2 · 0.8) ≈ .016.
    assert abs(state.params["energy"]["kernel"][0] - (jnp.mean(x) - 0.3)) < 0.06
    np.testing.assert_array_equal(state.params["generator"]["kernel"], [[1.0]])  # no optimiser: frozen


def test_generator_gradient_is_that_of_the_likelihood():
    """∇_b log p(x) = (W Wᵀ + σ² I)⁻¹ (x - b) = E_post[x - W z - b] / σ², and the step minimises squared error."""
    num, sigma = 40_000, 0.7
    weights = np.array([[1.1, -0.4], [0.3, 0.8]])
    x = jnp.broadcast_to(jnp.array([0.9, -1.3]), (num, 2))
    method = linear_method(
        None, {"generator": optax.sgd(1.0)}, dim_x=2, latent_dim=2, sigma=sigma, posterior=(400, 0.1)
    )
    state = linear_state(method, x, weights.T, [0.2, -0.1])
    new, _ = jax.jit(method.train_step)(state, {"x": x})
    found = (new.params["generator"]["bias"] - state.params["generator"]["bias"]) / (2 * sigma**2)
    exact = np.linalg.solve(weights @ weights.T + sigma**2 * np.eye(2), np.array([0.9, -1.3]) - np.array([0.2, -0.1]))
    # sd of W z / σ² under the posterior is below 1.3, over √40000 draws.
    np.testing.assert_allclose(found, exact, atol=4 * 1.3 / np.sqrt(num))


def test_a_factor_of_the_loss_is_nothing_to_adam():
    """||x - g(z)||² is minimised without its 1 / (2σ²): Adam's steps are the same, up to its ε."""
    adam, grad = optax.adam(1e-3), jax.random.normal(jax.random.key(0), (3, 50))
    updates = []
    for factor in (1.0, 1 / (2 * 0.3**2)):
        state = adam.init(grad[0])
        for g in grad:
            update, state = adam.update(factor * g, state)
        updates.append(update)
    np.testing.assert_allclose(*updates, rtol=1e-4)


def small_method(energy, optimizers):
    return latent_ebm(
        energy,
        MLPGenerator((4, 4, 1), (16,)),
        prior_chain=chain(5, 0.4),
        posterior_chain=chain(5, 0.1),
        refine_chain=chain(3, 0.1, noise_scale=0),
        optimizers=optimizers,
        sigma=0.3,
        latent_dim=3,
    )


X = {"x": jax.random.uniform(jax.random.key(5), (8, 4, 4, 1), minval=-1, maxval=1)}


def test_zero_energy_is_short_run_inference():
    """With E frozen at 0, posterior chain and generator update equal those of N(0, I) for the same keys."""
    adam = {"generator": optax.adam(1e-2)}
    tilted, plain = small_method(LinearEnergy(), adam), small_method(None, adam)  # LinearEnergy starts at 0
    a = tilted.init(jax.random.key(0), X)
    b = plain.init(jax.random.key(0), X)
    for _ in range(2):
        a, b = jax.jit(tilted.train_step)(a, X)[0], jax.jit(plain.train_step)(b, X)[0]
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, atol=1e-6), a.params["generator"], b.params["generator"])


def test_without_an_energy_it_is_short_run_inference_of_one_layer():
    """The arm gaussian_trained. Without noise long chains end at the mode, whatever their start; then an update of the
    generator equals that of multi-layer short-run inference with one layer."""
    sgd, x = {"generator": optax.sgd(0.1)}, {"x": jax.random.normal(jax.random.key(1), (6, 4))}
    noise_free = partial(langevin, noise_scale=0)
    ours = latent_ebm(
        None,
        nn.Dense(4),
        prior_chain=chain(1, 0.4),
        posterior_chain=Chain(partial(noise_free, step_size=0.5), 100),
        optimizers=sgd,
        sigma=0.7,
        latent_dim=3,
    )
    theirs = multilayer_short_run(
        nn.Dense(4), make_kernel=noise_free, num_steps=100, step_size=0.5, optimizers=sgd, sigma=0.7, latent_dim=3
    )
    a, b = ours.init(jax.random.key(0), x), theirs.init(jax.random.key(0), x)
    start = a.params["generator"]
    b = b._replace(params=b.params | {"generator": start})
    (a, found), (b, expected) = jax.jit(ours.train_step)(a, x), jax.jit(theirs.train_step)(b, x)
    change = jax.tree.map(lambda old, u, v: (u - old, v - old), start, a.params["generator"], b.params["generator"])
    for u, v in jax.tree.leaves(change, is_leaf=lambda leaf: isinstance(leaf, tuple)):
        np.testing.assert_allclose(u, v, rtol=1e-3, atol=1e-5)
        assert float(jnp.max(jnp.abs(u))) > 1e-2
    assert found["reconstruction_mse"] == pytest.approx(float(expected["reconstruction_mse"]), rel=1e-4)


def test_output_bias_of_the_energy_never_learns():
    """Adding a constant to an energy changes nothing, so its gradient is exactly 0; the last weights' is not."""
    method = small_method(MLPEnergy((8,)), {"energy": optax.sgd(1.0), "generator": optax.sgd(0.0)})
    old = method.init(jax.random.key(0), X)
    new, _ = jax.jit(method.train_step)(old, X)
    last = lambda state: state.params["energy"]["MLP_0"]["Dense_1"]
    np.testing.assert_array_equal(last(old)["bias"], last(new)["bias"])
    assert np.any(last(old)["kernel"] != last(new)["kernel"])


@pytest.mark.slow
def test_functions_have_their_shapes_and_carry_no_state():
    method = small_method(MLPEnergy((8,)), {"energy": optax.adam(1e-3), "generator": optax.adam(1e-3)})
    state = method.init(jax.random.key(0), X)
    key = jax.random.key(1)
    assert method.sample(state, key, 7).shape == (7, 4, 4, 1)
    z = method.functions["encode"](state, key, X["x"])
    method.functions["encode"](state, jax.random.key(2), X["x"])
    np.testing.assert_array_equal(z, method.functions["encode"](state, key, X["x"]))
    assert z.shape == (8, 3)
    assert method.functions["energy"](state, z).shape == (8,)
    assert method.functions["sample_latent"](state, key, 4).shape == (4, 3)
    path = method.functions["interpolate"](state, z[:2], z[2:4], 5)
    assert path.shape == (2, 5, 4, 4, 1)
    np.testing.assert_allclose(path[:, -1], method.functions["decode"](state, z[2:4]), atol=1e-5)
    assert method.evaluate(state, key, X)["reconstruction_mse"].shape == (8,)
    assert method.functions["log_likelihood"](state, key, X["x"], num_samples=2).shape == (8,)


def test_great_circle_keeps_the_norm():
    a, b = jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 2.0]])
    path = great_circle(a, b, 5)
    np.testing.assert_allclose(jnp.linalg.norm(path, axis=-1), 2.0, rtol=1e-6)
    np.testing.assert_allclose(path[0, 2], [np.sqrt(2), np.sqrt(2)], rtol=1e-6)


def test_a_generator_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="makes examples of shape"):
        small_method(None, {}).init(jax.random.key(0), {"x": jnp.zeros((2, 8, 8, 1))})
