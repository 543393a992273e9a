"""Encoders of sentences: a bag of words, and a bidirectional recurrent net."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.nets.recurrent import CELLS, run_cell
from ebmjax.types import BOS, EOS, PAD, Array


def bag_of_words(tokens: Array, vocab_size: int) -> Array:
    """log(1 + count) of every word: int32 `[B, L]` -> `[B, vocab_size]`. PAD, BOS and EOS are not counted."""
    is_word = (tokens != PAD) & (tokens != BOS) & (tokens != EOS)
    rows = jnp.arange(len(tokens))[:, None]
    counts = jnp.zeros((len(tokens), vocab_size)).at[rows, tokens].add(is_word.astype(jnp.float32))
    return jnp.log1p(counts)


class Heads(nn.Module):
    """An encoder from any network: (mean, log-variance) are the halves of the output `[B, 2 d]` of `net`."""

    net: nn.Module

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        mean, log_variance = jnp.split(self.net(x), 2, axis=1)
        return mean, log_variance


class TextEncoder(nn.Module):
    """Tokens int32 `[B, L]` -> (mean, log-variance), `[B, latent_dim]` each, by the last states of two recurrent nets.

    One reads the sentence forwards up to its EOS, the other backwards from it; neither reads PAD.
    cell: name in `nets.CELLS`. embed_dim, hidden_dim: of word embeddings, and of each direction's state.
    init_scale: all parameters start as U(±init_scale); None: U(±1 / √hidden_dim), PyTorch's default.

    Reference: Pang & Wu 2021 (arXiv 2108.11556), its code: a bidirectional GRU.
    """

    latent_dim: int
    vocab_size: int
    cell: str = "gru"
    embed_dim: int = 128
    hidden_dim: int = 256
    init_scale: float | None = None

    @nn.compact
    def __call__(self, tokens: Array) -> tuple[Array, Array]:
        scale = self.hidden_dim**-0.5 if self.init_scale is None else self.init_scale
        uniform = lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -scale, scale)
        length = jnp.sum(tokens != PAD, axis=1)
        embedding = self.param("embedding", uniform, (self.vocab_size, self.embed_dim))
        places = jnp.arange(tokens.shape[1])
        backwards = jnp.take_along_axis(tokens, jnp.maximum(length[:, None] - 1 - places, 0), axis=1)
        last = []
        for name, row in (("forwards", tokens), ("backwards", backwards)):
            width = CELLS[self.cell][1] * self.hidden_dim
            inputs = nn.Dense(width, kernel_init=uniform, bias_init=uniform, name=name)(embedding[row.T])
            recurrent = self.param(f"recurrent_{name}", uniform, (self.hidden_dim, width))
            carry = tuple(jnp.zeros((len(tokens), self.hidden_dim)) for _ in range(2 if self.cell == "lstm" else 1))
            hidden = run_cell(CELLS[self.cell][0], inputs, carry, recurrent, jnp.max(length))
            last.append(jnp.take_along_axis(hidden, jnp.maximum(length - 1, 0)[None, :, None], axis=0)[0])
        heads = nn.Dense(2 * self.latent_dim, kernel_init=uniform, bias_init=uniform)
        mean, log_variance = jnp.split(heads(jnp.concatenate(last, axis=1)), 2, axis=1)
        return mean, log_variance
