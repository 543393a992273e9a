"""A language model fitted in one call, to score real sentences by a model of generated ones, and vice versa.

The model is a decoder of sentences, a Flax module with a method log_prob(z`[B, d]`, tokens`[B, L]`, train=...) ->
`[B]` such as `nets.TextDecoder`, whose latent vector has dimension d = 0.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebmjax.optimizers import adam
from ebmjax.types import PAD, Array, PyTree


def language_model_log_prob(decoder, params: PyTree, tokens: Array, *, dropout_key: Array | None = None) -> Array:
    """log p(x) of whole sentences, EOS included, in nats: int `[B, L]` -> `[B]`.

    dropout_key: for training only; turns the decoder's dropout on.
    """
    no_latent, train = jnp.zeros((len(tokens), 0)), dropout_key is not None
    rngs = {"dropout": dropout_key} if train else None
    return decoder.apply({"params": params}, no_latent, tokens, train=train, rngs=rngs, method="log_prob")


def init_language_model(decoder, rng_key: Array, tokens: Array) -> PyTree:
    """Initial parameters for sentences like tokens `[B, L]`."""
    return decoder.init(rng_key, jnp.zeros((1, 0)), tokens[:1])["params"]


@partial(jax.jit, static_argnames=("decoder", "num_steps", "batch_size", "clip_norm"))
def fit_language_model(
    rng_key: Array,
    decoder,
    tokens: Array,
    *,
    num_steps: int = 2000,
    batch_size: int = 64,
    learning_rate: float | Array = 2e-3,
    final_fraction: float | Array = 0.0,
    clip_norm: float = 5.0,
) -> PyTree:
    """Parameters fitted by maximum likelihood (nats per sentence), by Adam with a cosine schedule in one compiled scan.

    tokens: int32 `[N, L]`, N ≥ 1; a batch draws its rows with replacement. Deterministic given `rng_key`; one trace
    serves all sentences of one shape. The rate ends at final_fraction · learning_rate; 1 keeps it constant. clip_norm:
    of the gradient; 0: none. No early stopping: choose the steps (and the decoder's dropout) so that it does not
    overfit, and use the same for all models that are compared.
    """
    init_key, fit_key = jax.random.split(rng_key)
    params = init_language_model(decoder, init_key, tokens)
    optimizer = adam(optax.cosine_decay_schedule(learning_rate, num_steps, alpha=final_fraction), clip_norm=clip_norm)

    def loss(params, rows, key):
        return -jnp.mean(language_model_log_prob(decoder, params, rows, dropout_key=key))

    def step(carry, i):
        params, opt_state = carry
        rows_key, dropout_key = jax.random.split(jax.random.fold_in(fit_key, i))
        rows = tokens[jax.random.randint(rows_key, (batch_size,), 0, len(tokens))]
        updates, opt_state = optimizer.update(jax.grad(loss)(params, rows, dropout_key), opt_state)
        return (optax.apply_updates(params, updates), opt_state), None

    return jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(num_steps))[0][0]


def num_tokens(tokens: Array | np.ndarray) -> Array:
    """The number of tokens whose probabilities make up a sentence's: words and EOS, without PAD. `[N, L]` -> `[N]`."""
    return jnp.sum(jnp.asarray(tokens) != PAD, axis=1)
