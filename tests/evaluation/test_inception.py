"""The FID Inception: number of weights, rows that count, reference features, refused files."""

import importlib.util
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation.fid_protocols import Protocol, centres
from ebmjax.evaluation.inception import _features, inception_features, load_inception, torch_name
from ebmjax.nets.inception import Inception

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
WEIGHTS = SHARED / "inception" / "inception2015_fid_fp16.npz"
REFERENCE = SHARED / "inception" / "inception_reference_features_cifar10_test_first48.npz"


def test_number_of_weights():
    x = jax.ShapeDtypeStruct((2, 299, 299, 3), np.float32)
    features, variables = jax.eval_shape(
        lambda key: Inception().init_with_output(key, jnp.zeros(x.shape)), jax.random.key(0)
    )
    assert features.shape == (2, 2048)
    leaves = jax.tree.leaves(variables)
    assert len(leaves) == 376 and sum(leaf.size for leaf in leaves) == 21_802_784


def test_rows_that_count():
    """What is left out, and one row alone: its features do not depend on its batch."""
    seen = []

    def features(x):
        seen.append(x)
        return np.repeat(x.reshape(len(x), -1).mean(axis=1, keepdims=True), 2048, axis=1)

    x = np.arange(120, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 1), np.float32)
    assert len(inception_features(features, x, batch_size=40)) == 100
    found = inception_features(features, x, "pytorch-fid", batch_size=50)
    np.testing.assert_array_equal(found[:, 0], np.arange(120))
    assert {len(batch) for batch in seen} == {40, 50}
    for wrong in (x - 1, x + 200):
        with pytest.raises(ValueError, match=r"pixels must lie in \[0, 255\]"):
            inception_features(features, wrong)
    with pytest.raises(ValueError, match="'tf2015' needs at least 50 images, got 10"):
        inception_features(features, x[:10])


def test_names_of_the_port():
    """As many names as arrays, and some that are known."""
    variables = jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, 299, 299, 3)))
    scopes = variables["params"]
    names = {torch_name(scope, kind) for scope, arrays in scopes.items() for kind in arrays}
    assert len(names) == 376
    known = {
        ("conv_2", "weight"): "Conv2d_2b_3x3.conv.weight",
        ("mixed.tower.conv_1", "beta"): "Mixed_5b.branch5x5_2.bn.bias",
        ("mixed_3.conv", "mean"): "Mixed_6a.branch3x3.bn.running_mean",
        ("mixed_3.tower.conv_2", "var"): "Mixed_6a.branch3x3dbl_3.bn.running_var",
        ("mixed_7.tower_1.conv_4", "weight"): "Mixed_6e.branch7x7dbl_5.conv.weight",
        ("mixed_8.tower_1.conv_3", "weight"): "Mixed_7a.branch7x7x3_4.conv.weight",
        ("mixed_10.tower_1_mixed_conv_1", "weight"): "Mixed_7c.branch3x3dbl_3b.conv.weight",
    }
    for (scope, kind), name in known.items():
        assert torch_name(scope, kind) == name and scope in scopes


def test_other_weights_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    with pytest.raises(ValueError, match="no array net.layers.conv.beta; these are not the weights"):
        load_inception(tmp_path / "other.npz")
    np.savez(tmp_path / "short.npz", **{"net.layers.conv.beta": np.zeros(31)})
    with pytest.raises(ValueError, match=r"conv.beta has shape \(31,\), expected \(32,\)"):
        load_inception(tmp_path / "short.npz")


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.exists(), reason="the weights are not part of the project")
def test_reference_features():
    """Of 48 CIFAR-10 test images enlarged as in PyTorch and scaled by (x - 128) / 128, in float32: weights in float16
    move them by .25 %."""
    expected = np.load(REFERENCE)["cifar10_test_first48_features"]
    images = cifar10_test()[:48]
    weights, _ = load_inception(WEIGHTS)
    features = partial(_features, weights, Protocol(True, centres, 128.0))
    found = inception_features(features, images, "pytorch-fid", batch_size=48)
    assert np.linalg.norm(found - expected) < 5e-3 * np.linalg.norm(expected)


def cifar10_test():
    path = SHARED / "unpack.py"
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location("unpack", path))
    found.loader.exec_module(module)
    return module.unpack(SHARED / "cifar10" / "cifar10_test.d2.npy.xz")
