"""The tilted flow where everything is known: linear and quadratic energies over Gaussian and log-normal backbones."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.energies import pullback
from ebmjax.flows import Flow
from ebmjax.mcmc import Chain, adapt_step_size, hmc, independence_mh, make_bank, sign_rule
from ebmjax.methods import backbone_of_decoder, backbone_of_flow, flow_backbone

NO_DET = lambda x: jnp.zeros(x.shape[0], x.dtype)
NORMAL = Flow((1,), lambda key, x: {}, lambda p, x: (x, NO_DET(x)), lambda p, z: (z, NO_DET(z)))
LOG_NORMAL = Flow(
    (1,), lambda key, x: {}, lambda p, x: (jnp.log(x), -jnp.log(x[:, 0])), lambda p, z: (jnp.exp(z), z[:, 0])
)
CHAIN = Chain(partial(hmc, step_size=0.8, num_leapfrog=2), 5)


class Tilt(nn.Module):
    """E(x) = -a t(x), the parameter a starting at 0; t by name."""

    statistic: str = "x"

    @nn.compact
    def __call__(self, x):
        t = {"x": x, "log": jnp.log(x), "square": -0.5 * x**2}[self.statistic]
        return -self.param("a", nn.initializers.zeros, ()) * jnp.sum(t, axis=1)


def built(statistic="x", flow=NORMAL, optimizers=None, chain=CHAIN, **options):
    return flow_backbone(
        Tilt(statistic), backbone_of_flow(flow, {}), chain=chain, optimizers=optimizers or {}, **options
    )


def with_tilt(method, a):
    state = method.init(jax.random.key(0), {"x": jnp.ones((8, 1))})
    return state._replace(params=state.params | {"energy": {"a": jnp.asarray(a, jnp.float32)}})


def bent(p, z):
    """x_0 = e^(z_0 / 2), x_1 = e^(z_0) z_1 + z_0²."""
    return jnp.stack([jnp.exp(z[:, 0] / 2), jnp.exp(z[:, 0]) * z[:, 1] + z[:, 0] ** 2], 1), 1.5 * z[:, 0] + jnp.log(0.5)


def unbent(p, x):
    z = 2 * jnp.log(x[:, 0])
    return jnp.stack([z, (x[:, 1] - z**2) * jnp.exp(-z)], 1), -1.5 * z - jnp.log(0.5)


@pytest.mark.slow
def test_latent_and_data_energy_are_one_model():
    """U(z) + (dim / 2) log 2π = E(x) - log q(x) - log|det ∂x/∂z| at x = g(z), and so do the gradients (float64)."""
    with jax.enable_x64(True):
        method = flow_backbone(
            nn.Sequential([nn.Dense(7), nn.tanh, nn.Dense(1), partial(jnp.squeeze, axis=1)]),
            backbone_of_flow(Flow((2,), lambda key, x: {}, unbent, bent), {}),
            chain=CHAIN,
            optimizers={},
        )
        z = jax.random.normal(jax.random.key(1), (20, 2), jnp.float64)
        state = method.init(jax.random.key(0), {"x": z})
        state = state._replace(params=jax.tree.map(lambda a: a.astype(jnp.float64), state.params))
        latent, data = (partial(method.functions[f"{space}_energy"], state) for space in ("latent", "data"))
        pulled = pullback(data, partial(bent, {}))
        np.testing.assert_allclose(latent(z) + jnp.log(2 * jnp.pi), pulled(z), atol=1e-8)
        grad = lambda u: jax.grad(lambda y: jnp.sum(u(y)))(z)
        np.testing.assert_allclose(grad(latent), grad(pulled), atol=1e-8)
        assert np.std(method.functions["energy"](state, bent({}, z)[0])) > 0.1


@pytest.mark.parametrize(
    ("statistic", "flow", "a", "mean", "var", "log_z"),
    [
        ("x", NORMAL, 0.7, 0.7, 1.0, 0.245),  # N(a, 1), log Z = a² / 2
        ("square", NORMAL, 0.5, 0.0, 2 / 3, -0.5 * np.log(1.5)),  # N(0, 1 / (1 + a)), log Z = -log(1 + a) / 2
        ("log", LOG_NORMAL, 0.7, 0.7, 1.0, 0.245),  # z ~ N(a, 1) through g = exp
    ],
)
def test_closed_forms(statistic, flow, a, mean, var, log_z):
    num = 20_000
    method = built(statistic, flow)
    state = with_tilt(method, a)
    z = jax.jit(method.functions["sample_latent"], static_argnums=2)(state, jax.random.key(1), num)[:, 0]
    # Independent chains; five transitions of a trajectory of 1.6, near π / 2, forget their start.
    assert abs(np.mean(z) - mean) < 4 * np.sqrt(var / num)
    assert abs(np.var(z) / var - 1) < 4 * np.sqrt(2 / num)
    found, error, _, _ = jax.jit(method.functions["log_normalizer"], static_argnums=2)(state, jax.random.key(2), num)
    assert abs(found - log_z) < 4 * error < 0.05
    anneal = partial(method.functions["annealed_log_normalizer"], num_chains=1000)
    found, error, _, _ = jax.jit(anneal)(state, jax.random.key(3), betas=jnp.linspace(0, 1, 11))
    assert abs(found - log_z) < 4 * error < 0.05
    x = jnp.array([[0.5], [2.0]])
    log_p = method.functions["log_likelihood"](state, jax.random.key(4), x)
    z = np.asarray(flow.encode({}, x)[0][:, 0])
    exact = -0.5 * (z - mean) ** 2 / var - 0.5 * np.log(2 * np.pi * var) + np.asarray(flow.encode({}, x)[1])
    np.testing.assert_allclose(log_p, exact, atol=0.05)  # 4 errors of log Z at 10,000 samples


def test_likelihood_of_a_tilted_normal():
    """log q - E - log Z: N(0, 1) tilted by -.7 x is N(.7, 1), from whichever signs of E and of log Z."""
    method, x = built(), jnp.array([[0.5], [-2.0]])
    log_likelihood = jax.jit(partial(method.functions["log_likelihood"], num_samples=20_000))
    found = log_likelihood(with_tilt(method, 0.7), jax.random.key(4), x)
    exact = -0.5 * (np.asarray(x)[:, 0] - 0.7) ** 2 - 0.5 * np.log(2 * np.pi)
    # Weights exp(.7 z) have a relative standard deviation of √(e^.49 - 1) = .8: four errors of their mean.
    np.testing.assert_allclose(found, exact, atol=4 * 0.8 / np.sqrt(20_000))


def test_without_energy_the_backbone_proposes_its_own_law():
    """E = 0: the flow is an independence proposal that is always accepted; else acceptance depends on E alone."""
    method = built()
    propose = dict(sample=lambda key, num: NORMAL.sample({}, key, num), log_prob=lambda x: NORMAL.log_prob({}, x))
    x = jnp.linspace(-1, 1, 500)[:, None]
    for a, expected in ((0.0, 1.0), (0.5, None)):
        state = with_tilt(method, a)
        kernel = independence_mh(partial(method.functions["data_energy"], state), **propose)
        chain = kernel.init(x)
        new, info = kernel.step(jax.random.key(1), chain)
        if expected is not None:
            np.testing.assert_allclose(info.acceptance_rate, 1.0, atol=1e-6)
        else:
            moved = np.asarray(new.position[:, 0] != x[:, 0])
            rate = np.minimum(1, np.exp(a * np.asarray(new.position - x)[:, 0]))
            np.testing.assert_allclose(np.asarray(info.acceptance_rate)[moved], rate[moved], atol=1e-5)


def learn(method, x, num_steps=150):
    """Parameters averaged over the second half of the training on one batch, and the last state and metrics."""
    state = method.init(jax.random.key(0), {"x": x})

    def step(state, _):
        state, metrics = method.train_step(state, {"x": x})
        learned = {k: v for k, v in state.params.items() if k != "flow"}
        return state, (learned, metrics)

    state, (learned, metrics) = jax.jit(lambda s: jax.lax.scan(step, s, None, length=num_steps))(state)
    return state, jax.tree.map(lambda v: float(v[num_steps // 2 :].mean()), learned), metrics


DATA = 0.6 + jax.random.normal(jax.random.key(9), (1024, 1))


def adapting(step_size=0.05):
    make = partial(hmc, num_leapfrog=2, jitter=0)  # else the median over lengths would follow the target
    kernel = partial(adapt_step_size, make_kernel=make, step_size=step_size, target=0.8, rule=sign_rule())
    return Chain(kernel, 3)


@pytest.mark.slow
@pytest.mark.parametrize("chains", [None, make_bank(2048, 512)], ids=["fresh", "persistent"])
def test_maximum_likelihood_tilt(chains):
    """q = N(0, 1), E = -a x: the maximum-likelihood a is the mean of the data; the backbone stays as it is."""
    flow = NORMAL._replace(decode=lambda p, z: (z + p["shift"], NO_DET(z)))
    method = flow_backbone(
        Tilt(),
        backbone_of_flow(flow, {"shift": jnp.zeros(1)}),
        chain=CHAIN if chains is None else adapting(0.8),
        optimizers={"energy": optax.sgd(0.2)},
        chains=chains,
    )
    state, learned, metrics = learn(method, DATA)
    # An update has sd 0.2 / √512 = .009; averages over 75 steps of them, correlated over 1 / 0.2 steps: .005, and
    # persistent chains add about as much.
    assert abs(learned["energy"]["a"] - jnp.mean(DATA)) < 0.04
    np.testing.assert_array_equal(state.params["flow"]["shift"], [0.0])
    assert metrics["energy_gap"][0] < 0.05 and 0.9 < metrics["latent_mean_square"][-1] < 1.9
    if chains is None:
        assert state.extra == {}
        return
    assert state.extra["chains"].shape == (2048, 1)
    assert state.extra["adapt"].count == 450  # three transitions a step, over all steps
    assert method.sample(state, jax.random.key(1), 7).shape == (7, 1)
    assert method.functions["sample_latent"](state, jax.random.key(1), 5).shape == (5, 1)


def test_the_step_size_follows_its_target():
    method = built(optimizers={"energy": optax.sgd(0.0)}, chain=adapting())
    state, _, metrics = learn(method, DATA, 120)
    # From .05, where all is accepted, by 2 % a transition; the rate of a batch of 1024 has sd below .01.
    assert metrics["acceptance_rate"][0] > 0.99
    assert abs(np.mean(metrics["acceptance_rate"][-30:]) - 0.8) < 0.05


@pytest.mark.slow
def test_noise_contrastive_tilt():
    """Data N(0.6, 1) against q = N(0, 1): a -> 0.6 and c -> log Z = a² / 2, without any chain."""
    adam = {group: optax.adam(0.02) for group in ("energy", "log_normalizer")}
    state, learned, metrics = learn(built(optimizers=adam, objective="noise_contrastive"), DATA, 400)
    mean = float(jnp.mean(DATA))
    # The logistic estimate from 1,024 data and 200 averaged batches of noise: sd about .05 for a, .03 for c.
    assert abs(learned["energy"]["a"] - mean) < 0.15
    assert abs(learned["log_normalizer"] - learned["energy"]["a"] ** 2 / 2) < 0.08
    assert 0.5 < metrics["accuracy"][-1] < 0.7
    method = built(objective="noise_contrastive", optimizers=adam)
    assert method.sample(state, jax.random.key(1), 3).shape == (3, 1)


def test_a_decoder_as_the_backbone():
    """x = 2 z + 1 by a Dense layer, E = -a x: z ~ N(2 a, 1), with log Z = 2 a² + a; no density of x is claimed."""
    params = {"kernel": jnp.array([[2.0]]), "bias": jnp.array([1.0])}
    backbone = backbone_of_decoder(nn.Dense(1), params, 1)
    method = flow_backbone(Tilt(), backbone, chain=CHAIN, optimizers={})
    state = with_tilt(method, 0.4)
    assert set(state.params) == {"energy", "generator"}
    assert not {"data_energy", "log_likelihood"} & set(method.functions)
    x = method.sample(state, jax.random.key(1), 4000)
    assert abs(jnp.mean(x) - 2.6) < 4 * 2 / np.sqrt(4000)
    found, error, _, _ = method.functions["log_normalizer"](state, jax.random.key(2), 20_000)
    assert abs(found - 0.72) < 4 * error < 0.05


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="objective = 'nce' must be one of"):
        built(objective="nce")
    with pytest.raises(ValueError, match="do not fit"):
        built(optimizers={"flow": optax.sgd(0.1)})
    with pytest.raises(ValueError, match="do not fit"):
        built(objective="noise_contrastive", optimizers={"energy": optax.sgd(0.1)})
    with pytest.raises(ValueError, match="the data have"):
        built().init(jax.random.key(0), {"x": jnp.zeros((4, 3))})
