import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets.text_encoder import TextEncoder, bag_of_words
from ebmjax.types import BOS, EOS, PAD

X = jnp.array([[4, 7, 4, EOS, PAD], [BOS, 1, EOS, PAD, PAD]])


def test_bag_of_words():
    bag = np.expm1(bag_of_words(X, 9))
    np.testing.assert_allclose(bag, [[0, 0, 0, 0, 2, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0, 0, 0, 0]], atol=1e-6)


@pytest.fixture(scope="module")
def encoder():
    net = TextEncoder(3, 9, embed_dim=4, hidden_dim=5)
    return net, net.init(jax.random.key(0), X), jax.jit(net.apply)


def test_sentences_are_read_to_their_ends(encoder):
    """Neither filling nor the other sentences of the batch matter; order does."""
    net, params, apply = encoder
    mean, log_variance = apply(params, X)
    assert mean.shape == log_variance.shape == (2, 3)
    longer = jnp.concatenate([X, jnp.full((2, 2), PAD)], axis=1)
    np.testing.assert_allclose(net.apply(params, longer)[0], mean, atol=1e-6)
    swapped = apply(params, X.at[0].set(jnp.array([7, 4, 4, EOS, PAD])))[0]
    np.testing.assert_allclose(swapped[1], mean[1], atol=1e-6)
    assert np.abs(swapped[0] - mean[0]).max() > 1e-3


def test_both_directions_take_part(encoder):
    _, params, apply = encoder
    mean = apply(params, X)[0]
    for name in ("forwards", "backwards"):
        dead = params["params"] | {name: jax.tree.map(jnp.zeros_like, params["params"][name])}
        assert np.abs(apply({"params": dead}, X)[0] - mean).max() > 1e-3


def test_number_of_parameters():
    """GRU of PTB's settings: embeddings 512 of 10,000 words, twice 512 units, 40 latents."""
    net = TextEncoder(40, 10_000, embed_dim=512, hidden_dim=512)
    shapes = jax.eval_shape(net.init, jax.random.key(0), X)
    gru = 512 * 3 * 512 + 3 * 512 + 512 * 3 * 512
    assert sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == 10_000 * 512 + 2 * gru + 1024 * 80 + 80
