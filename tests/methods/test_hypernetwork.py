"""The hypernetwork on two blobs: its gradient, what its parts see, that the entropy term makes weights diverse."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import direct_networks, hypernetwork
from ebmjax.methods.hypernetwork import split_batch
from ebmjax.nets import TARGETS, Code, HyperNet

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


def test_the_entropy_is_blind_to_the_last_layers_scale(arms):
    method, state, _ = arms["diverse"]
    weights = jax.jit(method.functions["generate"])(state, method.functions["latent"](state, KEY, 8))
    hot = weights | {"dense1": jax.tree.map(lambda a: 7.0 * a, weights["dense1"])}
    entropy = jax.jit(method.functions["entropy"])
    np.testing.assert_allclose(entropy(state, hot), entropy(state, weights), rtol=1e-4)
    published = jax.jit(build(optax.sgd(0.0), fix_last=False).functions["entropy"])
    assert published(state, hot) > published(state, weights) + 1.0


def test_samples_are_the_generated_weights(arms):
    method, state, _ = arms["diverse"]
    rows = jax.jit(method.sample, static_argnums=2)(state, KEY, 3)
    assert rows.shape == (3, TARGET.num_weights) == (3, 27)
    weights = jax.jit(method.functions["generate"])(state, method.functions["latent"](state, KEY, 3))
    np.testing.assert_allclose(
        np.sort(rows), np.sort(np.concatenate([a.reshape(3, -1) for a in jax.tree.leaves(weights)], 1))
    )


def test_the_objective():
    """λ · cross entropy - H: a plain step lowers it by the rate times the squared gradient, and moves the averages."""
    method = build(optax.sgd(1e-6))
    state = jax.jit(method.init)(KEY, BATCH)
    new, metrics = jax.jit(method.train_step)(state, BATCH)
    again = jax.jit(method.train_step)(new._replace(step=state.step), BATCH)[1]  # the same z and noise
    value = lambda m: 100.0 * m["cross_entropy"] - m["entropy"]
    expected = -1e-6 * metrics["grad_norm_hypernet"] ** 2
    np.testing.assert_allclose(value(again) - value(metrics), expected, rtol=0.2, atol=1e-4)
    assert expected < -1e-3
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), state.extra["stats"], new.extra["stats"])
    assert all(jax.tree.leaves(moved)) and new.step == 1


def test_each_network_has_its_part_of_the_batch():
    x, labels = split_batch(BATCH, 4, KEY, 0.0)
    np.testing.assert_array_equal(x[1], BATCH["x"][1::4])
    np.testing.assert_array_equal(labels[3], BATCH["label"][3::4])
    noisy = split_batch(BATCH, 4, KEY, 0.5)[0]
    assert 0.3 < np.std(noisy - x) < 0.7  # of 128 numbers


def test_direct_networks_do_not_see_each_other():
    """A step of each network is a step on its own loss."""
    method = direct_networks(TARGET, optimizers={"networks": optax.sgd(0.1)}, num_networks=4)
    state = jax.jit(method.init)(KEY, BATCH)
    new, _ = jax.jit(method.train_step)(state, BATCH)
    start = jax.tree.map(lambda a: a[2], state.params["networks"])

    def loss(weights):
        logits = TARGET.apply(weights, BATCH["x"][2::4])
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, BATCH["label"][2::4]))

    expected = jax.tree.map(lambda a, g: a - 0.1 * g, start, jax.jit(jax.grad(loss))(start))
    found = jax.tree.map(lambda a: a[2], new.params["networks"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected)
    assert jax.eval_shape(lambda: method.sample(new, KEY, 6)).shape == (6, 27)
    assert jax.eval_shape(lambda: method.evaluate(new, KEY, BATCH))["accuracy"].shape == (64,)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="num_latents = 1 must exceed num_neighbours = 1"):
        build(optax.sgd(0.1), num_latents=1)
    with pytest.raises(ValueError, match="does not split over 7 networks"):
        build(optax.sgd(0.1), num_latents=7).init(KEY, BATCH)
    with pytest.raises(ValueError, match="need labels"):
        direct_networks(TARGET, optimizers={}, num_networks=1).init(KEY, {"x": BATCH["x"]})
