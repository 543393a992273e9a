"""Multi-layer short-run inference on linear generators, which are one layer with composite weights in the end.

z1 = A h2 + D e1,  x = B z1:  x = W (z1, z2) + noise with W = B [D, A],  posterior precision Λ = I + Wᵀ W / σ²
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import StepSizeSearch, abp, multilayer_short_run
from ebmjax.methods.base import step_key
from ebmjax.methods.step_size_search import slope
from ebmjax.nets import MLPGenerator, MultilayerMLPGenerator

SIGMA = 0.6


class LinearLayers(nn.Module):
    """The generator above, with z1 scaled by D: parameters Dense_0 (A), Dense_1 (B)."""

    @nn.compact
    def __call__(self, z):
        h = nn.Dense(2, use_bias=False)(z["z2"]) + jnp.array([0.5, 1.5]) * z["z1"]
        return nn.Dense(2, use_bias=False)(h)


A = np.array([[0.8, -0.3]])
B = np.array([[1.0, 0.2], [-0.4, 0.7]])
W = np.concatenate([np.diag([0.5, 1.5]) @ B, A @ B]).T  # columns: the two of z1, then z2
PRECISION = np.eye(3) + W.T @ W / SIGMA**2
X = np.array([[0.9, -1.3], [0.1, 0.6]])


def linear_method(num_steps, step_size, **options):
    method = multilayer_short_run(
        LinearLayers(),
        make_kernel=langevin,
        num_steps=num_steps,
        step_size=step_size,
        optimizers={},
        sigma=SIGMA,
        latent_dim={"z1": 2, "z2": 1},
        **options,
    )
    state = method.init(jax.random.key(0), {"x": jnp.asarray(X)})
    generator = {"Dense_0": {"kernel": jnp.asarray(A)}, "Dense_1": {"kernel": jnp.asarray(B)}}
    return method, state._replace(params=state.params | {"generator": generator})


def closed_forms(num_steps, s):
    """(log p(x), divergence with fixed noise, marginal divergence) of each row of X."""
    variances, axes = np.linalg.eigh(PRECISION)
    mean = np.linalg.solve(PRECISION, W.T @ X.T / SIGMA**2).T @ axes
    a = 1 - s**2 * variances / 2
    law = a ** (2 * num_steps) + s**2 * (1 - a ** (2 * num_steps)) / (1 - a**2)
    error = variances * law + variances * a ** (2 * num_steps) * mean**2 - 1
    divergences = [0.5 * np.sum(error - np.log(variances) - np.log(v), axis=1) for v in (a ** (2 * num_steps), law)]
    cov = W @ W.T + SIGMA**2 * np.eye(2)
    log_p = -0.5 * np.einsum("bi,ij,bj->b", X, np.linalg.inv(cov), X) - 0.5 * np.linalg.slogdet(2 * np.pi * cov)[1]
    return log_p, *divergences


def test_divergences_of_composite_weights():
    """KL(q || p(z | x)) - log p(x), averaged over two examples, for both objectives; -log p(x) is their lower bound."""
    num_steps, s = 4, 0.3
    method, state = linear_method(num_steps, s)
    log_p, fixed, marginal = closed_forms(num_steps, s)
    found = jax.jit(method.functions["divergence"], static_argnums=(3, 4))
    x, key = jnp.asarray(X), jax.random.key(1)
    # U(z_K) has a standard deviation of 2.1 at most, over √10,000 chains.
    assert abs(found(state, key, x, "fixed_noise", 5000) - np.mean(fixed - log_p)) < 4 * 2.1 / np.sqrt(10_000)
    value = found(state, key, x, "marginal", 5000)
    assert abs(value - np.mean(marginal - log_p)) < 4 * 2.1 / np.sqrt(10_000)
    assert -np.mean(log_p) < value


def test_the_bound_is_tight_where_the_chain_is_long():
    """Then its law is the posterior, and the marginal divergence -log p(x), .02 nats of bias of the step apart."""
    method, state = linear_method(150, 0.15)
    log_p, _, marginal = closed_forms(150, 0.15)
    assert np.max(marginal) < 0.03
    found = jax.jit(method.functions["divergence"], static_argnums=(3, 4))
    value = found(state, jax.random.key(1), jnp.asarray(X), "marginal", 5000)
    # U(z_K) has a standard deviation of √(3 / 2), over √10,000 chains.
    assert abs(value - np.mean(marginal - log_p)) < 4 * 1.3 / np.sqrt(10_000)


def test_an_estimated_determinant_serves_the_published_objective():
    method, state = linear_method(4, 0.3)
    found = jax.jit(method.functions["divergence"], static_argnums=(3, 4, 5))
    exact, estimate = (found(state, jax.random.key(1), jnp.asarray(X), "fixed_noise", 2000, n) for n in (0, 12))
    # The signs' part of a step's variance is 2 Σ_{i≠j} (s² Λ_ij / 2)² / (1 - ρ)² or less: below .5 a chain.
    assert exact != estimate and abs(exact - estimate) < 4 * 0.7 / np.sqrt(4000)


def test_likelihood_of_composite_weights():
    """Importance sampling through chains of pytrees, with their Jacobian, estimates log N(x; 0, W Wᵀ + σ² I)."""
    method, state = linear_method(3, {"z1": 0.25, "z2": 0.3})
    x = jnp.asarray(np.repeat(X, 20, axis=0))
    estimate = jax.jit(method.functions["short_run_likelihood_estimate"], static_argnames="num_samples")
    found = estimate(state, jax.random.key(0), x, num_samples=2000)
    found = np.asarray(found.log_mean).reshape(2, 20)
    assert np.max(np.std(found, axis=1)) < 0.1
    np.testing.assert_allclose(np.mean(found, axis=1), closed_forms(1, 0.1)[0], atol=0.05)


@pytest.mark.parametrize("width", [0.0, 0.15])
def test_the_slope_of_each_layer(width):
    """3 a + 2 b² at (0, 1): 3 and 4, by derivatives or by differences; 0 where it is not finite."""
    at = {"a": jnp.float32(0.0), "b": jnp.float32(1.0)}
    found = slope(lambda s: 3 * s["a"] + 2 * s["b"] ** 2, at, width)
    assert (float(found["a"]), float(found["b"])) == pytest.approx((3, 4), rel=1e-4)
    found = slope(lambda s: jnp.sqrt(s["a"] - 1) + s["b"], at, width)
    assert found["a"] == 0


FIELDS = {"every": 2, "num_examples": 3, "num_chains": 4}
COMPILED = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
ROWS = {"x": jnp.asarray(np.linspace(-2, 2, 5)[:, None], jnp.float32)}


def searching(search, optimizers):
    method = multilayer_short_run(
        nn.Dense(1),
        make_kernel=langevin,
        num_steps=2,
        step_size=0.3,
        optimizers=optimizers,
        sigma=0.8,
        latent_dim=1,
        search=search,
    )
    return method, method.init(jax.random.key(0), ROWS)._replace(step=jnp.int32(1)), COMPILED(method.train_step)


@pytest.fixture(scope="module")
def measure():
    """The divergence of the batch's first rows as a function of log s, at the step where a search is due."""
    method, state, _ = searching(None, {})
    key = jax.random.split(step_key(state))[1]
    at = lambda log_s: state._replace(params=state.params | {"log_step_size": log_s})
    of = COMPILED(lambda log_s: method.functions["divergence"](at(log_s), key, ROWS["x"][:3], "marginal", 4))
    return lambda s: float(of(jnp.float32(np.log(s))))


def test_a_search_by_slope(measure):
    """Due in every other step: log s goes down the slope of the divergence, by differences."""
    rates = {"log_step_size": optax.sgd(0.05)}
    _, state, step = searching(StepSizeSearch(width=0.1, **FIELDS), rates)
    found = step(state, ROWS)[0].params["log_step_size"]
    start = np.log(0.3)
    expected = start - 0.05 * (measure(0.3 * np.exp(0.1)) - measure(0.3 * np.exp(-0.1))) / 0.2
    assert float(found) == pytest.approx(expected, abs=1e-5)
    assert abs(expected - start) > 1e-3
    not_due = step(state._replace(step=jnp.int32(2)), ROWS)[0].params["log_step_size"]
    assert not_due == state.params["log_step_size"]


def test_a_search_over_a_grid(measure):
    grid = (0.05, 0.2, 0.8, 1.2)
    _, state, step = searching(StepSizeSearch(grid=grid, **FIELDS), {})
    best = grid[int(np.argmin([measure(s) for s in grid]))]
    assert float(step(state, ROWS)[1]["step_size"]) == pytest.approx(best, rel=1e-5)
    assert best in (0.2, 0.8)


@pytest.mark.parametrize("objective, best, width", [("fixed_noise", 0.073315, 0.1), ("marginal", 0.183219, 0.0)])
def test_step_size_is_learned(objective, best, width):
    """x = 2 z + e (λ = 5), K = 5: the optima averaged over data of the model, by grid and by gradient."""
    x = 2.2360680 * jax.random.normal(jax.random.key(2), (1024, 1))  # variance 4 + 1
    x *= 2.2360680 / jnp.std(x)
    build = lambda optimizers, grid: multilayer_short_run(
        nn.Dense(1),
        make_kernel=langevin,
        num_steps=5,
        step_size=0.15,
        optimizers=optimizers,
        sigma=1.0,
        latent_dim=1,
        search=StepSizeSearch(objective, every=1, grid=grid, width=width, num_examples=1024, num_chains=16),
    )
    params = {"generator": {"kernel": jnp.full((1, 1), 2.0), "bias": jnp.zeros(1)}}

    def learned(method, num_steps):
        state, step = method.init(jax.random.key(0), {"x": x}), jax.jit(method.train_step)
        state = state._replace(params=state.params | params)
        trace = [(state := step(state, {"x": x})[0]).params["log_step_size"] for _ in range(num_steps)]
        return np.exp(2 * np.asarray(trace))

    grid = tuple(np.sqrt([0.03, 0.05, 0.0733, 0.115, 0.1832, 0.29]))
    np.testing.assert_allclose(learned(build({}, grid), 1), best, rtol=1e-2)
    # Drawn noise, another one each step, whose effect the falling learning rate averages: about 1 % of s² is left.
    adam = optax.adam(optax.cosine_decay_schedule(0.1, 80), b1=0.5)
    np.testing.assert_allclose(learned(build({"log_step_size": adam}, ()), 80)[-1], best, rtol=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("start", [0.05, 0.8])
def test_the_start_of_the_search_is_forgotten(start):
    """From chains that hardly move, and from chains thrown about by a tanh generator: to the same step size."""
    method = multilayer_short_run(
        MLPGenerator((6,), (16,)),
        make_kernel=langevin,
        num_steps=8,
        step_size=start,
        optimizers={"log_step_size": optax.adam(optax.cosine_decay_schedule(0.3, 60, 0.05), b1=0.5)},
        sigma=0.15,
        latent_dim=2,
        search=StepSizeSearch(every=1, num_examples=8, num_chains=32),
    )
    x = jnp.tanh(jax.random.normal(jax.random.key(3), (8, 6)))
    state, step = method.init(jax.random.key(0), {"x": x}), jax.jit(method.train_step)
    for _ in range(60):
        state, metrics = step(state, {"x": x})
    # The closing learning rate leaves .3 · .05 at most; both ended within .5 % of each other, at .110.
    assert float(metrics["step_size"]) == pytest.approx(0.11, rel=0.05)


def test_one_layer_without_a_search_is_a_cold_start():
    """Same keys, same generator: the updates of alternating back-propagation without a bank."""
    x = {"x": jax.random.uniform(jax.random.key(5), (8, 4, 4, 1))}
    generator, adam = MLPGenerator((4, 4, 1), (16,)), {"generator": optax.adam(1e-2)}
    layered = multilayer_short_run(
        generator, make_kernel=langevin, num_steps=5, step_size=0.1, optimizers=adam, sigma=0.3, latent_dim=3
    )
    cold = abp(generator, chain=Chain(partial(langevin, step_size=0.1), 5), optimizers=adam, sigma=0.3, latent_dim=3)
    a, b = layered.init(jax.random.key(0), x), cold.init(jax.random.key(0), x)
    b = b._replace(rng_key=a.rng_key, params={"generator": a.params["generator"]})
    for _ in range(2):
        a, b = jax.jit(layered.train_step)(a, x)[0], jax.jit(cold.train_step)(b, x)[0]
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), a.params["generator"], b.params["generator"])
    assert float(a.params["log_step_size"]) == pytest.approx(np.log(0.1))


def test_functions_of_a_layered_generator():
    x = jax.random.uniform(jax.random.key(5), (8, 4, 4, 1))
    dims = {"z1": 4, "z2": 3}
    method = multilayer_short_run(
        MultilayerMLPGenerator((4, 4, 1), (16,)),
        make_kernel=partial(langevin, noise_scale=0),
        num_steps=5,
        step_size={"z1": 0.1, "z2": 0.2},
        optimizers={"generator": optax.adam(1e-3), "log_step_size": optax.adam(0.1)},
        sigma=0.3,
        latent_dim=dims,
        search=StepSizeSearch("marginal_diagonal", every=2, num_examples=4, num_chains=8),
    )
    state, key = method.init(jax.random.key(0), {"x": x}), jax.random.key(1)
    step = jax.jit(method.train_step)
    after_one, _ = step(state, {"x": x})
    assert method.functions["step_size"](after_one) == method.functions["step_size"](state)
    after_two, metrics = step(after_one, {"x": x})
    ratios = [after_two.params["log_step_size"][z] - after_one.params["log_step_size"][z] for z in dims]
    assert all(abs(abs(r) - 0.1) < 1e-3 for r in ratios)  # Adam's first step, of each layer by itself
    assert float(metrics["step_size"]) == pytest.approx(
        float(np.exp(np.mean(list(after_two.params["log_step_size"].values()))))
    )
    shapes = lambda name, *args: jax.tree.map(
        jnp.shape, jax.eval_shape(lambda: method.functions[name](state, key, *args))
    )
    assert shapes("encode", x) == {"z1": (8, 4), "z2": (8, 3)}
    assert shapes("inpaint", x, x > 0.5) == shapes("reconstruct", x) == x.shape
    z = method.functions["sample_latent"](state, key, 8)
    path = jax.jit(method.functions["interpolate"], static_argnums=3)(state, z, jax.tree.map(jnp.flip, z), 3)
    assert path.shape == (8, 3, 4, 4, 1)
    np.testing.assert_allclose(path[:, 0], method.functions["decode"](state, z), atol=1e-5)
    assert after_two.extra == {}  # inference carries nothing over
    assert jax.eval_shape(lambda: method.sample(state, key, 7)).shape == (7, 4, 4, 1)
    assert jax.eval_shape(lambda: method.evaluate(state, key, {"x": x}))["reconstruction_mse"].shape == (8,)


@pytest.mark.parametrize(
    "search, optimizers, expected",
    [
        (StepSizeSearch("elbo", grid=(0.1,)), {}, "must be one of marginal"),
        (StepSizeSearch(every=0, grid=(0.1,)), {}, "must be > 0"),
        (StepSizeSearch(grid=(0.1, -0.2)), {}, "must be > 0"),
        (StepSizeSearch(grid=(0.1,), width=-0.1), {}, "must be ≥ 0"),
        (StepSizeSearch(), {}, "give either a grid"),
        (StepSizeSearch(grid=(0.1,)), {"log_step_size": optax.sgd(0.1)}, "give either a grid"),
    ],
)
def test_a_search_that_cannot_be(search, optimizers, expected):
    with pytest.raises(ValueError, match=expected):
        multilayer_short_run(
            nn.Dense(1),
            make_kernel=langevin,
            num_steps=1,
            step_size=0.1,
            optimizers=optimizers,
            sigma=1.0,
            latent_dim=1,
            search=search,
        )
