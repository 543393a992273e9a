"""Wake-sleep: Hinton, Dayan, Frey, Neal, Science 1995. An opponent in the divergence triangle's paper (arXiv
1812.10907).

    generator (wake):  minimise  E_Q[||x - g(z)||²] / (2σ²),   z ~ q(z | x) held fixed
    encoder (sleep):   minimise  E_P[-log q(z | x)],           x = g(z) + σ ε held fixed, z ~ N(0, I)

Q and P as in `encoded`. The encoder learns from dreams alone, so no objective is common to both networks.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import step_key
from ebmjax.methods.encoded import (
    Model,
    Pass,
    common_functions,
    evaluate,
    init_state,
    make_model,
    observed,
    sample,
    take_turns,
)
from ebmjax.objectives import diagonal_log_prob, kl_to_normal, squared_error
from ebmjax.types import Array, Batch, Method, Metrics, State


def objective(model: Model, x: Array, mask: Array | None, rng_key: Array, nets: Pass) -> tuple[Array, Metrics]:
    """(the sum of both terms in nats, each of which moves one network alone; metrics)."""
    q_key, z_key, noise_key = jax.random.split(rng_key, 3)
    shape = (len(x), model.latent_dim)
    mean, log_variance = nets("encoder", x)
    inferred = jax.lax.stop_gradient(mean + jnp.exp(0.5 * log_variance) * jax.random.normal(q_key, shape))
    decoded = nets("generator", inferred)
    error = squared_error(x, decoded if mask is None else jnp.where(mask, decoded, x))
    z = jax.random.normal(z_key, shape)
    dreamt = nets("generator", z) + model.sigma * jax.random.normal(noise_key, x.shape)
    latent_nll = -diagonal_log_prob(z, *nets("encoder", jax.lax.stop_gradient(dreamt)))
    num = jnp.float32(x.size) if mask is None else jnp.sum(jnp.broadcast_to(mask, x.shape))
    metrics = {
        "reconstruction_mse": jnp.sum(error) / num,
        "kl": jnp.mean(kl_to_normal(mean, log_variance)),
        "latent_nll": jnp.mean(latent_nll),
        "latent_spread": pytree.spread(inferred),
    }
    return jnp.mean(error) / (2 * model.sigma**2) + jnp.mean(latent_nll), metrics


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the encoder from dreams, then one of the generator from data."""
    x, mask = observed(model, state, batch)
    loss = partial(objective, model, x, mask, step_key(state))
    return take_turns(model, loss, ("encoder", "generator"), optimizers, state)


def wake_sleep(
    generator,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    fill_steps: int = 2,
) -> Method:
    """Build the method; arguments, parameter groups and functions as of `vae`. Metrics: also latent_nll, in nats."""
    model = make_model(
        {"generator": generator, "encoder": encoder}, latent_dim=latent_dim, sigma=sigma, fill_steps=fill_steps
    )
    init, step = partial(init_state, model, optimizers), partial(train_step, model, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, model), common_functions(model))
