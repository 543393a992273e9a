"""The parts of the weights that are drawn, by layers in the order of the network, and its first filters."""

import numpy as np

from ebmjax.nets import TARGETS
from experiments.measure.weights import first_filters, vectors

CONV = TARGETS["conv"]((8, 8, 2), 4, widths=(3, 4, 5))


def weights_of(target, num):
    """Weights `[num, ...]`: those of layer i are i, and its dict is not in the order of the layers."""
    found = {}
    for i, layer in reversed(list(enumerate(target.layers))):
        bias = {"bias": np.full((num, layer.num_filters), float(i))} if layer.bias else {}
        found[layer.name] = {"kernel": np.full((num, *layer.shape), float(i))} | bias
    return found


def test_parts_of_the_weights():
    found = vectors(CONV, weights_of(CONV, 6), 5)
    assert list(found) == ["all weights", "conv1", "conv2", "dense1", "dense2"]
    assert found["all weights"].shape == (5, CONV.num_weights)
    for i, layer in enumerate(CONV.layers):
        assert found[layer.name].shape == (5, layer.num_filters * layer.filter_size) and np.all(found[layer.name] == i)
    deep = TARGETS["resnet"]((32, 32, 3), 4, width=4, num_blocks=1)
    assert list(vectors(deep, weights_of(deep, 2), 2))[1:] == [
        "stem",
        "scale0_block0_conv0",
        "scale2_block0_conv1",
        "dense",
    ]


def test_first_filters():
    """The first channel of a convolution's filters; a perceptron's units as images; nothing of tables."""
    assert first_filters(CONV, weights_of(CONV, 12), (8, 8, 2)).shape == (10, 5, 5, 3)
    units = TARGETS["mlp"]((2, 3, 1), 2, widths=(9,))
    weights = weights_of(units, 1)
    weights["dense0"]["kernel"] = np.arange(54.0).reshape(1, 6, 9)
    np.testing.assert_array_equal(first_filters(units, weights, (2, 3, 1))[0, :, :, 4], [[4, 13, 22], [31, 40, 49]])
    assert first_filters(units, weights, (6,)) is None
