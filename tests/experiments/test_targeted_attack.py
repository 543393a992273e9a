"""The published attack on generated classifiers, on linear ones, where the size that flips an image is known."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.nets import TARGETS
from experiments.measure.targeted_attack import Flips, flip_curves, flip_figures, targeted_attack

TARGET = TARGETS["mlp"]((2,), 2, widths=())
SIZES = tuple(range(0, 60, 2))


def network(slope, num):
    """`num` copies of a classifier with logits (0, slope · (x0 + x1))."""
    kernel = np.tile([[0.0, slope], [0.0, slope]], (num, 1, 1)).astype(np.float32)
    return {"dense0": {"kernel": kernel, "bias": np.zeros((num, 2), np.float32)}}


def found(slopes, x, labels, **settings):
    """Flips by networks of slope 1, judged by an ensemble of those `slopes`."""
    fields = {"targeted_sizes": SIZES} | settings
    functions = {"latent": lambda state, key, num: num, "generate": lambda state, num: network(1.0, num)}
    run = SimpleNamespace(
        config=ConfigDict({"evaluate": fields, "seed": 0, "model": {"num_latents": 4}}),
        dataset=SimpleNamespace(max_value=255),
        trained=SimpleNamespace(method=SimpleNamespace(functions=functions), state=None),
        rng_key=jax.random.key(0),
    )
    ensemble = jax.tree.map(lambda *a: jnp.concatenate(a), *[network(slope, 1) for slope in slopes])
    return targeted_attack(run, TARGET, ensemble, x, labels)


def test_the_smallest_size_that_flips():
    """x = (a, a) with logit 2 a of class 1; k / 255 of [0, 1] is 2 k / 255 of [-1, 1], so k > 255 a / 2 flips.

    Sizes are even: a = .1 flips at 14 (12.75), .3 at 40 (38.25), .9 at none (114.75); class 0 alike. The image that is
    classified wrong is left out.
    """
    a = np.array([0.1, 0.3, 0.9, -0.1, 0.2, -0.3], np.float32)
    labels = np.array([1, 1, 1, 0, 0, 0])
    flips = found([1.0], np.stack([a, a], axis=1), labels)
    np.testing.assert_array_equal(flips.single, [14, 40, np.inf, 14, 40])
    np.testing.assert_array_equal(flips.ensemble, flips.single)
    figures = flip_figures(flips)[""]
    assert figures == pytest.approx({"targeted_flipped_single": 0.8, "targeted_flipped_ensemble": 0.8})
    curve = flip_curves(flips)["one network"]
    assert curve[0] == 1 and curve[7] == pytest.approx(0.6) and curve[-1] == pytest.approx(0.2)


def test_the_ensemble_votes():
    """Two of three members decide by x0 + x1 as the attacked network, one against it: the vote is theirs. With two
    against it, the vote is wrong before any attack."""
    x, labels = np.array([[0.1, 0.1], [-0.1, -0.1]], np.float32), np.array([1, 0])
    np.testing.assert_array_equal(found([1.0, 5.0, -9.0], x, labels).ensemble, [14, 14])
    np.testing.assert_array_equal(found([1.0, -5.0, -9.0], x, labels).ensemble, [0, 0])


def test_without_sizes_or_images_there_is_no_attack():
    x = np.zeros((2, 2), np.float32)
    assert found([1.0], x, np.array([0, 1]), targeted_sizes=()) is None
    assert flip_figures(None) == {"": {}}


def test_no_image_that_was_right():
    none = np.zeros(0)
    flips = Flips(np.array([0.0, 2.0]), none, none)
    assert set(flip_figures(flips)[""].values()) == {0.0}
    np.testing.assert_array_equal(flip_curves(flips)["one network"], [1, 1])
