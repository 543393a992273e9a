"""Glow: its bookkeeping at the start, the pieces a step is made of, and float32 at a depth that is used."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.flows import glow, spline_coupling
from ebmjax.flows.bijectors import FactorOut, Rearrange
from ebmjax.flows.conditioners import LOG_SCALE_FACTOR, standardise
from ebmjax.flows.image import additive_inner, affine_inner, conv1x1, squeeze
from ebmjax.flows.layers import actnorm, repeat

KEY = jax.random.key(0)
LOG_SIGMOID_2 = -0.1269280
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def images(num, shape, seed=1):
    return jax.random.uniform(jax.random.key(seed), (num, *shape), minval=-1, maxval=1)


def test_three_levels_in_float32():
    """L = 3, K = 8: inverse to 1e-4, log|det| to 1e-3 √D, at the start and nearby; the size of the image is no matter.

    At the start the log-determinant is that of the activation normalisations and of half the channels times
    sigmoid(2), a step; rotations have none, and priors are standard.
    """
    flow = glow((8, 8, 3), num_steps=8, width=16, form="plain")
    x = images(64, flow.shape)
    start = jit(flow.init)(KEY, x)
    trip = jit(lambda params, x: (flow.encode(params, x), flow.decode(params, flow.encode(params, x)[0])))
    leaves, treedef = jax.tree.flatten(start)
    draw = np.random.RandomState(0).standard_normal
    moved = [(a + 0.02 * draw(a.shape)).astype(np.float32) for a in map(np.asarray, leaves)]
    for params in (start, treedef.unflatten(moved)):
        (z, log_det), (x_again, back) = trip(params, x)
        assert z.shape == (64, 192)
        np.testing.assert_allclose(x_again, x, atol=1e-4)
        np.testing.assert_allclose(log_det, -back, atol=1e-3 * np.sqrt(192))
    expected, level = 0.0, start
    for side, channels in ((4, 12), (2, 24), (1, 48)):
        scales = level["steps"]["actnorm"]["log_scale"]
        assert scales.shape == (8, channels)
        expected += side**2 * (3 * jnp.sum(scales) + 8 * channels / 2 * LOG_SIGMOID_2)
        level = level["end"].get("rest")
    np.testing.assert_allclose(trip(start, x)[0][1], expected, rtol=1e-4)


def test_latent_sizes_of_the_paper():
    """32 × 32 × 3 with three levels: 1536, 768 and 768 latents, by the sizes of their priors."""
    flow = glow((32, 32, 3), num_steps=2, width=8)
    params = jax.eval_shape(flow.init, KEY, jax.ShapeDtypeStruct((4, 32, 32, 3), jnp.float32))
    first, second = params["end"], params["end"]["rest"]["end"]
    channels = [p["prior"]["bias"].shape[0] // 2 for p in (first, second)]
    channels.append(second["rest"]["end"]["prior"].shape[0] // 2)
    assert [n * side**2 for n, side in zip(channels, (16, 8, 4))] == [1536, 768, 768]
    z = jax.eval_shape(flow.encode, params, jax.ShapeDtypeStruct((4, 32, 32, 3), jnp.float32))[0]
    assert z.shape == (4, 3072)


def test_latents_of_a_level_come_first_and_are_its_last_channels():
    flatten = Rearrange(lambda z: z.reshape(-1, 2, 2, 3), lambda x: x.reshape(-1, 12), 1, 3)
    z = np.arange(48, dtype=np.float32).reshape(2, 24)
    x, log_det = FactorOut(flatten).forward_and_log_det(z)
    np.testing.assert_array_equal(x[..., 3:].reshape(2, 12), z[:, :12])
    np.testing.assert_array_equal(x[..., :3].reshape(2, 12), z[:, 12:])
    np.testing.assert_array_equal(FactorOut(flatten).inverse(x), z)
    assert log_det.shape == (2,)


def test_activation_normalisation_looks_at_what_comes_to_it():
    """By channel mean 0 to 1e-5, sd 1 to 1e-4; a second one has nothing left to do; a constant channel is finite."""
    x = np.random.RandomState(0).standard_normal((32, 4, 4, 3)).astype(np.float32) * [1.0, 0.1, 10.0] + 3.0
    layer = repeat(actnorm(3), 2, event_ndims=3)
    params = jit(layer.init)(KEY, x)
    y, log_det = jit(lambda params, x: layer.bijector(params).inverse_and_log_det(x))(params, x)
    np.testing.assert_allclose(np.mean(y, (0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(np.std(y, (0, 1, 2)), 1.0, atol=1e-4)
    np.testing.assert_allclose(params["shift"][1], 0.0, atol=1e-5)
    np.testing.assert_allclose(params["log_scale"][1], 0.0, atol=1e-4)
    np.testing.assert_allclose(log_det, -16 * np.sum(np.log(np.std(x, (0, 1, 2)))), rtol=1e-4)
    constant = actnorm(3).init(KEY, jnp.ones((4, 2, 2, 1)))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(constant))


def test_invertible_convolution():
    """It starts as a rotation other than the identity, and its permutation and signs do not learn."""
    x = np.random.RandomState(0).standard_normal((5, 2, 3, 12)).astype(np.float32)
    encode = lambda params: conv1x1().bijector(params).inverse_and_log_det(x)
    loss = lambda params: jnp.sum(encode(params)[0] ** 3) - jnp.sum(encode(params)[1])
    params, other = jit(lambda: [conv1x1().init(key, x) for key in jax.random.split(KEY)])()
    (y, log_det), grad = jit(lambda params: (encode(params), jax.grad(loss)(params)))(params)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-5)
    assert np.max(np.abs(y - x)) > 0.1
    assert not np.any(grad["order"]) and not np.any(grad["sign"])
    assert all(np.any(grad[name]) for name in ("lower", "upper", "log_scale"))
    assert any(np.any(params[name] != other[name]) for name in ("order", "sign"))


def test_squeeze_has_the_layout_of_the_paper_s_code():
    """Channel c · 4 + 2 · dy + dx of pixel (i, j) is channel c of pixel (2 i + dy, 2 j + dx)."""
    x = jnp.arange(2 * 4 * 6 * 3, dtype=jnp.float32).reshape(2, 4, 6, 3)
    y = squeeze().bijector({}).inverse(x)
    assert y.shape == (2, 2, 3, 12)
    for i, j, c, dy, dx in np.ndindex(2, 3, 3, 2, 2):
        np.testing.assert_array_equal(y[:, i, j, 4 * c + 2 * dy + dx], x[:, 2 * i + dy, 2 * j + dx, c])
    np.testing.assert_array_equal(squeeze().bijector({}).forward(y), x)


def test_couplings_start_as_the_code_s():
    x = jnp.ones((1, 2))
    np.testing.assert_allclose(affine_inner(jnp.zeros((1, 4))).inverse(x), 0.880797, rtol=1e-5)
    np.testing.assert_allclose(affine_inner(jnp.array([[1.0, 1.0, 0.0, 0.0]])).inverse(x), 2 * 0.880797, rtol=1e-5)
    np.testing.assert_allclose(additive_inner(jnp.full((1, 2), 0.5)).inverse(x), 1.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_levels": 4}, "multiples of 16"), ({"num_levels": 0}, "num_levels = 0"), ({"num_steps": 0}, "at least one"),
     ({"coupling_type": "spline"}, "must be 'affine' or 'additive'")],
)  # fmt: skip
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        glow((8, 8, 3), **options)


def test_a_constant_channel_is_scaled_like_the_others():
    """By the root mean square of their sd, 5 for sd 3 and √41; by 1 if there are no others; others do not change."""
    x = np.random.RandomState(0).standard_normal((2000, 3)).astype(np.float32)
    x = (x - x.mean(0)) / x.std(0) * [3.0, 1.0, np.sqrt(41.0)] + [1.0, 0.0, 2.0]
    x = jnp.asarray(x, jnp.float32).at[:, 1].set(0.1)
    params = standardise(x)
    scale = jnp.exp(LOG_SCALE_FACTOR * params["log_scale"])
    np.testing.assert_allclose(scale, [1 / 3, 1 / 5, 1 / np.sqrt(41.0)], rtol=1e-4)
    others = standardise(x[:, ::2])
    np.testing.assert_array_equal(params["log_scale"][::2], others["log_scale"])
    np.testing.assert_allclose(standardise(jnp.full((7, 2), 0.1))["log_scale"], 0.0, atol=1e-6)


def test_a_column_that_was_constant_at_first_may_vary_later():
    """In a flow of four layers the log density of such an example is moderate."""
    x = np.random.RandomState(0).standard_normal((256, 4)).astype(np.float32)
    constant = x.copy()
    constant[:, 2] = 0.1
    flow = spline_coupling(4)
    params = jit(flow.init)(KEY, constant)
    z, log_det = jit(flow.encode)(params, x)
    log_prob = -0.5 * np.sum(np.square(z), axis=1) + log_det
    assert np.all(log_prob > -60.0) and np.all(log_prob < 0.0)
