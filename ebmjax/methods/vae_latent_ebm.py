"""Joint training of a VAE and an energy of x and z: Han, Nijkamp, Zhou, Pang, Zhu, Wu, CVPR 2020 (arXiv 2006.06059).

    max over the energy, min over generator and encoder:   λ KL(Q || P) + KL(P || Π) - KL(Q || Π)
    Π(x, z) = exp(-E(x, z)) / Z,   Q and P as in `encoded`

The energy is lowered at (x, z ~ q(z | x)) of the data and raised at (g(z), z) of the generator, which seeks low energy
besides reconstructing the data. The encoder works against the energy: it seeks z of high E(x, z); at λ = 1 the
entropies of q cancel.
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
    encode_batch,
    encoded_metrics,
    evaluate,
    init_state,
    make_model,
    observed,
    sample,
    take_turns,
)
from ebmjax.objectives import diagonal_entropy, triangle
from ebmjax.types import Array, Batch, Method, Metrics, State

GROUPS = ("energy", "encoder", "generator")
"""Parameter groups in the order of their updates within a step, that of the official code."""


def objective(
    model: Model, weight: float, x: Array, mask: Array | None, rng_key: Array, nets: Pass
) -> tuple[Array, Metrics]:
    """(the objective in nats without its constants, metrics) of a batch whose missing entries are filled."""
    q_key, z_key = jax.random.split(rng_key)
    shape = (len(x), model.latent_dim)
    encoded = encode_batch(nets, x, mask, jax.random.normal(q_key, shape))
    z = jax.random.normal(z_key, shape)
    generated = nets("generator", z)
    energy_pos, energy_neg = nets("energy", x, encoded.z), nets("energy", generated, z)
    value = triangle(
        encoded.error / (2 * model.sigma**2),
        encoded.kl,
        energy_pos,
        energy_neg,
        diagonal_entropy(encoded.log_variance),
        weight=weight,
    )
    metrics = encoded_metrics(encoded, x, mask) | {
        "energy_gap": jnp.mean(energy_pos) - jnp.mean(energy_neg),
        "energy_pos": jnp.mean(energy_pos),
        "energy_neg": jnp.mean(energy_neg),
        "sample_spread": pytree.spread(generated),
    }
    return value, metrics


def train_step(model: Model, weight: float, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of energy, encoder and generator each, with the same noise."""
    x, mask = observed(model, state, batch)
    loss = partial(objective, model, weight, x, mask, step_key(state))
    return take_turns(model, loss, GROUPS, optimizers, state)


def joint_energy(model: Model, state: State, x: Array, z: Array) -> Array:
    """E(x, z), in nats: `[B, ...]`, `[B, d]` -> `[B]`."""
    return model.apply("energy", state, x, z)


def vae_latent_ebm(
    energy,
    generator,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    weight: float = 1.0,
    fill_steps: int = 2,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module (x[B, ...], z[B, latent_dim]) -> energy[B], `nets.JointMLPEnergy` or `JointConvEnergy`,
            which are controlled by spectral normalisation.
        generator, encoder, sigma, fill_steps: as in `vae` (official code: sigma = √½).
        optimizers: {"energy": ..., "generator": ..., "encoder": ...}.
        weight: λ ≥ 0, of KL(Q || P).

    Parameter groups: "energy", "generator", "encoder". functions: joint_energy, and those of `vae`. Metrics:
    energy_gap, energy_pos, energy_neg, reconstruction_mse, kl (nats), latent_spread, sample_spread, grad_norm_<group>.
    Raises ValueError for settings out of range, `init` for networks that do not fit.
    """
    if not weight >= 0:
        raise ValueError(f"weight = {weight} of KL(Q || P) must be at least 0")
    nets = {"energy": energy, "generator": generator, "encoder": encoder}
    model = make_model(nets, latent_dim=latent_dim, sigma=sigma, fill_steps=fill_steps)
    init = partial(init_state, model, optimizers, joint=True)
    step = partial(train_step, model, weight, optimizers)
    functions = common_functions(model) | {"joint_energy": partial(joint_energy, model)}
    return Method(init, step, partial(sample, model), partial(evaluate, model), functions)
