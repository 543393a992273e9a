"""Target networks, their gauge, and the network that makes their weights: published counts and exact invariances."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.nets import INPUTS, TARGETS, Code, HyperNet, fix_gauge, fix_last_layer, with_inputs
from ebmjax.nets.hypernet import DECAY, unpack
from ebmjax.objectives import knn_entropy

KEY = jax.random.key(0)
SMALL = {
    "mlp": TARGETS["mlp"]((3, 3, 1), 4, widths=(6, 5)),
    "conv": TARGETS["conv"]((8, 8, 2), 4, widths=(3, 4, 5)),
    "resnet": TARGETS["resnet"]((32, 32, 3), 4, width=4, num_blocks=1),
}
SHAPES = {"mlp": (3, 3, 1), "conv": (8, 8, 2), "resnet": (32, 32, 3)}


def raw_weights(target, num=5):
    """Weights `[num, ...]` with biases that matter, of no particular gauge."""
    draw, shapes = np.random.RandomState(0).standard_normal, jax.eval_shape(target.init, KEY)
    scale = lambda a: 0.2 if a.ndim == 1 else np.prod(a.shape[:-1]) ** -0.5
    return jax.tree.map(lambda a: (scale(a) * draw((num, *a.shape))).astype(np.float32), shapes)


def num_params(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_published_numbers_for_mnist():
    """20,018 weights, from 633,640 trainable parameters: 855 codes, four generators, normalised, no biases."""
    target = TARGETS["conv"]((28, 28, 1), 10, widths=(32, 16, 8))
    assert target.num_weights == 20_018
    assert sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(target.init, KEY))) == 20_018
    codes = tuple(Code(15, (width, width), i == 3) for i, width in enumerate((40, 100, 100, 60)))
    net = HyperNet(target.layers, codes, (300, 300))
    shapes = jax.eval_shape(net.init, KEY, jnp.zeros((1, 300)))
    assert num_params(shapes["params"]) == 633_640
    assert shapes["params"]["extractor"]["Dense_2"]["kernel"].shape == (300, 855)
    made = jax.eval_shape(net.apply, shapes, jnp.zeros((2, 300)))
    assert jax.tree.map(lambda a: a.shape[1:], made) == jax.tree.map(jnp.shape, jax.eval_shape(target.init, KEY))


def test_published_number_for_cifar10():
    """ResNet-32: the authors' 466,906 weights are 464,442 and the scale and offset of 1,232 normalised channels."""
    target = TARGETS["resnet"]((32, 32, 3), 10)
    normalised = sum(layer.num_filters for layer in target.layers if layer.normalised)
    assert (target.num_weights, normalised) == (464_442, 1232)
    assert target.num_weights + 2 * normalised == 466_906
    assert len([layer for layer in target.layers if "projection" not in layer.name]) == 32


def test_published_extractor_for_cifar10():
    """From 500 numbers three layers of 800, the third linear and not normalised, then all codes, linear: no biases, a
    scale and an offset for each normalised unit. The generator of a filter of n weights: ceil(log2 n) codes, three
    normalised layers of ceil(12 √n), then n."""
    target = TARGETS["resnet"]((32, 32, 3), 10)
    sizes = [layer.filter_size for layer in target.layers]
    codes, widths = [int(np.ceil(np.log2(n))) for n in sizes], [int(np.ceil(12 * np.sqrt(n))) for n in sizes]
    parts = tuple(Code(code, (width,) * 3) for code, width in zip(codes, widths))
    net = HyperNet(target.layers, parts, (800, 800, 800), 0.0, linear_codes=True)
    shapes = jax.eval_shape(net.init, KEY, jnp.zeros((1, 500)))["params"]
    total = sum(layer.num_filters * code for layer, code in zip(target.layers, codes))
    assert set(shapes["extractor"]) == {"Dense_0", "Dense_1", "Dense_2", "BatchNorm_0", "BatchNorm_1"}
    assert shapes["codes"] == {"Dense_0": {"kernel": jax.ShapeDtypeStruct((800, total), np.float32)}}
    extractor = 500 * 800 + 2 * 800**2 + 2 * 2 * 800 + 800 * total
    generators = sum(w * (c + 2 * w + n) + 3 * 2 * w for n, c, w in zip(sizes, codes, widths))
    assert num_params(shapes) == extractor + generators


def test_linear_codes():
    """Without normalisation and with linear codes, a small extractor is its three matrices with one ReLU."""
    target = SMALL["mlp"]
    net = HyperNet(
        target.layers, tuple(Code(2, ()) for _ in range(3)), (7, 6), 0.0, batch_norm=False, linear_codes=True
    )
    z = np.random.RandomState(0).standard_normal((3, 4)).astype(np.float32)
    variables = jax.tree.map(np.asarray, jax.jit(net.init)(KEY, z))
    dense = lambda leaves, x: x @ leaves["kernel"] + leaves["bias"]
    own = variables["params"]
    h = dense(own["extractor"]["Dense_1"], np.maximum(dense(own["extractor"]["Dense_0"], z), 0))
    filters = dense(own["generator_dense0"]["Dense_0"], dense(own["codes"]["Dense_0"], h)[:, :12].reshape(3, 6, 2))
    found = jax.jit(net.apply)(variables, z)["dense0"]
    np.testing.assert_allclose(found["bias"], filters[..., -1], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found["kernel"], np.moveaxis(filters[..., :-1], 1, -1), rtol=1e-4, atol=1e-7)


def test_inputs_of_classifiers():
    """[-1, 1] to [0, 1]; each image to mean 0 and variance 1, where a constant one is 0 and has a gradient."""
    np.testing.assert_allclose(INPUTS["unit"](np.array([-1.0, 0.0, 1.0])), [0, 0.5, 1])
    x = np.random.RandomState(0).uniform(-1, 1, (4, 6, 5, 3)).astype(np.float32)
    x[3] = 0.25
    standardise = INPUTS["standardised"]
    found, slope = jax.jit(lambda x: (standardise(x), jax.grad(lambda x: standardise(x)[3, 0, 0, 0])(x)))(x)
    flat = np.asarray(found).reshape(4, -1)
    np.testing.assert_allclose(flat.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(flat.std(1), [1, 1, 1, 0], rtol=1e-5)
    # The least standard deviation is that of 1 / √90 in 0 .. 255.
    assert float(slope[3, 0, 0, 0]) == pytest.approx((1 - 1 / 90) * np.sqrt(90) * 255 / 2, rel=1e-3)


def test_a_classifier_sees_its_inputs():
    """Without hidden layers: logits W (x + 1) / 2 + b."""
    target = with_inputs(TARGETS["mlp"]((3,), 2, widths=()), INPUTS["unit"])
    weights = {"dense0": {"kernel": np.arange(6.0).reshape(3, 2), "bias": np.ones(2)}}
    x = np.array([[-1.0, 0.0, 1.0]])
    np.testing.assert_allclose(target.apply(weights, x), [[0.5 * 2 + 4 + 1, 0.5 * 3 + 5 + 1]])


def test_targets_are_what_they_say():
    """The convolutional net in Flax's own layers, the perceptron in numpy."""
    x = jax.random.normal(KEY, (6, 8, 8, 2))
    weights = jax.tree.map(lambda a: a[0], raw_weights(SMALL["conv"]))
    apply = lambda name, module, x: module.apply({"params": weights[name]}, x)
    h = x
    for name, features in (("conv1", 3), ("conv2", 4)):
        h = nn.max_pool(nn.relu(apply(name, nn.Conv(features, (5, 5)), h)), (2, 2), strides=(2, 2))
    h = nn.relu(apply("dense1", nn.Conv(5, (2, 2), padding="VALID"), h).reshape(6, 5))
    np.testing.assert_allclose(SMALL["conv"].apply(weights, x), apply("dense2", nn.Dense(4), h), rtol=1e-4, atol=1e-5)
    x, weights = jax.random.normal(KEY, (6, 3, 3, 1)), jax.tree.map(lambda a: a[0], raw_weights(SMALL["mlp"]))
    h = np.asarray(x).reshape(6, 9)
    for name in ("dense0", "dense1"):
        h = np.maximum(h @ weights[name]["kernel"] + weights[name]["bias"], 0)
    expected = h @ weights["dense2"]["kernel"] + weights["dense2"]["bias"]
    np.testing.assert_allclose(SMALL["mlp"].apply(weights, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_the_gauge_keeps_the_classifier(name):
    """Logits differ by one number per example; filters have the length asked for; doing it twice is doing it once."""
    target, raw = SMALL[name], raw_weights(SMALL[name])
    fix = jax.jit(partial(fix_gauge, target.layers))
    fixed = jax.tree.map(np.asarray, fix(raw))
    x = np.random.RandomState(1).standard_normal((7, *SHAPES[name])).astype(np.float32)
    apply = jax.jit(jax.vmap(target.apply, (0, None)))
    before, after = (np.asarray(apply(weights, x)) for weights in (raw, fixed))
    difference = after - before
    scale = np.abs(before).max()
    # Normalised filters: as far as the small number in the denominator of the normalisation allows.
    tolerance = 2e-3 if name == "resnet" else 1e-4
    np.testing.assert_allclose(difference - difference[..., :1], 0, atol=tolerance * scale)
    for layer in target.layers[:-1]:
        kernel, bias = fixed[layer.name]["kernel"], fixed[layer.name].get("bias", 0.0)
        length = np.sum(kernel.reshape(5, -1, layer.num_filters) ** 2, axis=1) + bias**2
        np.testing.assert_allclose(length, layer.filter_size, rtol=1e-4)
    np.testing.assert_allclose(np.sum(fixed[target.layers[-1].name]["bias"], axis=-1), 0, atol=1e-4)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-4, atol=2e-5), fix(fixed), fixed)


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_rescaled_filters_have_the_same_entropy(name):
    """Without the gauge the estimate grows with the rescaling; with it, it cannot tell the two."""
    target, raw = SMALL[name], raw_weights(SMALL[name])
    rescaled = jax.tree.map(lambda a: a, raw)
    for layer, reader in zip(target.layers[:-1], target.layers[1:]):
        factor = np.exp(np.random.RandomState(2).standard_normal((5, layer.num_filters)))
        spread = factor.reshape(5, *(1,) * (len(layer.shape) - 1), -1)
        ours = rescaled[layer.name]
        rescaled[layer.name] = {"kernel": ours["kernel"] * spread, "bias": ours["bias"] * factor}
        inverse = 1 / factor.reshape(5, *(1,) * (len(reader.shape) - 2), -1, 1)
        rescaled[reader.name] = rescaled[reader.name] | {"kernel": rescaled[reader.name]["kernel"] * inverse}
    entropy = jax.jit(lambda weights: knn_entropy(pytree.ravel_rows(weights)[0], norm="l1", dim=3))
    fixed = [entropy(jax.jit(partial(fix_gauge, target.layers))(weights)) for weights in (raw, rescaled)]
    np.testing.assert_allclose(*fixed, rtol=1e-4)
    assert entropy(rescaled) - entropy(raw) > 1.0


def test_the_last_layer_for_the_entropy():
    """Decisions stay; a common shift, a common scale of all logits and a second application change nothing."""
    target, raw = SMALL["mlp"], raw_weights(SMALL["mlp"])
    fix = jax.jit(partial(fix_last_layer, target.layers))
    fixed = jax.tree.map(np.asarray, fix(raw))
    x = np.random.RandomState(1).standard_normal((50, 3, 3, 1)).astype(np.float32)
    answer = jax.jit(lambda w: jnp.argmax(jax.vmap(target.apply, (0, None))(w, x), -1))
    np.testing.assert_array_equal(answer(raw), answer(fixed))
    last = fixed["dense2"]
    np.testing.assert_allclose(np.sum(last["kernel"], -1), 0, atol=1e-4)
    total = np.sum(last["kernel"] ** 2, (1, 2)) + np.sum(last["bias"] ** 2, 1)
    np.testing.assert_allclose(total, 4 * 6, rtol=1e-5)
    shifted = jax.tree.map(lambda a: 3.0 * (a + 0.5), raw["dense2"])
    for other in (fixed, raw | {"dense2": shifted}):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), fix(other), fixed)


def test_dead_filters_stay_finite():
    target = SMALL["mlp"]
    zeros = jax.tree.map(np.zeros_like, raw_weights(target))
    loss = lambda w: sum(
        jnp.sum(a) for a in jax.tree.leaves(fix_last_layer(target.layers, fix_gauge(target.layers, w)))
    )
    assert all(np.all(np.isfinite(a)) for a in jax.tree.leaves(jax.jit(jax.grad(loss))(zeros)))


def test_filters_are_unpacked_one_by_one():
    layer = SMALL["conv"].layers[1]
    filters = np.arange(2 * 4 * 76.0).reshape(2, 4, 76)
    leaves = unpack(layer, filters)
    np.testing.assert_array_equal(leaves["kernel"][1, ..., 2], filters[1, 2, :75].reshape(5, 5, 3))
    np.testing.assert_array_equal(leaves["bias"], filters[..., 75])


def test_running_statistics():
    """Statistics move by 2 % of the batch's in a training pass; without one, rows do not see each other."""
    target = SMALL["mlp"]
    net = HyperNet(target.layers, tuple(Code(3, (4,), i == 2) for i in range(3)), (8,))
    z = jax.random.uniform(KEY, (6, 5), minval=-1)
    variables = jax.jit(net.init)(KEY, z)
    _, updated = jax.jit(partial(net.apply, train=True, mutable=["batch_stats"]))(variables, z)
    hidden = nn.leaky_relu(z @ variables["params"]["extractor"]["Dense_0"]["kernel"], 0.05)
    mean = updated["batch_stats"]["extractor"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(mean, (1 - DECAY) * hidden.mean(0), rtol=1e-4, atol=1e-7)
    whole, part = (jax.jit(net.apply)(variables, rows) for rows in (z, z[2:3]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[2:3], b, rtol=1e-4, atol=1e-6), whole, part)
    plain = net.clone(batch_norm=False)
    assert set(jax.eval_shape(plain.init, KEY, z)) == {"params"}


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        TARGETS["conv"]((30, 30, 1), 10, widths=(1, 1, 1))
    with pytest.raises(ValueError, match="multiples of 16"):
        TARGETS["resnet"]((28, 28, 1), 10)
