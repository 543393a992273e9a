"""Observation models p(x | z) from a decoder's output, with the functions that chains, learning and evaluation need.

All kinds have the same interface: metric, energy, log_prob, loss, error, draw, check. `params` are the decoder's.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.energies import bind, gaussian_nll
from ebmjax.objectives.likelihood import gaussian_log_prob, squared_error
from ebmjax.types import BOS, EOS, PAD, Array, EnergyFn, Potential, PyTree


class GaussianObservation(NamedTuple):
    """p(x | z) = N(x; g(z), sigma² I), with decode_fn: (params, z) -> g(z), and sigma > 0 in units of x."""

    decode_fn: EnergyFn
    sigma: float

    metric = "reconstruction_mse"
    """Name of `error` as a metric: per entry of x."""

    def energy(self, params: PyTree, x: Array, mask: Array | None = None) -> Potential:
        """z -> ||x - g(z)||² / (2σ²); if a mask (bool, like x) is given, over the entries where it is true."""
        decode = bind(self.decode_fn, params)
        if mask is None:
            return gaussian_nll(decode, x, self.sigma)
        seen = jnp.where(mask, x, 0.0)
        return gaussian_nll(lambda z: jnp.where(mask, decode(z), 0.0), seen, self.sigma)

    def log_prob(self, params: PyTree, x: Array, z: PyTree, rng_key: Array | None = None) -> Array:
        """log p(x | z) in nats, `[B]`."""
        return gaussian_log_prob(x, self.decode_fn(params, z), self.sigma)

    def loss(
        self, params: PyTree, x: Array, z: PyTree, rng_key: Array | None = None, mask: Array | None = None
    ) -> tuple[Array, Array]:
        """(mean of ||x - g(z)||² over examples, the same per entry of x): -2σ² log p(x | z) up to a constant.

        mask: bool like x; the sum, and the number of entries, are then over those where it is true. The papers' code
        omits the factor 1 / (2σ²), which makes no difference to Adam.
        """
        if mask is None:
            loss = jnp.mean(squared_error(self.decode_fn(params, z), x))
            return loss, loss / x[0].size
        loss = 2 * self.sigma**2 * jnp.mean(self.energy(params, x, mask)(z))
        return loss, loss * len(x) / jnp.maximum(jnp.sum(mask), 1)

    def error(self, params: PyTree, x: Array, z: PyTree) -> Array:
        """Squared error per entry of x, `[B]`."""
        return squared_error(self.decode_fn(params, z), x) / x[0].size

    def draw(self, params: PyTree, rng_key: Array, z: PyTree) -> Array:
        """g(z): the mean is used as the sample, without noise."""
        return self.decode_fn(params, z)

    def check(self, params: PyTree, x: Array, z: PyTree) -> None:
        """Raise ValueError if the decoder's examples have another shape than x `[B, ...]`."""
        shape = jax.eval_shape(self.decode_fn, params, z).shape[1:]
        if shape != x.shape[1:]:
            raise ValueError(f"the generator makes examples of shape {shape}, the data have {x.shape[1:]}")


class TokenObservation(NamedTuple):
    """p(x | z) = Π_t p(x_t | x_<t, z) of sentences x, rows of tokens int32 `[B, L]`; PAD is ignored.

    apply: (params, *arguments, method=..., **options), of a decoder such as `nets.TextDecoder`.
    sample_fn: (rng_key, start, step, z) -> tokens.
    """

    apply: Callable
    sample_fn: Callable

    metric = "reconstruction_nll"
    """What `error` is called: nats per sentence."""

    def energy(self, params: PyTree, x: Array, mask: Array | None = None, rng_key: Array | None = None) -> Potential:
        """z -> -log p(x | z) in nats. Terms without z are computed here, once for all steps of a chain.

        rng_key: of the decoder's dropout, which hides the same units at every call; None for no dropout.
        """
        refuse_mask(mask)
        options = {} if rng_key is None else {"train": True, "rngs": {"dropout": rng_key}}
        inputs = self.apply(params, x, method="inputs", **options)
        return lambda z: -self.apply(params, z, x, inputs, method="log_prob", **options)

    def log_prob(self, params: PyTree, x: Array, z: Array, rng_key: Array | None = None) -> Array:
        """log p(x | z) in nats, `[B]`; with the decoder's dropout if a key is given."""
        options = {} if rng_key is None else {"train": True, "rngs": {"dropout": rng_key}}
        return self.apply(params, z, x, method="log_prob", **options)

    def loss(
        self, params: PyTree, x: Array, z: Array, rng_key: Array | None = None, mask: Array | None = None
    ) -> tuple[Array, Array]:
        """The mean of -log p(x | z) in nats, twice; with the decoder's dropout if a key is given."""
        refuse_mask(mask)
        loss = -jnp.mean(self.log_prob(params, x, z, rng_key))
        return loss, loss

    def error(self, params: PyTree, x: Array, z: Array) -> Array:
        """-log p(x | z) in nats, `[B]`."""
        return -self.log_prob(params, x, z)

    def draw(self, params: PyTree, rng_key: Array, z: Array) -> Array:
        """Sentences given z, one word after the other."""
        start = lambda z: self.apply(params, z, method="start")
        step = lambda carry, z, token: self.apply(params, carry, z, token, method="step")
        return self.sample_fn(rng_key, start, step, z)

    def check(self, params: PyTree, x: Array, z: Array) -> None:
        """Raise ValueError unless x holds sentences."""
        check_tokens(x)


class BagObservation(NamedTuple):
    """p(x | z) = Π_w softmax(g(z))_w over the words w of sentences x, regardless of order and number: a multinomial.

    x: rows of tokens int32 `[B, L]`; PAD, BOS and EOS are not words. decode_fn: (params, z) -> logits g(z)
    `[B, vocab_size]`. length: of the rows that `draw` makes.
    """

    decode_fn: EnergyFn
    length: int

    metric = "reconstruction_nll"
    """What `error` is called: nats per sentence."""

    def energy(self, params: PyTree, x: Array, mask: Array | None = None) -> Potential:
        """z -> -log p(x | z) in nats; mask (bool, like x): the observed words."""
        seen = observed_words(x, mask)
        return lambda z: -self.log_prob(params, seen, z)

    def log_prob(self, params: PyTree, x: Array, z: Array, rng_key: Array | None = None) -> Array:
        """log p(x | z) in nats, `[B]`, without the multinomial coefficient."""
        log_probs = jax.nn.log_softmax(self._logits(params, z))
        return jnp.sum(jnp.where(is_word(x), jnp.take_along_axis(log_probs, x, axis=1), 0.0), axis=1)

    def loss(
        self, params: PyTree, x: Array, z: Array, rng_key: Array | None = None, mask: Array | None = None
    ) -> tuple[Array, Array]:
        """The mean of -log p(x | z) in nats, twice; mask (bool, like x): the observed words."""
        loss = -jnp.mean(self.log_prob(params, observed_words(x, mask), z))
        return loss, loss

    def error(self, params: PyTree, x: Array, z: Array) -> Array:
        """-log p(x | z) in nats, `[B]`."""
        return -self.log_prob(params, x, z)

    def draw(self, params: PyTree, rng_key: Array, z: Array) -> Array:
        """Words given z, `length` independent ones: int32 `[B, length]`."""
        logits = self._logits(params, z)
        return jax.random.categorical(rng_key, logits[:, None], shape=(len(logits), self.length)).astype(jnp.int32)

    def check(self, params: PyTree, x: Array, z: Array) -> None:
        """Raise ValueError unless x holds sentences."""
        check_tokens(x)

    def _logits(self, params: PyTree, z: Array) -> Array:
        logits = self.decode_fn(params, z)
        return jnp.where(is_word(jnp.arange(logits.shape[1])), logits, -jnp.inf)


def is_word(tokens: Array) -> Array:
    """Where tokens stand for words, unknown ones included: bool, like tokens."""
    return (tokens != PAD) & (tokens != BOS) & (tokens != EOS)


def observed_words(x: Array, mask: Array | None) -> Array:
    """Tokens with PAD in place of what is not observed; x itself without a mask (bool, like x)."""
    return x if mask is None else jnp.where(mask, x, PAD)


def refuse_mask(mask: Array | None) -> None:
    """Raise ValueError for a mask of sentences in their order."""
    if mask is not None:
        raise ValueError("sentences cannot be masked: every word is predicted from the words before it")


def check_tokens(x: Array) -> None:
    """Raise ValueError unless x holds rows of tokens."""
    if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(f"a text decoder needs rows of tokens, the data have {x.dtype} examples of {x.shape[1:]}")
