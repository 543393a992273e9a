"""A recurrent decoder of sentences: an LSTM or GRU with a latent vector as input at every word.

    h_t = cell(h_{t-1}, [embedding(x_{t-1}), z]),   p(x_t | x_<t, z) = softmax(W h_t + b),   x_0 = BOS

The initial state comes from z (`INITIAL`). A row of tokens is words, EOS, PAD ...; PAD does not count. With z of
dimension 0 it is a language model.

Reference: Pang et al. 2021 (arXiv 2106.02513); the decoder is that of Bowman et al. 2016 (1511.06349).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.nets.recurrent import CELLS, run_cell
from ebmjax.nets.softmax import log_softmax_at
from ebmjax.types import BOS, PAD, UNK, Array, PyTree

INITIAL = ("cell", "hidden", "separate")
"""Initial states of an LSTM, cell c and hidden h, from z; without z they are 0. cell: c = Wz, h = tanh(c). hidden:
h = Wz + b, c = 0 (Pang et al. 2021, their code). separate: h = Wz + b, c = Vz + a (Pang & Wu 2021, their code). Of a
GRU, which has no cell: h = Wz if cell, else Wz + b."""


class TextDecoder(nn.Module):
    """p(tokens | z): z `[B, d]`, d ≥ 0, tokens int32 `[B, L]` -> logits `[B, L, vocab_size]`.

    logits[:, t] are those of tokens[:, t] given z and tokens[:, :t].

    cell: name in `CELLS`. embed_dim, hidden_dim: of word embeddings and state. initial: name in `INITIAL`, the state
    before the first word. dropout: in [0, 1), of the embeddings and the softmax's input. word_dropout: in [0, 1), the
    probability that an input word is replaced by UNK. Both apply only if `train`, and need the "dropout" rng.
    init_scale: all parameters start as U(±init_scale); None: U(±1 / √hidden_dim), PyTorch's default for recurrent
    layers. tied: the softmax has the words' embeddings as its weights and no bias, so that embed_dim must be
    hidden_dim, else ValueError.
    """

    vocab_size: int
    cell: str = "lstm"
    embed_dim: int = 128
    hidden_dim: int = 256
    dropout: float = 0.0
    word_dropout: float = 0.0
    init_scale: float | None = 0.1
    tied: bool = False
    initial: str = "cell"

    def setup(self):
        if self.tied and self.embed_dim != self.hidden_dim:
            raise ValueError(f"a tied softmax needs embed_dim = hidden_dim, not {self.embed_dim} and {self.hidden_dim}")
        scale = self.hidden_dim**-0.5 if self.init_scale is None else self.init_scale
        uniform = lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -scale, scale)
        width = CELLS[self.cell][1] * self.hidden_dim
        dense = lambda size, use_bias: nn.Dense(size, use_bias=use_bias, kernel_init=uniform, bias_init=uniform)
        self.embedding = self.param("embedding", uniform, (self.vocab_size, self.embed_dim))
        self.from_word = dense(width, True)
        self.gates_of_latent = dense(width, False)
        self.state_of_latent = dense(self.hidden_dim, self.initial != "cell")
        if self.cell == "lstm" and self.initial == "separate":
            self.cell_of_latent = dense(self.hidden_dim, True)
        self.recurrent = self.param("recurrent", uniform, (self.hidden_dim, width))
        self.output = dense(self.vocab_size, True)  # without parameters if it is not used
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, z: Array, tokens: Array, train: bool = False) -> Array:
        hidden = self.hidden(z, self.inputs(tokens, train), tokens)
        return self.logits(self.drop(jnp.swapaxes(hidden, 0, 1), deterministic=not train))

    def inputs(self, tokens: Array, train: bool = False) -> Array:
        """The gates' inputs from the previous words: `[B, L]` -> `[L, B, gates]`. They do not depend on z."""
        before = jnp.concatenate([jnp.full_like(tokens[:, :1], BOS), tokens[:, :-1]], axis=1).T
        if train and self.word_dropout:
            hide = jax.random.bernoulli(self.make_rng("dropout"), self.word_dropout, before.shape)
            before = jnp.where(hide & (before != BOS) & (before != PAD), UNK, before)
        return self.from_word(self.drop(self.embedding[before], deterministic=not train))

    def hidden(self, z: Array, inputs: Array, tokens: Array) -> Array:
        """Hidden states `[L, B, H]`, the softmax's input, of z and `inputs`; 0 after the batch's longest sentence."""
        longest = jnp.max(jnp.where(tokens != PAD, jnp.arange(1, tokens.shape[1] + 1), 0))
        return run_cell(
            CELLS[self.cell][0], inputs + self.from_latent(z), self.initial_state(z), self.recurrent, longest
        )

    def log_prob(self, z: Array, tokens: Array, inputs: Array | None = None, train: bool = False) -> Array:
        """log p(tokens | z) in nats, `[B]`: the sum over the logits of `__call__`, at a fraction of its cost.

        inputs: the result of `inputs(tokens)`, to save time with many z for the same tokens.
        """
        inputs = self.inputs(tokens, train) if inputs is None else inputs
        hidden = self.drop(self.hidden(z, inputs, tokens), deterministic=not train)
        kernel, bias = self.softmax_weights()
        words = log_softmax_at(hidden.reshape(-1, self.hidden_dim), kernel, bias, tokens.T.reshape(-1))
        return jnp.sum(words.reshape(-1, len(z)), axis=0)

    def softmax_weights(self) -> tuple[Array, Array]:
        """(kernel `[H, V]`, bias `[V]`) of the softmax over words."""
        if self.tied:
            return self.embedding.T, jnp.zeros(self.vocab_size)
        weights = self.output.variables["params"]
        return weights["kernel"], weights["bias"]

    def logits(self, hidden: Array) -> Array:
        """Logits of the words: `[..., H]` -> `[..., V]`."""
        return hidden @ self.embedding.T if self.tied else self.output(hidden)

    def from_latent(self, z: Array) -> Array:
        """The gates' inputs from z, the same at every word: `[B, gates]`. No parameters if z has dimension 0."""
        return self.gates_of_latent(z) if z.shape[-1] else jnp.zeros((len(z), self.recurrent.shape[1]))

    def initial_state(self, z: Array) -> tuple[Array, ...]:
        """The carry before the first word, see `INITIAL`."""
        zeros = jnp.zeros((len(z), self.hidden_dim))
        state = self.state_of_latent(z) if z.shape[-1] else zeros
        if self.cell != "lstm":
            return (state,)
        if self.initial == "cell":
            return state, jnp.tanh(state)
        return self.cell_of_latent(z) if self.initial == "separate" and z.shape[-1] else zeros, state

    def start(self, z: Array) -> PyTree:
        """The carry of `step` before the first word, whose token is BOS: `[B, d]` -> pytree of `[B, ...]`."""
        return self.from_latent(z), self.initial_state(z)

    def step(self, carry: PyTree, z: Array, token: Array) -> tuple[PyTree, Array]:
        """(next carry, logits `[B, vocab_size]` of the next token) after `token` int32 `[B]`."""
        of_latent, state = carry
        inputs = self.from_word(self.embedding[token]) + of_latent
        state = CELLS[self.cell][0](inputs, state[-1] @ self.recurrent, state)
        return (of_latent, state), self.logits(state[-1])
