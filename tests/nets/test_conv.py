"""Convolutions: PyTorch's definition by loops, fast against plain form, derivatives of every kind, modules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebmjax.nets.conv import Conv, ConvTranspose, conv, conv_transpose, is_fast

# (H, W, C, F, kernel, stride, padding). Sixteen channels and even outputs take Winograd's products, others patches.
CASES = [
    (8, 4, 16, 24, 4, 2, 1),  # F(2, 2): the published transposed convolution, and the ConvNet energy
    (6, 8, 16, 16, 3, 1, 1),  # F(2, 3)
    (5, 6, 3, 4, 3, 2, 1),
    (11, 11, 16, 16, 6, 2, 2),  # F(2, 3) on blocks, with a row that no window reaches
    (9, 7, 16, 16, 3, 1, 1),
    (4, 4, 16, 2, 4, 1, 0),  # kernel covers the image
]
TRANSPOSED = [*CASES[:3], (1, 1, 20, 16, 4, 1, 0), (7, 7, 16, 16, 4, 2, 1), (4, 4, 16, 3, 4, 2, 1)]
EACH = [("conv", case) for case in CASES] + [("conv_transpose", case) for case in TRANSPOSED]
FUNCTIONS = {"conv": conv, "conv_transpose": conv_transpose}


def loops(name, x, kernel, stride, padding):
    """PyTorch's definition of Conv2d / ConvTranspose2d, one tap and one pixel at a time, in float64."""
    (batch, height, width, _), (kh, kw, _, features) = x.shape, kernel.shape
    if name == "conv":
        n, m = ((size + 2 * padding - k) // stride + 1 for size, k in ((height, kh), (width, kw)))
    else:
        n, m = ((size - 1) * stride - 2 * padding + k for size, k in ((height, kh), (width, kw)))
    y = np.zeros((batch, n, m, features))
    inner, outer = ((n, m), (height, width)) if name == "conv" else ((height, width), (n, m))
    for i, j, u, v in np.ndindex(*inner, kh, kw):
        a, b = stride * i - padding + u, stride * j - padding + v
        if 0 <= a < outer[0] and 0 <= b < outer[1]:
            if name == "conv":
                y[:, i, j] += x[:, a, b] @ kernel[u, v]
            else:
                y[:, a, b] += x[:, i, j] @ kernel[u, v]
    return y


def draw(case, seed=0):
    """x[2, H, W, C], a kernel that keeps y of order one, and stride and padding as keywords."""
    height, width, channels, features, k, stride, padding = case
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, height, width, channels)).astype(np.float32)
    kernel = rng.normal(size=(k, k, channels, features)) / np.sqrt(k * k * channels)
    return x, kernel.astype(np.float32), {"stride": stride, "padding": padding}


def assert_close(a, b, message=""):
    """Float32 sums of ≤ 600 terms of order one; F(2, 3) amplifies rounding by about 4: 2e-5 of the largest entry."""
    np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * (1 + np.abs(b).max()), err_msg=message)


@pytest.mark.parametrize(("name", "case"), EACH)
def test_both_forms_are_pytorchs_definition_and_their_gradients_agree(name, case):
    x, kernel, sizes = draw(case)
    expected = loops(name, x.astype(np.float64), kernel.astype(np.float64), **sizes)
    weight = np.random.default_rng(1).normal(size=expected.shape).astype(np.float32)

    def loss(x, kernel, form):
        y = FUNCTIONS[name](x, kernel, **sizes, form=form)
        return jnp.sum(weight * jnp.sin(y)), y

    both = jax.jit(lambda x, k: [jax.grad(loss, (0, 1), has_aux=True)(x, k, form) for form in ("plain", "fast")])
    (plain, plain_y), (fast, fast_y) = both(x, kernel)
    assert_close(plain_y, expected, "plain")
    assert_close(fast_y, expected, "fast")
    assert_close(fast[0], plain[0], "input gradient")
    assert_close(fast[1], plain[1], "weight gradient")


def test_golden_transposed_convolution():
    # torch 2.13: conv_transpose2d([[1, 2], [3, 4]], arange(16).reshape(4, 4), stride=2, padding=1). By hand:
    # y[0, 0] = 1 · w[1, 1] = 5, y[0, 1] = 1 · w[1, 2] + 2 · w[1, 0] = 14.
    x, kernel = jnp.array([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None], jnp.arange(16.0).reshape(4, 4, 1, 1)
    expected = [[5, 14, 17, 12], [12, 32, 42, 28], [28, 72, 82, 52], [27, 62, 69, 40]]
    for form in ("plain", "fast"):
        np.testing.assert_array_equal(conv_transpose(x, kernel, stride=2, padding=1, form=form)[0, :, :, 0], expected)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(FUNCTIONS)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    k=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    channels=st.sampled_from([(1, 2), (16, 16)]),
)
def test_any_kernel_stride_and_padding(name, size, k, stride, padding, channels):
    x, kernel, sizes = draw((*size, *channels, k, stride, padding))
    try:
        plain = FUNCTIONS[name](x, kernel, **sizes, form="plain")
    except ValueError:
        with pytest.raises(ValueError, match="has no output"):
            FUNCTIONS[name](x, kernel, **sizes, form="fast")
        return
    assert_close(plain, loops(name, x, kernel, **sizes))
    assert_close(FUNCTIONS[name](x, kernel, **sizes, form="fast"), plain)


@pytest.mark.parametrize("form", ["plain", "fast"])
@pytest.mark.parametrize("case", CASES[:2])
def test_the_transposed_convolution_is_the_adjoint(case, form):
    y, kernel, sizes = draw(case)
    x = np.random.default_rng(1).normal(size=conv(y, kernel, **sizes).shape).astype(np.float32)
    up = conv_transpose(x, kernel.swapaxes(2, 3), **sizes, form=form)
    np.testing.assert_allclose(jnp.sum(y * up), jnp.sum(x * conv(y, kernel, **sizes, form=form)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_forward_mode_through_reverse_mode_and_vmap(name):
    """What the importance-sampled likelihood does: jvp of a gradient, under scan; and replicas by vmap."""
    x, kernel, sizes = draw(CASES[0])
    tangent = np.random.default_rng(2).normal(size=x.shape).astype(np.float32)

    def chain(x, kernel, form):
        energy = lambda x: jnp.sum(FUNCTIONS[name](x, kernel, **sizes, form=form) ** 2)
        return jax.lax.scan(lambda x, _: (x - 0.1 * jax.grad(energy)(jnp.sin(x)), None), x, None, length=2)[0]

    def both(form):
        jvp = jax.jvp(lambda x: chain(x, kernel, form), (x,), (tangent,))
        replicas = jax.vmap(lambda k: chain(x, k, form))(jnp.stack([kernel, -0.5 * kernel]))
        return *jvp, replicas, jax.grad(lambda k: jnp.sum(chain(x, k, form) ** 2))(kernel)

    for fast, plain in zip(*jax.jit(lambda: (both("fast"), both("plain")))()):
        assert_close(fast, plain)


@pytest.mark.parametrize("module", [Conv, ConvTranspose])
def test_modules(module):
    x = jax.random.normal(jax.random.key(0), (2, 6, 6, 3))
    net = module(5, 4, stride=2, padding=1)
    variables = jax.jit(net.init)(jax.random.key(1), x)
    params = variables["params"]
    assert jax.tree.map(jnp.shape, params) == {"bias": (5,), "kernel": (4, 4, 3, 5)}
    y = (conv if module is Conv else conv_transpose)(x, params["kernel"], stride=2, padding=1)
    np.testing.assert_allclose(net.apply(variables, x), y + params["bias"], rtol=1e-6)
    assert list(jax.eval_shape(module(5, 4, use_bias=False).init, jax.random.key(1), x)["params"]) == ["kernel"]


def test_auto_follows_the_platform_and_errors_say_what_to_do():
    assert is_fast("auto") == (jax.default_backend() == "cpu")
    x, kernel = jnp.ones((2, 3, 3, 4)), jnp.ones((5, 5, 4, 2))
    with pytest.raises(ValueError, match="has no output"):
        conv(x, kernel)
    with pytest.raises(ValueError, match="has no output"):
        conv_transpose(jnp.ones((2, 1, 1, 4)), kernel, padding=3)
    with pytest.raises(ValueError, match="needs x"):
        conv(x, kernel.swapaxes(2, 3))
    with pytest.raises(ValueError, match="'auto', 'plain' or 'fast'"):
        conv(x, kernel, padding=1, form="quick")
