"""A recurrent language model by maximum likelihood: the baseline of models with a latent vector per sentence.

    maximise  E[log p(x)],   log p(x) = Σ_t log p(x_t | x_<t)

Mikolov et al., Interspeech 2010, with the LSTM of Zaremba et al. 2014 (arXiv 1409.2329).
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.estimators.decoding import sample_tokens
from ebmjax.estimators.language_model import init_language_model, language_model_log_prob, num_tokens
from ebmjax.methods.base import apply_gradients, create_state, step_key
from ebmjax.types import Array, Batch, Method, Metrics, State


def train_step(decoder, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the mean log-likelihood of the batch's sentences, with dropout."""
    x, key = batch["x"], step_key(state)
    loss = lambda params: -jnp.mean(language_model_log_prob(decoder, params, x, dropout_key=key))
    nll, grad = jax.value_and_grad(loss)(state.params["decoder"])
    state = apply_gradients(state, optimizers, {"decoder": grad})
    metrics = {
        "nll": nll,
        "perplexity": jnp.exp(nll / jnp.mean(num_tokens(x))),
        "grad_norm_decoder": pytree.global_norm(grad),
    }
    return state._replace(step=state.step + 1), metrics


def log_likelihood(decoder, state: State, x: Array) -> Array:
    """log p(x) in nats, exact: sentences int32 `[B, L]` -> `[B]`."""
    return language_model_log_prob(decoder, state.params["decoder"], x)


def sample(decoder, length: int, state: State, rng_key: Array, num: int, temperature: float | Array = 1.0) -> Array:
    """Sentences int32 `[num, length]`; longer ones are cut."""
    bound = decoder.bind({"params": state.params["decoder"]})
    return sample_tokens(rng_key, bound.start, bound.step, jnp.zeros((num, 0)), length, temperature=temperature)


def language_model(decoder, *, length: int, optimizers: Mapping[str, optax.GradientTransformation]) -> Method:
    """Build the method.

    Args:
        decoder: Flax module of sentences (`nets.TextDecoder`), called with latent vectors of dimension 0.
        length: of the rows that `sample` makes, ≥ 1; use the length of the data's rows.
        optimizers: {"decoder": ...}.

    Parameter group: "decoder". functions: log_likelihood (state, x), exact, and sample, which has a temperature.
    `evaluate` gives nll `[B]`, nats per sentence. Perplexities logged in training include dropout.
    """

    def init(rng_key, batch):
        init_key, state_key = jax.random.split(rng_key)
        return create_state(state_key, {"decoder": init_language_model(decoder, init_key, batch["x"])}, optimizers)

    def evaluate(state, rng_key, batch):
        return {"nll": -log_likelihood(decoder, state, batch["x"])}

    draw = partial(sample, decoder, length)
    functions = {"log_likelihood": partial(log_likelihood, decoder), "sample": draw}
    return Method(init, partial(train_step, decoder, optimizers), draw, evaluate, functions)
