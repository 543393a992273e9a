"""The divergence triangle: Han*, Nijkamp*, Fang, Hill, Zhu, Wu, CVPR 2019 (arXiv 1812.10907).

    max over the energy, min over generator and encoder:   KL(Q || P) + KL(P || Π) - KL(Q || Π)
    Π(x, z) = exp(-E(x)) q(z | x) / Z,   Q and P as in `encoded`

An energy of x learned without MCMC: the generator is its sampler, and the encoder makes that sampler's entropy
tractable. The energy is lowered at the data and raised at generated examples; the generator reconstructs the data,
seeks low energy, and keeps z inferable from x (a bound of its entropy); the encoder fits both joint distributions.

The default weights give the objective above. The official code's weights differ: see `official_weights`.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.estimators.interpolation import straight_line
from ebmjax.methods.base import step_key
from ebmjax.methods.encoded import (
    Model,
    Pass,
    common_functions,
    encode_batch,
    encoded_metrics,
    evaluate,
    init_state,
    interpolate,
    make_model,
    observed,
    sample,
    take_turns,
)
from ebmjax.objectives import diagonal_log_prob, triangle
from ebmjax.types import Array, Batch, Method, Metrics, State

GROUPS = ("energy", "encoder", "generator")
"""Parameter groups in the order of their updates within a step, that of the official code."""


class TriangleWeights(NamedTuple):
    """Weights of the terms; the objective itself has all 1 and noisy samples.

    kl: ≥ 0, of KL(q(z | x) || N(0, I)). latent: ≥ 0, of -log q(z | x) at P. noisy: whether samples of P have
    observation noise, as P is defined, or are g(z).
    """

    kl: float = 1.0
    latent: float = 1.0
    noisy: bool = True


LITERAL = TriangleWeights()


def official_weights(latent_dim: int) -> TriangleWeights:
    """Weights of the official code, for sigma = √½: the KL averaged over the entries of z, latent .1, samples g(z)."""
    return TriangleWeights(1.0 / latent_dim, 0.1, False)


def objective(
    model: Model, weights: TriangleWeights, x: Array, mask: Array | None, rng_key: Array, nets: Pass
) -> tuple[Array, Metrics]:
    """(the objective in nats without its constants, metrics) of a batch whose missing entries are filled."""
    q_key, z_key, noise_key = jax.random.split(rng_key, 3)
    shape = (len(x), model.latent_dim)
    encoded = encode_batch(nets, x, mask, jax.random.normal(q_key, shape))
    z = jax.random.normal(z_key, shape)
    generated = nets("generator", z)
    if weights.noisy:
        generated += model.sigma * jax.random.normal(noise_key, x.shape)
    energy_pos, energy_neg = nets("energy", x), nets("energy", generated)
    latent_nll = -diagonal_log_prob(z, *nets("encoder", generated))
    value = triangle(
        encoded.error / (2 * model.sigma**2),
        weights.kl * encoded.kl,
        energy_pos,
        energy_neg,
        weights.latent * latent_nll,
    )
    metrics = encoded_metrics(encoded, x, mask) | {
        "energy_gap": jnp.mean(energy_pos) - jnp.mean(energy_neg),
        "energy_pos": jnp.mean(energy_pos),
        "energy_neg": jnp.mean(energy_neg),
        "latent_nll": jnp.mean(latent_nll),
        "sample_spread": pytree.spread(generated),
    }
    return value, metrics


def train_step(
    model: Model, weights: TriangleWeights, optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """One update of energy, encoder and generator each, with the same noise."""
    x, mask = observed(model, state, batch)
    loss = partial(objective, model, weights, x, mask, step_key(state))
    return take_turns(model, loss, GROUPS, optimizers, state)


def data_energy(model: Model, state: State, x: Array) -> Array:
    """E(x), in nats: `[B, ...]` -> `[B]`."""
    return model.apply("energy", state, x)


def divergence_triangle(
    energy,
    generator,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    weights: TriangleWeights = LITERAL,
    fill_steps: int = 2,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, ...] -> energy[B].
        generator, encoder, sigma, fill_steps: as in `vae`.
        optimizers: {"energy": ..., "generator": ..., "encoder": ...}.
        weights: of the terms; `official_weights(latent_dim)` are those of the official code.

    Parameter groups: "energy", "generator", "encoder". functions: data_energy, and those of `vae`. Metrics: energy_gap,
    energy_pos, energy_neg, reconstruction_mse, kl, latent_nll (nats), latent_spread, sample_spread and
    grad_norm_<group>. Raises ValueError for settings out of range, `init` for networks that do not fit.
    """
    if min(weights.kl, weights.latent) < 0:
        raise ValueError(f"weights.kl = {weights.kl} and weights.latent = {weights.latent} must be at least 0")
    nets = {"energy": energy, "generator": generator, "encoder": encoder}
    model = make_model(nets, latent_dim=latent_dim, sigma=sigma, fill_steps=fill_steps)
    init = partial(init_state, model, optimizers)
    step = partial(train_step, model, weights, optimizers)
    functions = common_functions(model) | {"data_energy": partial(data_energy, model)}
    functions["interpolate"] = partial(interpolate, model, path=straight_line)  # as the paper does
    return Method(init, step, partial(sample, model), partial(evaluate, model), functions)
