"""The text decoder against its plain form, and as a probability: everything that is fast about it is exact."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import TextDecoder, softmax
from ebmjax.nets.text import INITIAL
from ebmjax.types import BOS, EOS, PAD, UNK

X = jnp.array([[4, 7, 5, EOS, PAD, PAD], [EOS, PAD, PAD, PAD, PAD, PAD], [8, 8, 1, 6, EOS, PAD], [3, 5, EOS, 0, 0, 0]])
Z = jax.random.normal(jax.random.key(0), (4, 3))


def made(cell, dim=3, **options):
    net = TextDecoder(9, cell, 5, 7, init_scale=0.8, **options)
    params = jax.jit(net.init)(jax.random.key(2), Z[:, :dim], X)
    return net, params, jax.jit(net.apply, static_argnames=("method", "train"))  # compiled, and kept by the cache


def plain(net, params, z):
    """log p by log_softmax of all logits."""
    log_probs = jnp.take_along_axis(jax.nn.log_softmax(net.apply(params, z, X)), X[..., None], axis=-1)[..., 0]
    return jnp.sum(jnp.where(X == PAD, 0.0, log_probs), axis=1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_log_prob_is_the_plain_form(cell, monkeypatch):
    """Values, gradients of z and of all parameters, and the derivative of the gradient (of which chains' Jacobians are
    made), in blocks that do not divide the number of words."""
    monkeypatch.setattr(softmax, "BLOCK", 5)
    net, params, apply = made(cell)
    inputs = apply(params, X, method="inputs")
    weights = jnp.arange(1.0, 5.0)
    forms = [
        lambda params, z: plain(net, params, z),
        lambda params, z: apply(params, z, X, method="log_prob"),
    ]
    values = [form(params, Z) for form in forms] + [apply(params, Z, X, inputs, method="log_prob")]
    for value in values[1:]:
        np.testing.assert_allclose(value, values[0], atol=1e-5)
    grads = [jax.jit(jax.grad(lambda p, z, f=f: f(p, z) @ weights, argnums=(0, 1)))(params, Z) for f in forms]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), *grads)
    hessians = [jax.jit(jax.jacfwd(jax.grad(lambda z, f=f: jnp.sum(f(params, z)))))(Z) for f in forms]
    assert np.max(np.abs(hessians[0])) > 0.1
    np.testing.assert_allclose(*hessians, atol=2e-5)


def test_a_tied_softmax_has_the_embeddings_as_weights():
    """By hand: logits are states times embeddings; the blockwise form and the steps say the same."""
    net = TextDecoder(9, "gru", 5, 5, init_scale=0.8, tied=True)
    params = jax.jit(net.init)(jax.random.key(2), Z, X)
    assert "output" not in params["params"]
    hidden = net.apply(params, Z, net.apply(params, X, method="inputs"), X, method="hidden")
    logits = np.einsum("lbh,vh->blv", hidden, params["params"]["embedding"])
    np.testing.assert_allclose(net.apply(params, Z, X), logits, atol=1e-5)
    np.testing.assert_allclose(net.apply(params, Z, X, method="log_prob"), plain(net, params, Z), atol=1e-5)
    step = net.apply(params, net.apply(params, Z, method="start"), Z, jnp.full(4, BOS), method="step")[1]
    np.testing.assert_allclose(step, logits[:, 0], atol=1e-5)
    with pytest.raises(ValueError, match="embed_dim = hidden_dim"):
        TextDecoder(9, "gru", 5, 7, tied=True).init(jax.random.key(0), Z, X)


@pytest.mark.parametrize(("cell", "dim"), [("lstm", 3), ("gru", 3), ("lstm", 0), ("gru", 0)])
def test_steps_are_the_whole(cell, dim):
    """logits[:, t] are those of the t-th step after BOS; with no latent dimension there are no parameters for it."""
    _, params, apply = made(cell, dim)
    z, logits = Z[:, :dim], apply(params, Z[:, :dim], X)
    carry, token = apply(params, z, method="start"), jnp.full(4, BOS)
    for t in range(6):
        carry, found = apply(params, carry, z, token, method="step")
        live = np.asarray(X[:, t] != PAD)
        np.testing.assert_allclose(found[live], logits[:, t][live], atol=1e-5)
        token = X[:, t]
    assert all(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_probabilities_sum_to_one(cell):
    """Over all sentences of up to two words and all beginnings of three, once PAD, which is no word, has no share."""
    _, params, apply = made(cell)
    params["params"]["output"]["bias"] = params["params"]["output"]["bias"].at[PAD].set(-1e9)
    words = [token for token in range(9) if token not in (EOS, PAD)]
    x = [[*w, EOS] + [PAD] * (2 - n) for n in range(3) for w in itertools.product(words, repeat=n)]
    x = jnp.asarray(x + [list(w) for w in itertools.product(words, repeat=3)])
    for z in Z[:2]:
        log_p = apply(params, jnp.broadcast_to(z, (len(x), 3)), x, method="log_prob")
        np.testing.assert_allclose(jnp.sum(jnp.exp(log_p)), 1.0, atol=1e-4)


def test_padding_carries_no_gradient():
    """More columns of PAD change neither value nor gradients, and a row of PAD alone counts for nothing."""
    _, params, apply = made("lstm")
    wide = jnp.pad(X, ((0, 1), (0, 3)))
    value = lambda params, x: jnp.sum(apply(params, jnp.ones((len(x), 3)), x, method="log_prob"))
    grads = [jax.jit(jax.value_and_grad(value))(params, x) for x in (X, wide)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *grads)


def test_dropout_is_of_training_alone():
    _, params, apply = made("lstm", dropout=0.5, word_dropout=0.5)
    log_p = lambda **options: apply(params, Z, X, method="log_prob", **options)
    drops = [log_p(train=True, rngs={"dropout": jax.random.key(i)}) for i in (0, 0, 1)]
    np.testing.assert_array_equal(drops[0], drops[1])
    assert np.all(drops[0] != drops[2]) and np.all(drops[0] != log_p())
    # Hidden words are UNK to those that follow; BOS is never hidden.
    hide = made("lstm", word_dropout=0.99)[2]
    inputs = hide(params, X, train=True, method="inputs", rngs={"dropout": jax.random.key(3)})
    unknown = apply(params, jnp.full_like(X, UNK), method="inputs")
    np.testing.assert_array_equal(inputs[0], unknown[0])
    assert np.mean(np.all(inputs[1:3] == unknown[1:3], axis=-1)) > 0.5


@pytest.mark.parametrize("initial", INITIAL)
def test_initial_states(initial):
    """Of an LSTM: c = Wz and h = tanh(c); c = 0 and h = Wz + b; or h = Wz + b and c = Vz + a. Without z: 0."""
    net = TextDecoder(9, "lstm", 5, 7, initial=initial)
    params = net.init(jax.random.key(2), Z, X)["params"]
    linear = lambda name: np.asarray(Z @ params[name]["kernel"] + params[name].get("bias", 0.0))
    state = linear("state_of_latent")
    expected = {"cell": lambda: (state, np.tanh(state)), "hidden": lambda: (0 * state, state)}
    expected["separate"] = lambda: (linear("cell_of_latent"), state)
    found = net.apply({"params": params}, Z, method="start")[1]
    np.testing.assert_allclose(found, expected[initial](), atol=1e-6)
    assert ("bias" in params["state_of_latent"]) == (initial != "cell")
    empty = net.apply(net.init(jax.random.key(2), Z[:, :0], X), Z[:, :0], method="start")[1]
    assert not np.any(empty)
