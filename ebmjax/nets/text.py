"""A recurrent decoder of sentences: an LSTM or GRU that sees a latent vector at every word.

    h_t = cell(h_{t-1}, [embedding(x_{t-1}), z]),   p(x_t | x_<t, z) = softmax(W h_t + b),   x_0 = BOS

The initial state is linear in z. A row of tokens is words, EOS, PAD ...; PAD counts for nothing. With a z of no
dimension it is a language model.

Reference: Pang et al. 2021 (arXiv 2106.02513), section 4.1; the decoder is that of Bowman et al. 2016 (1511.06349).
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.types import BOS, PAD, UNK, Array, PyTree


def lstm(inputs: Array, carry: tuple[Array, Array], kernel: Array) -> tuple[tuple[Array, Array], Array]:
    """One step: inputs `[B, 4 H]` of the gates, carry (cell, hidden) of `[B, H]`, recurrent kernel `[H, 4 H]`."""
    c, h = carry
    i, f, g, o = jnp.split(inputs + h @ kernel, 4, axis=-1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
    h = nn.sigmoid(o) * jnp.tanh(c)
    return (c, h), h


def gru(inputs: Array, carry: tuple[Array], kernel: Array) -> tuple[tuple[Array], Array]:
    """One step: inputs `[B, 3 H]` of the gates, carry (hidden,) of `[B, H]`, recurrent kernel `[H, 3 H]`."""
    (h,) = carry
    of_input, of_state = (jnp.split(gates, 3, axis=-1) for gates in (inputs, h @ kernel))
    r, u = (nn.sigmoid(of_input[i] + of_state[i]) for i in (0, 1))
    h = u * h + (1 - u) * jnp.tanh(of_input[2] + r * of_state[2])
    return (h,), h


CELLS: dict[str, tuple[Callable, int]] = {"lstm": (lstm, 4), "gru": (gru, 3)}
"""name -> (step, number of gates)."""


def sentence_mask(tokens: Array) -> Array:
    """True where a token counts: `[B, L]`."""
    return tokens != PAD


class TextDecoder(nn.Module):
    """p(tokens | z): z `[B, d]`, d ≥ 0, tokens int32 `[B, L]` -> logits `[B, L, vocab_size]`.

    logits[:, t] are those of tokens[:, t] given z and tokens[:, :t].

    cell: name of `CELLS`. embed_dim, hidden_dim: of word embeddings and state. dropout: in [0, 1), of embeddings and of
    what the softmax sees; word_dropout: in [0, 1), the probability that a word is hidden (UNK) from the next ones'
    prediction. Both act when `train` is true alone, and need the "dropout" rng. init_scale: all parameters start
    as U(±init_scale); None: U(±1 / √hidden_dim), PyTorch's for recurrent layers.
    """

    vocab_size: int
    cell: str = "lstm"
    embed_dim: int = 128
    hidden_dim: int = 256
    dropout: float = 0.0
    word_dropout: float = 0.0
    init_scale: float | None = 0.1

    def setup(self):
        scale = self.hidden_dim**-0.5 if self.init_scale is None else self.init_scale
        uniform = lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -scale, scale)
        width = CELLS[self.cell][1] * self.hidden_dim
        dense = lambda size, use_bias: nn.Dense(size, use_bias=use_bias, kernel_init=uniform, bias_init=uniform)
        self.embedding = self.param("embedding", uniform, (self.vocab_size, self.embed_dim))
        self.from_word = dense(width, True)
        self.from_latent = dense(width, False)
        self.initial = dense(self.hidden_dim, False)
        self.recurrent = self.param("recurrent", uniform, (self.hidden_dim, width))
        self.output = dense(self.vocab_size, True)
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, z: Array, tokens: Array, train: bool = False) -> Array:
        hidden = self.hidden(z, self.inputs(tokens, train))
        return self.output(self.drop(hidden, deterministic=not train))

    def inputs(self, tokens: Array, train: bool = False) -> Array:
        """What the gates get from the words before: `[B, L]` -> `[L, B, gates]`. It does not depend on z."""
        before = jnp.concatenate([jnp.full_like(tokens[:, :1], BOS), tokens[:, :-1]], axis=1).T
        if train and self.word_dropout:
            hide = jax.random.bernoulli(self.make_rng("dropout"), self.word_dropout, before.shape)
            before = jnp.where(hide & (before != BOS) & (before != PAD), UNK, before)
        return self.from_word(self.drop(self.embedding[before], deterministic=not train))

    def hidden(self, z: Array, inputs: Array) -> Array:
        """States before the softmax, `[B, L, H]`, of z and `inputs`."""
        step, of_latent = CELLS[self.cell][0], self.from_latent(z)
        kernel = self.recurrent
        _, hidden = jax.lax.scan(lambda carry, row: step(row + of_latent, carry, kernel), self.initial_state(z), inputs)
        return jnp.swapaxes(hidden, 0, 1)

    def initial_state(self, z: Array) -> tuple[Array, ...]:
        """The carry before the first word."""
        state = self.initial(z)
        return (state, jnp.tanh(state)) if self.cell == "lstm" else (state,)

    def start(self, z: Array) -> PyTree:
        """The carry of `step` before the first word, whose token is BOS: `[B, d]` -> pytree of `[B, ...]`."""
        return self.from_latent(z), self.initial_state(z)

    def step(self, carry: PyTree, z: Array, token: Array) -> tuple[PyTree, Array]:
        """(next carry, logits `[B, vocab_size]` of the next token) after `token` int32 `[B]`."""
        of_latent, state = carry
        inputs = self.from_word(self.embedding[token]) + of_latent
        state, hidden = CELLS[self.cell][0](inputs, state, self.recurrent)
        return (of_latent, state), self.output(hidden)
