"""Generative text modelling through short-run inference: Pang, Nijkamp, Han, Wu, EACL 2021 (arXiv 2106.02513).

    p(z) = N(0, I),   p(x | z) = Π_t p(x_t | x_<t, z)

There is no encoder that could lag behind and let the posterior collapse: K Langevin steps from N(0, I) infer z of each
sentence, and the decoder follows the gradient of log p(x | z) there (eqs. 10-12). New sentences are treated the same.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import acceptance, apply_gradients, create_state, step_key
from ebmjax.methods.latent_model import Model, generator_gradient, init_generator, make_model
from ebmjax.methods.latent_space import common_functions, evaluate, sample
from ebmjax.types import Array, Batch, Chain, Kernel, Method, Metrics, State


def train_step(
    model_at: Callable[[Array], Model], optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """Short-run inference, then one update of the decoder, with dropout."""
    model, x, params = model_at(state.step), batch["x"], state.params
    chain_key = jax.random.split(step_key(state))[0]
    dropout_key = jax.random.fold_in(step_key(state), 2)  # as in `latent_ebm`; split uses 0 and 1
    # The learning gradient does not pass through the chain.
    z, info = jax.lax.stop_gradient(model.run(model.posterior_chain, model.posterior(params, x), chain_key, len(x)))
    nll, grad = generator_gradient(model, params, z, x, dropout_key)
    metrics = {
        "reconstruction_nll": nll,
        "posterior_grad_norm": jnp.mean(info.grad_norm),
        "posterior_spread": pytree.spread(z),
        "latent_rms": jnp.sqrt(jnp.mean(jnp.square(z))),
        "grad_norm_generator": pytree.global_norm(grad),
        "num_nonfinite": jnp.sum(info.num_nonfinite),
    } | acceptance("posterior", model.posterior_chain, info)
    state = apply_gradients(state, optimizers, {"generator": grad})
    return state._replace(step=state.step + 1), metrics


def text_short_run(
    decoder,
    *,
    posterior_chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    latent_dim: int,
    length: int,
    noise_schedule: Callable[[Array], Array] | None = None,
) -> Method:
    """Build the method.

    Args:
        decoder: Flax module of sentences, `nets.TextDecoder`.
        posterior_chain: from N(0, I) (paper: Langevin, K = 20; fewer than 10 steps let the posterior collapse).
        optimizers: {"generator": ...}.
        latent_dim: d ≥ 1 (paper: 32). length: of the rows of tokens that `sample` makes, ≥ 1; use that of the data.
        noise_schedule: training step -> noise_scale of the chain's kernel, which replaces its own. In the released code
            it is a fraction that grows during training. Chains of a trained state use the value at its step.

    Parameter group: "generator". functions: encode, sample_latent, log_likelihood, token_log_prob, start, step
    (`latent_space.text_functions`). `evaluate` gives reconstruction_nll `[B]`, nats per sentence. `init` raises
    ValueError for other data than sentences.
    """
    model = make_model(decoder, length=length, latent_dim=latent_dim, posterior_chain=posterior_chain)
    make_kernel: Callable[..., Kernel] = posterior_chain.make_kernel

    def model_at(step):
        if noise_schedule is None:
            return model
        kernel = partial(make_kernel, noise_scale=noise_schedule(step))
        return model._replace(posterior_chain=posterior_chain._replace(make_kernel=kernel))

    def init(rng_key, batch):
        keys = jax.random.split(rng_key, 3)
        return create_state(keys[2], {"generator": init_generator(model, decoder, keys[0], batch["x"])}, optimizers)

    def bound(name):
        return lambda state, *args, **options: common_functions(model_at(state.step))[name](state, *args, **options)

    evaluate_batch = lambda state, *args: evaluate(model_at(state.step), state, *args)
    functions = {name: bound(name) for name in common_functions(model)}
    step = partial(train_step, model_at, optimizers)
    return Method(init, step, partial(sample, model), evaluate_batch, functions)
