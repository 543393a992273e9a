"""Sentences from an autoregressive decoder: greedy, sampled, by beam search, along paths between latent vectors.

Sentences are int32 rows `[B, L]`: words, EOS, then PAD (`data.text.to_sentence` writes them out). A decoder is two
functions; its latent vectors z`[B, d]` and its hidden state (any pytree of `[B, ...]`) are arguments:

    start(z) -> hidden,   step(hidden, z, token[B]) -> (hidden, logits[B, V]) of the next token

PAD and BOS are never generated, whatever their logits. A sentence that has not ended after L tokens is cut there and
has no EOS.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax.estimators.interpolation import great_circle
from ebmjax.pytree import spread_like
from ebmjax.types import BOS, EOS, PAD, Array, PyTree

Start = Callable[[Array], PyTree]
Step = Callable[[PyTree, Array, Array], tuple[PyTree, Array]]
Choose = Callable[[Array, Array], Array]
"""(number of the position, logits[B, V]) -> token[B]."""


def greedy(start: Start, step: Step, z: Array, length: int) -> Array:
    """The most probable token at each position: `[B, d]` -> int32 `[B, length]`."""
    return _unroll(start, step, z, length, lambda i, logits: jnp.argmax(logits, axis=1))


def sample_tokens(
    rng_key: Array, start: Start, step: Step, z: Array, length: int, *, temperature: float | Array = 1.0
) -> Array:
    """Tokens drawn one after the other from softmax(logits / temperature), temperature > 0: `[B, length]`.

    At 1 these are exact draws of the decoder given z; towards 0 they become greedy. A larger `length` extends the same
    sentences.
    """

    def choose(i, logits):
        return jax.random.categorical(jax.random.fold_in(rng_key, i), logits / temperature)

    return _unroll(start, step, z, length, choose)


def beam_search(start: Start, step: Step, z: Array, length: int, *, width: int) -> tuple[Array, Array]:
    """The most probable sentences, found by keeping the `width` ≥ 1 best beginnings at each position.

    Returns (tokens `[B, width, length]`, log-probabilities in nats `[B, width]`), the best first; width 1 is greedy.
    Exact if at most `width` beginnings are possible at each position. A sentence cut at `length` has the probability of
    its tokens, without an EOS. If there are fewer than `width` sentences, the last ones have log-probability -inf.
    """
    if width < 1:
        raise ValueError(f"beam_search: width must be ≥ 1, got {width}")
    num = len(z)
    of_beams = lambda leaf: leaf.reshape(num, width, *leaf.shape[1:])
    flat = lambda leaf: leaf.reshape(num * width, *leaf.shape[2:])
    select = lambda leaf, beams: flat(jax.vmap(lambda a, i: a[i])(of_beams(leaf), beams))
    z = jnp.repeat(z, width, axis=0)

    def body(carry, i):
        hidden, tokens, last, total = carry
        hidden, logits = step(hidden, z, last)
        ended = ((last == EOS) | (last == PAD))[:, None]
        follow = jnp.where(ended, _only_pad(logits), _forbid(jax.nn.log_softmax(logits)))
        scores = (total[:, :, None] + of_beams(follow)).reshape(num, -1)
        total, index = jax.lax.top_k(scores, width)
        beams, token = jnp.divmod(index, logits.shape[1])
        hidden = jax.tree.map(lambda leaf: select(leaf, beams), hidden)
        token = token.astype(jnp.int32)
        tokens = select(tokens, beams).at[:, i].set(token.reshape(-1))
        return (hidden, tokens, token.reshape(-1), total), None

    # All beams are equal at first: only one may be continued, or `width` copies of a sentence would survive.
    total = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf) * jnp.ones((num, 1))
    tokens = jnp.full((num * width, length), PAD, jnp.int32)
    first = spread_like((start(z), tokens, jnp.full(num * width, BOS, jnp.int32), total), jnp.sum(z))
    (_, tokens, _, total), _ = jax.lax.scan(body, first, jnp.arange(length))
    return of_beams(tokens), total


def interpolate_sentences(
    start: Start,
    step: Step,
    z_start: Array,
    z_end: Array,
    *,
    num: int,
    length: int,
    path: Callable[[Array, Array, int], Array] = great_circle,
) -> Array:
    """Greedy sentences at `num` points between rows, ends included: `[B, d]` twice -> `[B, num, length]`.

    path: of `estimators.interpolation`, great_circle or straight_line.
    """
    z = path(z_start, z_end, num)
    return greedy(start, step, z.reshape(-1, z.shape[-1]), length).reshape(*z.shape[:2], length)


def _unroll(start: Start, step: Step, z: Array, length: int, choose: Choose) -> Array:
    """One token after another, each fed to the next step; PAD once EOS has come."""

    def body(carry, i):
        hidden, last = carry
        hidden, logits = step(hidden, z, last)
        ended = (last == EOS) | (last == PAD)
        token = jnp.where(ended, PAD, choose(i, _forbid(logits))).astype(jnp.int32)
        return (hidden, token), token

    first = spread_like((start(z), jnp.full(len(z), BOS, jnp.int32)), jnp.sum(z))
    return jax.lax.scan(body, first, jnp.arange(length))[1].T


def _forbid(logits: Array) -> Array:
    """Logits with -inf at PAD and BOS."""
    return logits.at[:, jnp.array([PAD, BOS])].set(-jnp.inf)


def _only_pad(logits: Array) -> Array:
    """Log-probabilities of the next token after the end of a sentence: always PAD."""
    return jnp.full_like(logits, -jnp.inf).at[:, PAD].set(0.0)
