"""The hypernetwork on two blobs: its gradient, what its parts see, that the entropy term makes weights diverse."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import direct_networks, hypernetwork
from ebmjax.methods.base import step_key
from ebmjax.methods.hypernetwork import split_batch
from ebmjax.nets import TARGETS, Code, HyperNet
from ebmjax.nets.gauge import fix_gauge

KEY = jax.random.key(0)
TARGET = TARGETS["mlp"]((2,), 2, widths=(5,))
NET = HyperNet(TARGET.layers, (Code(3, (16,)), Code(3, (16,), True)), (16,))
LABELS = np.random.RandomState(0).randint(0, 2, 64)
# The blobs are four standard deviations apart: the best classifier is right in 97.7 %.
X = np.random.RandomState(1).normal(size=(64, 2)).astype(np.float32) + np.where(LABELS[:, None] == 1, 2.0, -2.0)
BATCH = {"x": X.astype(np.float32), "label": LABELS.astype(np.int32)}


def build(optimizer, **options):
    fields = dict(latent_dim=4, num_latents=8, accuracy_weight=100.0) | options
    return hypernetwork(NET, TARGET, optimizers={"hypernet": optimizer}, **fields)


def trained(num_steps=300, **options):
    method = build(optax.adam(3e-3), **options)
    train = jax.jit(lambda s: jax.lax.scan(lambda s, _: method.train_step(s, BATCH), s, length=num_steps))
    state, metrics = train(jax.jit(method.init)(KEY, BATCH))
    return method, state, metrics


@pytest.fixture(scope="module")
def arms():
    return {"diverse": trained(), "plain": trained(entropy_weight=0.0)}


@pytest.mark.slow
def test_both_arms_classify_and_one_is_diverse(arms):
    """Both train; the entropy term raises the entropy of weights of fresh z, as estimated from 64 of them."""
    entropies = {}
    for name, (method, state, metrics) in arms.items():
        z = method.functions["latent"](state, jax.random.key(1), 64)
        weights = jax.jit(method.functions["generate"])(state, z)
        entropies[name] = jax.jit(method.functions["entropy"])(state, weights)
        found = jax.jit(method.evaluate)(state, KEY, BATCH)
        assert found["accuracy"].shape == found["cross_entropy"].shape == (64,)
        assert np.mean(found["accuracy"]) > 0.95
        assert np.all(np.isfinite(metrics["entropy"]))
    assert entropies["diverse"] > entropies["plain"] + 1.0  # the estimates' scatter is some .3 nats
    assert abs(float(jnp.max(z))) <= 1.0 and float(jnp.std(z)) == pytest.approx(3**-0.5, abs=0.05)


@pytest.fixture(scope="module")
def untrained():
    method = build(optax.sgd(1e-6))
    return method, jax.jit(method.init)(KEY, BATCH)


def test_the_entropy_is_blind_to_the_last_layers_scale(untrained):
    method, state = untrained
    weights = jax.jit(method.functions["generate"])(state, method.functions["latent"](state, KEY, 8))
    hot = weights | {"dense1": jax.tree.map(lambda a: 7.0 * a, weights["dense1"])}
    entropy = jax.jit(method.functions["entropy"])
    np.testing.assert_allclose(entropy(state, hot), entropy(state, weights), rtol=1e-4)


def test_samples_are_the_generated_weights(untrained):
    method, state = untrained
    rows = jax.jit(method.sample, static_argnums=2)(state, KEY, 3)
    assert rows.shape == (3, TARGET.num_weights) == (3, 27)
    weights = jax.jit(method.functions["generate"])(state, method.functions["latent"](state, KEY, 3))
    np.testing.assert_allclose(
        np.sort(rows), np.sort(np.concatenate([a.reshape(3, -1) for a in jax.tree.leaves(weights)], 1))
    )


class Linear(nn.Module):
    """θ = A z + c of a target of 12 weights."""

    @nn.compact
    def __call__(self, z, train=False):
        row = nn.Dense(12)(z)
        shapes = {"dense0": {"kernel": (2, 2), "bias": (2,)}, "dense1": {"kernel": (2, 2), "bias": (2,)}}
        leaves, places = jax.tree.flatten(shapes, is_leaf=lambda s: isinstance(s, tuple))
        parts = jnp.split(row, np.cumsum([int(np.prod(s)) for s in leaves])[:-1], axis=1)
        return places.unflatten([part.reshape(-1, *shape) for part, shape in zip(parts, leaves)])


TINY = TARGETS["mlp"]((2,), 2, widths=(2,))


def test_a_step_descends_the_objective():
    """λ · cross entropy - μ · H, each z on its part of the batch; z ~ U(-1, 1) and noise as the step draws them."""
    method = hypernetwork(
        Linear(),
        TINY,
        optimizers={"hypernet": optax.sgd(1.0)},
        latent_dim=4,
        num_latents=8,
        accuracy_weight=3.0,
        entropy_weight=0.5,
        input_noise=0.7,
    )
    compiled = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    state = compiled(method.init)(KEY, BATCH)
    z_key, noise_key = jax.random.split(step_key(state))
    z = jax.random.uniform(z_key, (8, 4), minval=-1, maxval=1)
    x, labels = split_batch(BATCH, 8, noise_key, 0.7)

    def objective(params):
        raw = Linear().apply({"params": params}, z)
        logits = jax.vmap(TINY.apply)(raw, x)
        error = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
        entropy = method.functions["entropy"](state, fix_gauge(TINY.layers, raw))
        return 3.0 * error - 0.5 * entropy, {"cross_entropy": error, "entropy": entropy}

    both = lambda state: (jax.grad(objective, has_aux=True)(state.params["hypernet"]), method.train_step(state, BATCH))
    (slopes, terms), (after, metrics) = compiled(both)(state)
    moved = jax.tree.map(lambda a, b: a - b, state.params["hypernet"], after.params["hypernet"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), moved, slopes)
    for name, value in terms.items():
        assert float(metrics[name]) == pytest.approx(float(value), rel=1e-4), name
    assert after.step == 1


def test_the_entropy_is_that_of_a_surface_of_the_latents_dimension():
    """H(2 θ) - H(θ) = d log 2 with d = 4, not 12, where the last layer is left as it is."""
    method = hypernetwork(
        Linear(), TINY, optimizers={}, latent_dim=4, num_latents=8, accuracy_weight=1.0, fix_last=False
    )
    weights = jax.vmap(TINY.init)(jax.random.split(KEY, 8))
    entropy = jax.jit(partial(method.functions["entropy"], None))
    twice = jax.tree.map(lambda a: 2 * a, weights)
    assert float(entropy(twice) - entropy(weights)) == pytest.approx(4 * np.log(2), rel=1e-4)


def test_statistics_move_in_a_step(untrained):
    method, state = untrained
    new, _ = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})(state, BATCH)
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), state.extra["stats"], new.extra["stats"])
    assert all(jax.tree.leaves(moved)) and new.step == 1


def test_each_network_has_its_part_of_the_batch():
    x, labels = split_batch(BATCH, 4, KEY, 0.0)
    np.testing.assert_array_equal(x[1], BATCH["x"][1::4])
    np.testing.assert_array_equal(labels[3], BATCH["label"][3::4])
    noisy = split_batch(BATCH, 4, KEY, 0.5)[0]
    assert 0.3 < np.std(noisy - x) < 0.7  # of 128 numbers


def test_each_direct_network_descends_its_own_loss():
    method = direct_networks(TINY, optimizers={"networks": optax.sgd(0.1)}, num_networks=4)
    state = method.init(KEY, BATCH)
    compiled = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    new, _ = compiled(method.train_step)(state, BATCH)
    start = jax.tree.map(lambda a: a[2], state.params["networks"])

    def loss(weights):
        logits = TINY.apply(weights, BATCH["x"][2::4])
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, BATCH["label"][2::4]))

    expected = jax.tree.map(lambda a, g: a - 0.1 * g, start, compiled(jax.grad(loss))(start))
    found = jax.tree.map(lambda a: a[2], new.params["networks"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected)
    assert jax.eval_shape(lambda: method.sample(new, KEY, 6)).shape == (6, 12)
    assert jax.eval_shape(lambda: method.evaluate(new, KEY, BATCH))["accuracy"].shape == (64,)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="num_latents = 1 must exceed num_neighbours = 1"):
        build(optax.sgd(0.1), num_latents=1)
    with pytest.raises(ValueError, match="does not split over 7 networks"):
        build(optax.sgd(0.1), num_latents=7).init(KEY, BATCH)
    with pytest.raises(ValueError, match="need labels"):
        direct_networks(TARGET, optimizers={}, num_networks=1).init(KEY, {"x": BATCH["x"]})
