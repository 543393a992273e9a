"""Generative text modelling through short-run inference: Pang, Nijkamp, Han, Wu, EACL 2021 (arXiv 2106.02513).

    p(z) = N(0, I),   p(x | z) = Π_t p(x_t | x_<t, z)

There is no encoder that could lag behind and let the posterior collapse: K Langevin steps from N(0, I) infer z of each
sentence, and the decoder follows the gradient of log p(x | z) there (eqs. 10-12). New sentences are treated the same. A
search during training may choose the step size (`step_size_search`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import acceptance, apply_gradients, create_state, step_key
from ebmjax.methods.latent_model import Model, generator_gradient, init_generator, make_model
from ebmjax.methods.latent_space import common_functions, evaluate, sample
from ebmjax.methods.step_size_search import StepSizeSearch, check_search, log_step_sizes, search_if_due
from ebmjax.types import Array, Batch, Chain, Kernel, Method, Metrics, PyTree, State

Schedule = Callable[[Array], Array]
"""Training step, an int32 scalar -> a number."""


class Inference(NamedTuple):
    """The model whose chain infers z, and what changes in it during training: see `text_short_run`."""

    model: Model
    noise_schedule: Schedule | None = None
    prior_weight: Schedule | None = None
    chain_dropout: bool = False
    search: StepSizeSearch | None = None

    def at(self, step: Array, log_step_size: PyTree | None = None) -> Model:
        """The model at a training step, its chain with the step size found by the search, if there is one."""
        chain, options = self.model.posterior_chain, {}
        assert chain is not None
        if self.noise_schedule is not None:
            options["noise_scale"] = self.noise_schedule(step)
        if log_step_size is not None:
            options["step_size"] = jnp.exp(log_step_size)
        make_kernel: Callable[..., Kernel] = chain.make_kernel
        weight = None if self.prior_weight is None else self.prior_weight(step)
        chain = chain._replace(make_kernel=partial(make_kernel, **options))
        return self.model._replace(posterior_chain=chain, prior_weight=weight)

    def of(self, state: State) -> Model:
        """The model of a state."""
        return self.at(state.step, state.params.get("log_step_size"))


def train_step(inference: Inference, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Short-run inference, then one update of the decoder, with dropout; before them, if due, a step-size search."""
    x, key = batch["x"], step_key(state)
    chain_key = jax.random.split(key)[0]
    dropout_key, mask_key, search_key = (jax.random.fold_in(key, i) for i in (2, 3, 4))  # split uses 0 and 1
    state = search_if_due(partial(inference.at, state.step), inference.search, optimizers, state, search_key, x)
    model, params = inference.of(state), state.params
    potential = model.posterior(params, x, dropout_key=mask_key if inference.chain_dropout else None)
    # The learning gradient does not pass through the chain.
    z, info = jax.lax.stop_gradient(model.run(model.posterior_chain, potential, chain_key, len(x)))
    nll, grad = generator_gradient(model, params, z, x, dropout_key)
    metrics = {
        "reconstruction_nll": nll,
        "posterior_grad_norm": jnp.mean(info.grad_norm),
        "posterior_spread": pytree.spread(z),
        "latent_rms": jnp.sqrt(jnp.mean(jnp.square(z))),
        "grad_norm_generator": pytree.global_norm(grad),
        "num_nonfinite": jnp.sum(info.num_nonfinite),
    } | acceptance("posterior", model.posterior_chain, info)
    if inference.search is not None:
        metrics["step_size"] = jnp.exp(params["log_step_size"])
    state = apply_gradients(state, optimizers, {"generator": grad})
    return state._replace(step=state.step + 1), metrics


def encode_with_dropout(inference: Inference, state: State, rng_key: Array, x: Array) -> Array:
    """A sample z of the short-run posterior with the decoder's dropout on, as the released code draws features:
    `[B, L]` -> `[B, d]`. One draw of the dropout serves all steps of a chain; there each step has its own."""
    model, (chain_key, mask_key) = inference.of(state), jax.random.split(rng_key)
    potential = model.posterior(state.params, x, dropout_key=mask_key)
    return model.run(model.posterior_chain, potential, chain_key, len(x))[0]


def text_short_run(
    decoder,
    *,
    posterior_chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    latent_dim: int,
    length: int,
    noise_schedule: Schedule | None = None,
    prior_weight: Schedule | None = None,
    chain_dropout: bool = False,
    search: StepSizeSearch | None = None,
    step_size: float = 0.5,
) -> Method:
    """Build the method.

    Args:
        decoder: Flax module of sentences, `nets.TextDecoder`.
        posterior_chain: from N(0, I) (paper: Langevin, K = 20; fewer than 10 steps let the posterior collapse).
        optimizers: {"generator": ...}, and "log_step_size" for a search by gradient.
        latent_dim: d ≥ 1 (paper: 32). length: of the rows of tokens that `sample` makes, ≥ 1; use that of the data.
        noise_schedule: noise_scale of the chain's kernel, which replaces its own. In the released code it is a fraction
            that grows during training. Chains of a trained state use the value at its step; so with prior_weight.
        prior_weight: β ≥ 0, of the prior in the energy that the chain descends: β ||z||² / 2 - log p(x | z). In the
            released code for Yelp it grows from .1 to 1. The decoder's loss is -log p(x | z), whatever β.
        chain_dropout: the chains of training have the decoder's dropout, one draw of it a chain.
        search: how the chain's one step size is learned, from `step_size` > 0; None keeps that of posterior_chain.

    Parameter groups: "generator", and "log_step_size" with a search. functions: encode, encode_with_dropout,
    sample_latent, log_likelihood, token_log_prob, start, step (`latent_space.text_functions`). `evaluate` gives
    reconstruction_nll `[B]`, nats per sentence. Raises ValueError for invalid settings of the search, `init` for other
    data than sentences.
    """
    if search is not None:
        check_search(search, optimizers)
    model = make_model(decoder, length=length, latent_dim=latent_dim, posterior_chain=posterior_chain)
    inference = Inference(model, noise_schedule, prior_weight, chain_dropout, search)

    def init(rng_key, batch):
        keys = jax.random.split(rng_key, 3)
        params = {"generator": init_generator(model, decoder, keys[0], batch["x"])}
        if search is not None:
            params["log_step_size"] = log_step_sizes(step_size, latent_dim)
        return create_state(keys[2], params, optimizers)

    def bound(name):
        return lambda state, *args, **options: common_functions(inference.of(state))[name](state, *args, **options)

    evaluate_batch = lambda state, *args: evaluate(inference.of(state), state, *args)
    functions = {name: bound(name) for name in common_functions(model)}
    functions["encode_with_dropout"] = partial(encode_with_dropout, inference)
    step = partial(train_step, inference, optimizers)
    return Method(init, step, partial(sample, model), evaluate_batch, functions)
