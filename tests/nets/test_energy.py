"""Convolutional energies: published numbers of parameters, arithmetic by hand, both forms, refused sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import ConvEnergy, ConvLogits, MLPEnergy, NonlocalEnergy, conv, conv_energy_layers, dcgan_energy_layers


def num_params(net, shape):
    params = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *shape), np.float32))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


PUBLISHED = {
    "short-run, n_f 64": (ConvEnergy(conv_energy_layers(64, 32)), (32, 32, 3), 2_763_393),
    "short-run, n_f 128": (ConvEnergy(conv_energy_layers(128, 32)), (32, 32, 3), 11_031_809),
    "vanilla, RGB": (ConvEnergy(conv_energy_layers(32, 32), 0.05), (32, 32, 3), 693_569),
    "vanilla, gray": (ConvEnergy(conv_energy_layers(32, 32), 0.05), (32, 32, 1), 692_993),
    # 3·16·64 + 64, 64·16·128 + 128, 128·16·256 + 256, 256·16·512 + 512, 512·16 + 1: the last bias is not in the code.
    "DCGAN, 64 pixels": (ConvEnergy(dcgan_energy_layers(64, 64)), (64, 64, 3), 2_764_736 + 1),
    "DCGAN, 32 pixels": (ConvEnergy(dcgan_energy_layers(64, 32)), (32, 32, 3), 2_758_592 + 1),
    "non-local": (NonlocalEnergy(), (32, 32, 3), 628_529),
    "toy": (MLPEnergy((32, 64, 64, 64), "leaky_relu_0.05", "torch"), (2,), 10_593),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_numbers_of_parameters(name):
    net, shape, expected = PUBLISHED[name]
    assert num_params(net, shape) == expected


def test_the_stack_by_hand():
    """8 x 8: 3 x 3, LeakyReLU, 4 x 4 of stride 2, LeakyReLU, 4 x 4 to one number."""
    net = ConvEnergy(conv_energy_layers(2, 8), slope=0.05, form="plain")
    x = jax.random.normal(jax.random.key(0), (3, 8, 8, 1))
    params = jax.jit(net.init)(jax.random.key(1), x)["params"]
    leaky = lambda y: jnp.where(y > 0, y, 0.05 * y)
    y = conv(x, params["Conv_0"]["kernel"], padding=1) + params["Conv_0"]["bias"]
    y = conv(leaky(y), params["Conv_1"]["kernel"], stride=2, padding=1) + params["Conv_1"]["bias"]
    y = conv(leaky(y), params["Conv_2"]["kernel"]) + params["Conv_2"]["bias"]
    assert y.shape == (3, 1, 1, 1)
    np.testing.assert_allclose(net.apply({"params": params}, x), y[:, 0, 0, 0], rtol=1e-5, atol=1e-6)
    # Logits: the last layer has a feature for each class, and the first of them is the energy above.
    logits = ConvLogits((*net.layers[:-1], (3, 4, 1, 0)), slope=0.05, form="plain")
    wider = params | {
        "Conv_2": jax.tree.map(lambda p: jnp.stack([p[..., 0], 2 * p[..., 0], p[..., 0]], -1), params["Conv_2"])
    }
    np.testing.assert_allclose(
        logits.apply({"params": wider}, x), y[:, 0, 0] * jnp.array([1, 2, 1]), rtol=1e-5, atol=1e-6
    )


def test_both_forms_agree_with_their_gradients():
    """16 x 16 with 8 features: Winograd's products and patches. Value, input gradient, weight gradient."""
    x = jax.random.normal(jax.random.key(0), (2, 16, 16, 3))
    nets = {form: ConvEnergy(conv_energy_layers(8, 16), form=form) for form in ("plain", "fast")}
    params = jax.jit(nets["plain"].init)(jax.random.key(1), x)

    def value(form):
        total = lambda p, x: jnp.sum(jnp.sin(3 * nets[form].apply(p, x)))
        return jax.jit(jax.value_and_grad(total, (0, 1)))(params, x)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5, rtol=1e-4), value("plain"), value("fast"))


def test_attention_starts_as_the_identity_and_then_matters():
    """W starts at 0: the energy ignores θ, φ and g. With another W it does not, and pixels far apart interact."""
    net = NonlocalEnergy(width=4, form="plain")
    x = jax.random.normal(jax.random.key(0), (2, 16, 16, 1))
    params = jax.jit(net.init)(jax.random.key(1), x)["params"]
    apply = jax.jit(lambda params: net.apply({"params": params}, x))
    blocks = ("NonlocalBlock_0", "NonlocalBlock_1")
    scaled = params | {b: params[b] | {"g": jax.tree.map(lambda a: 5 * a, params[b]["g"])} for b in blocks}
    np.testing.assert_array_equal(apply(params), apply(scaled))
    for block in blocks:
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(params[block]["out"]))
    opened = scaled | {b: scaled[b] | {"out": jax.tree.map(jnp.ones_like, params[b]["out"])} for b in blocks}
    assert np.all(apply(opened) != apply(params))


@pytest.mark.parametrize(
    "net", [ConvEnergy(conv_energy_layers(2, 8)), NonlocalEnergy(2, form="plain")], ids=["conv", "nonlocal"]
)
def test_rows_are_independent(net):
    x = jax.random.normal(jax.random.key(0), (4, 8, 8, 1))
    params = jax.jit(net.init)(jax.random.key(1), x)
    apply = jax.jit(net.apply)
    energy = apply(params, x)
    assert energy.shape == (4,)
    np.testing.assert_allclose(apply(params, x[::-1]), energy[::-1], rtol=1e-5, atol=1e-6)


def test_output_scale_multiplies_the_energy():
    x = jax.random.normal(jax.random.key(0), (4, 2))
    net, scaled = MLPEnergy((8,)), MLPEnergy((8,), output_scale=0.03)
    params = net.init(jax.random.key(1), x)
    np.testing.assert_allclose(scaled.apply(params, x), 0.03 * net.apply(params, x), rtol=1e-6)


def test_sizes_that_do_not_fit_are_refused():
    for size in (4, 12, 28):
        with pytest.raises(ValueError, match=f"got {size}; resize them"):
            conv_energy_layers(8, size)
    with pytest.raises(ValueError, match=r"not \(1, 1, 1\)"):
        ConvEnergy(conv_energy_layers(2, 8)).init(jax.random.key(0), jnp.zeros((1, 16, 16, 1)))
    with pytest.raises(ValueError, match="multiples of 8"):
        NonlocalEnergy(2).init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
