"""Flow contrastive estimation between Gaussians, where value, accuracy and optimum are known."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.scipy.special import ndtri

from ebmjax.flows import Flow, latent_log_prob
from ebmjax.methods.base import step_key
from ebmjax.methods.flow_contrastive import Model, flow_contrastive, value
from ebmjax.objectives import make_rule

LOG_2PI = float(np.log(2 * np.pi))


def affine_decode(p, z):
    return p["shift"] + jnp.exp(p["log_scale"]) * z, jnp.full(z.shape[0], jnp.sum(p["log_scale"]))


def affine_encode(p, x):
    return (x - p["shift"]) * jnp.exp(-p["log_scale"]), jnp.full(x.shape[0], -jnp.sum(p["log_scale"]))


START = {"shift": jnp.zeros(1), "log_scale": jnp.zeros(1)}
AFFINE = Flow((1,), lambda key, x: START, affine_encode, affine_decode)


class Quadratic(nn.Module):
    """E(x) = θ ||x||² / 2, with the parameter θ starting at 1."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * self.param("theta", nn.initializers.ones, ()) * jnp.sum(x**2, axis=1)


def optimizers(rate=0.01, groups=("energy", "log_normalizer", "flow")):
    return {group: optax.adam(rate) for group in groups}


def model_of(net, flow=AFFINE):
    return Model(net, flow, make_rule(0.6), label_weight=0.0, num_levels=None)


GAUSSIAN = model_of(lambda p, x: 0.5 * p["theta"] * jnp.sum(x**2, axis=1))
QUANTILES = ndtri((jnp.arange(20_000) + 0.5) / 20_000)[:, None]
STANDARD = {"energy": {"theta": jnp.ones(())}, "log_normalizer": jnp.asarray(0.5 * LOG_2PI), "flow": START}


@pytest.mark.parametrize(
    ("delta", "expected", "accuracy"),
    [(0.0, -2 * np.log(2), 0.5), (0.5, -1.32567, 0.5987), (1.0, -1.16345, 0.6915), (2.0, -0.71263, 0.8413)],
)
def test_value_of_the_true_energy(delta, expected, accuracy):
    """E the truth N(0, 1), flow N(δ, 1): V = 2 JSD - 2 log 2 and accuracy Φ(δ / 2), by equidistant quantiles."""
    params = STANDARD | {"flow": START | {"shift": jnp.array([delta])}}
    v, metrics = value(GAUSSIAN, params, QUANTILES, QUANTILES)
    assert abs(v - expected) < 2e-5
    assert abs(metrics["accuracy"] - accuracy) < 2e-4


def test_a_constant_moves_between_energy_and_normaliser():
    """E + k and c - k have the same V; dV/dc = -E_data[σ(-r)] + E_q[σ(r)]."""
    params = STANDARD | {"flow": START | {"shift": jnp.array([0.8])}}
    x, z = QUANTILES[::50], QUANTILES[::40]
    shifted = model_of(lambda p, x: GAUSSIAN.net(p, x) + 3.0)
    moved = params | {"log_normalizer": params["log_normalizer"] - 3.0}
    np.testing.assert_allclose(value(shifted, moved, x, z)[0], value(GAUSSIAN, params, x, z)[0], rtol=1e-5)
    slope = jax.grad(lambda c: value(GAUSSIAN, params | {"log_normalizer": c}, x, z)[0])(params["log_normalizer"])
    at_data, at_noise = GAUSSIAN.logits(params, x, z)
    np.testing.assert_allclose(
        slope, jnp.mean(jax.nn.sigmoid(at_noise)) - jnp.mean(jax.nn.sigmoid(-at_data)), atol=1e-6
    )


def bent(p, z):
    """x_0 = e^(p z_0), x_1 = e^(p z_0) z_1 + p z_0²."""
    grow = jnp.exp(p * z[:, 0])
    return jnp.stack([grow, grow * z[:, 1] + p * z[:, 0] ** 2], 1), 2 * p * z[:, 0] + jnp.log(p)


def unbent(p, x):
    first = jnp.log(x[:, 0]) / p
    return jnp.stack([first, (x[:, 1] - p * first**2) / x[:, 0]], 1), -2 * p * first - jnp.log(p)


def test_gradient_of_the_flow():
    """∂V/∂α through both its paths is the finite difference with the same z; decoding gives log q as encoding does."""
    with jax.enable_x64(True):
        flow = Flow((2,), lambda key, x: 0.7, unbent, bent)
        model = model_of(lambda p, x: jnp.sum(jnp.tanh(x) * p, axis=1), flow)
        x, z = (
            bent(0.5, jax.random.normal(jax.random.key(0), (40, 2)))[0],
            jax.random.normal(jax.random.key(1), (30, 2)),
        )
        params = lambda a: {"energy": jnp.array([0.4, -0.3]), "log_normalizer": jnp.array(0.2), "flow": a}
        v = jax.jit(lambda a: value(model, params(a), x, z)[0])
        a, h = jnp.array(0.7), 1e-5
        slope = float(jax.grad(v)(a))
        np.testing.assert_allclose(slope, (v(a + h) - v(a - h)) / (2 * h), rtol=1e-6)
        y, log_det = bent(a, z)
        np.testing.assert_allclose(latent_log_prob(z) - log_det, flow.log_prob(a, y), atol=1e-10)
        # Without the path through the samples it would be another gradient.
        re_encoded = lambda a: jnp.mean(jax.nn.log_sigmoid(-(model.log_prob(params(0.7), y) - flow.log_prob(a, y))))
        at_data = lambda a: jnp.mean(jax.nn.log_sigmoid(model.log_prob(params(0.7), x) - flow.log_prob(a, x)))
        assert abs(jax.grad(lambda a: re_encoded(a) + at_data(a))(a) - slope) > 0.05 * abs(slope)


def run(method, x, num_steps):
    state = method.init(jax.random.key(0), {"x": x})

    def step(state, _):
        new, metrics = method.train_step(state, {"x": x})
        changed = {group: jnp.any(ravel(new.params[group]) != ravel(state.params[group])) for group in state.params}
        return new, (new.params, metrics, changed)

    return jax.jit(lambda s: jax.lax.scan(step, s, None, length=num_steps))(state)


def ravel(tree):
    return jnp.concatenate([jnp.ravel(a) for a in jax.tree.leaves(tree)])


@pytest.mark.slow
def test_noise_contrastive_estimation_is_consistent():
    """Data N(0, 1.3²), a frozen flow N(0, 2²): θ -> 1 / 1.69 and c -> log(2π · 1.69) / 2 = 1.181 from mean r = 0."""
    frozen = START | {"log_scale": jnp.log(jnp.array([2.0]))}
    rates = optimizers(0.01, ("energy", "log_normalizer"))
    method = flow_contrastive(Quadratic(), AFFINE, optimizers=rates, flow_params=frozen, threshold=1.1)
    x = 1.3 * QUANTILES[::5]
    start = method.init(jax.random.key(0), {"x": x})
    at_both = [
        jnp.mean(method.functions["log_ratio"](start, y)) for y in (x, method.sample(start, jax.random.key(5), 4000))
    ]
    assert abs(sum(at_both)) < 0.1  # other draws than those of `init`, whose mean r has sd .03
    state, (params, metrics, changed) = run(method, x, 400)
    # Averaged over 200 batches of 4,000: errors below .005, beside Adam's jitter of .01.
    assert abs(jnp.mean(params["energy"]["theta"][200:]) - 1 / 1.69) < 0.02
    assert abs(jnp.mean(params["log_normalizer"][200:]) - 1.1813) < 0.02
    assert not np.any(changed["flow"]) and metrics["num_energy_updates"].sum() == 400
    averaged = {"theta": jnp.mean(params["energy"]["theta"][200:])}
    averaged = state._replace(params=state.params | {"energy": averaged})
    found, error, _, _ = method.functions["log_normalizer"](averaged, jax.random.key(3))
    assert abs(jnp.mean(params["log_normalizer"][200:]) - found) < 3 * jnp.hypot(error, 0.005)  # c and log Z
    found, error, _, _ = method.functions["log_normalizer"](state, jax.random.key(3))
    assert abs(found - 0.5 * (LOG_2PI - jnp.log(state.params["energy"]["theta"]))) < 4 * error < 0.05


def test_the_flow_finds_the_data_of_a_true_energy():
    """E the truth N(0, 1) and fixed: a flow from N(1, e) comes to N(0, 1), where V = -2 log 2."""
    start = {"shift": jnp.ones(1), "log_scale": 0.5 * jnp.ones(1)}
    method = flow_contrastive(
        Quadratic(), AFFINE, optimizers=optimizers(0.02, ("flow",)), flow_params=start, threshold=0.0
    )
    state = method.init(jax.random.key(0), {"x": QUANTILES[::20]})
    state = state._replace(params=state.params | {"log_normalizer": jnp.asarray(0.5 * LOG_2PI)})
    step = jax.jit(
        lambda s: jax.lax.scan(lambda s, _: method.train_step(s, {"x": QUANTILES[::20]}), s, None, length=400)
    )
    state, metrics = step(state)
    # Batches of 1,000: mean and log-scale of its samples have sd .03 and .02, and the learned ones follow them.
    assert abs(state.params["flow"]["shift"][0]) < 0.08 and abs(state.params["flow"]["log_scale"][0]) < 0.08
    assert metrics["value"][1] > metrics["value"][-1] and abs(metrics["value"][-1] + 2 * np.log(2)) < 0.01


@pytest.mark.slow
def test_alternation():
    """Never both; with threshold 0 and a floor the energy exactly every fourth time; above 1 the flow never."""
    for threshold, energy_every, expected in ((1.1, 0, 12), (0.0, 4, 3)):
        options = {"threshold": threshold, "energy_every": energy_every}
        method = flow_contrastive(Quadratic(), AFFINE, optimizers=optimizers(), **options)
        _, (_, metrics, changed) = run(method, 2 * QUANTILES[::100], 12)
        assert metrics["num_energy_updates"].sum() == expected
        energy = metrics["num_energy_updates"] == 1
        np.testing.assert_array_equal(changed["energy"], energy)
        np.testing.assert_array_equal(changed["flow"], ~energy)
        np.testing.assert_array_equal(metrics["grad_norm_flow"] == 0, energy)


class Logits(nn.Module):
    """w (x, -x), so that E(x) = -log 2 cosh w x."""

    @nn.compact
    def __call__(self, x):
        return self.param("w", nn.initializers.constant(0.6), ()) * jnp.concatenate([x, -x], axis=1)


def test_an_update_of_each_by_hand():
    """The energy and c go up V and down the weighted cross entropy of the labelled; then the flow goes down V alone."""
    rate, weight = 0.2, 3.0
    rates = {group: optax.sgd(rate) for group in ("energy", "log_normalizer", "flow")}
    start = {"shift": jnp.array([0.4]), "log_scale": jnp.array([0.3])}
    options = {"flow_params": start, "threshold": 0.0, "label_weight": weight}
    method = flow_contrastive(Logits(), AFFINE, optimizers=rates, **options)
    x = np.array([-1.2, 0.3, 0.8, 2.0])
    labelled = {"x": jnp.array([[-2.0], [1.0]]), "label": jnp.array([1, 1])}
    batch = {"x": jnp.asarray(x, jnp.float32)[:, None], "labelled": labelled}
    compiled = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    state, step = compiled(method.init)(jax.random.key(0), batch), compiled(method.train_step)

    def objective(numbers, z):
        w, c, shift, log_scale = numbers
        log_q = lambda x: -0.5 * ((x - shift) / np.exp(log_scale)) ** 2 - log_scale - 0.5 * LOG_2PI
        r = lambda x: np.log(2 * np.cosh(w * x)) - c - log_q(x)
        v = -np.mean(np.logaddexp(0, -r(x))) - np.mean(np.logaddexp(0, r(shift + np.exp(log_scale) * z)))
        return v, np.mean(np.logaddexp(0, 2 * w * np.array([-2.0, 1.0])))  # V, cross entropy of the second class

    flat = lambda p: np.array([p["energy"]["w"], p["log_normalizer"], p["flow"]["shift"][0], p["flow"]["log_scale"][0]])
    for of_energy in (True, False):
        z = np.asarray(jax.random.normal(jax.random.split(step_key(state))[1], (4, 1)), float)[:, 0]
        before = flat(state.params).astype(float)
        differences = [np.subtract(objective(before + h, z), objective(before - h, z)) for h in 1e-4 * np.eye(4)]
        of_v, of_labels = np.array(differences).T / 2e-4
        moves = np.where(np.arange(4) < 2, of_v - weight * of_labels, 0) if of_energy else -of_v * (np.arange(4) > 1)
        value, cross_entropy = objective(before, z)
        state, metrics = step(state, batch)
        np.testing.assert_allclose(flat(state.params) - before, rate * moves, rtol=1e-3, atol=1e-5)
        assert np.sum(np.abs(moves) > 0.02) == 2
        assert float(metrics["value"]) == pytest.approx(value, rel=1e-4)
        assert float(metrics["cross_entropy"]) == pytest.approx(cross_entropy, rel=1e-4)
        assert metrics["num_energy_updates"] == of_energy
    logits = method.functions["class_logits"](state, batch["x"])
    energy = method.functions["energy"](state, batch["x"])
    np.testing.assert_allclose(energy, -jax.nn.logsumexp(logits, axis=1), rtol=1e-5)
    with pytest.raises(ValueError, match="needs labels"):
        method.train_step(state, {"x": batch["x"]})


def test_bad_settings_are_refused():
    for options in ({"threshold": -0.1}, {"decay": 1.0}, {"energy_every": -1}):
        with pytest.raises(ValueError, match="alternating updates need"):
            flow_contrastive(Quadratic(), AFFINE, optimizers={}, **options)
    with pytest.raises(ValueError, match="label_weight = -1 must be"):
        flow_contrastive(Quadratic(), AFFINE, optimizers={}, label_weight=-1)
    with pytest.raises(ValueError, match="the data have"):
        flow_contrastive(Quadratic(), AFFINE, optimizers={}).init(jax.random.key(0), {"x": jnp.zeros((4, 3))})
