"""HMC chains of a flow-backbone EBM in its latent space and in data space, with equally many gradients."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import autocorrelation, summarise
from ebmjax.evaluation import sample_in_batches
from ebmjax.mcmc import adapt_step_size, averaged_step_size, hmc, learn_inverse_mass, run_chain
from ebmjax.types import Array, Potential, PyTree

NUM_PROJECTIONS = 10
MAX_LAG = 100


class Walk(NamedTuple):
    """HMC chains in one space: x`[num_steps, num_chains, *shape]` in data space, their figures, and `[num_lags, K]`
    the autocorrelation of the K quantities that are diagnosed, averaged over chains."""

    x: np.ndarray
    figures: dict[str, float]
    autocorrelation: np.ndarray


def walk(
    potential: Potential,
    start: Array,
    rng_key: Array,
    settings,
    *,
    energy: Potential,
    to_data: Callable[[Array], Array] = lambda position: position,
) -> Walk:
    """Chains from `start` `[num_chains, ...]`: `num_warmup` transitions, whose first half learns the diagonal mass and
    whose second half the step size, then `num_steps` kept.

    settings: num_warmup, num_steps, num_leapfrog (a mean), step_size, target_acceptance. energy: of x, the first
    quantity that is diagnosed; NUM_PROJECTIONS random directions of x are the others. Both spaces see the same.
    """
    half = settings.num_warmup // 2

    def make_kernel(inverse_mass):
        return adapt_step_size(
            potential,
            make_kernel=partial(hmc, num_leapfrog=settings.num_leapfrog, inverse_mass=inverse_mass),
            step_size=settings.step_size,
            target=settings.target_acceptance,
            num_adapt=settings.num_warmup - half,
        )

    @jax.jit
    def sample():
        mass_key, warm_key, sample_key = jax.random.split(rng_key, 3)
        position, inverse_mass = learn_inverse_mass(make_kernel, mass_key, start, half)
        kernel = make_kernel(inverse_mass)
        state, _, _ = run_chain(kernel, warm_key, position, settings.num_warmup - half)
        collect = lambda state, info: to_data(state.position)
        state, info, x = run_chain(
            kernel, sample_key, state.position, settings.num_steps, adapt=state.adapt, collect=collect
        )
        return x, jnp.mean(info.acceptance_rate), averaged_step_size(state.adapt)

    x, acceptance, step_size = sample()
    energies = jax.jit(lambda x: jax.lax.map(energy, x))(x)
    quantities = jnp.concatenate([energies[..., None], project(x)], axis=-1)
    found, lags = jax.jit(summarise)(quantities), min(MAX_LAG + 1, settings.num_steps)
    rho = jnp.mean(autocorrelation(quantities, lags), axis=1)
    figures = {
        "rhat_max": jnp.max(found["rhat"]),
        "rhat_energy": found["rhat"][0],
        "ess_bulk_min": jnp.min(found["ess_bulk"]),
        "acceptance": acceptance,
        "step_size": step_size,
        "num_gradients": (settings.num_warmup + settings.num_steps) * settings.num_leapfrog,
    }
    return Walk(np.asarray(x), {name: float(value) for name, value in figures.items()}, np.asarray(rho))


def project(x: Array) -> Array:
    """x`[T, C, ...]` on fixed random directions of length 1: `[T, C, NUM_PROJECTIONS]`."""
    flat = x.reshape(*x.shape[:2], -1)
    directions = jax.random.normal(jax.random.key(0), (flat.shape[2], NUM_PROJECTIONS))
    return flat @ (directions / jnp.linalg.norm(directions, axis=0))


def class_changes(x: np.ndarray, logits: Callable[[PyTree], Array]) -> float:
    """Changes of the most likely class in 1,000 transitions of a chain: x`[T, C, ...]`."""
    classes = np.asarray(jnp.argmax(jax.jit(lambda x: jax.lax.map(logits, x))(jnp.asarray(x)), axis=-1))
    return float(1000 * np.mean(classes[1:] != classes[:-1]))


def independent_draws(functions, state, rng_key: Array, num: int, dim: int, settings) -> np.ndarray:
    """x`[num, *shape]` of a `flow_backbone`: ends of independent latent chains, `num_warmup` transitions from N(0, I).

    settings: as of `walk`, and batch_size, chains at a time.
    """
    kernel = adapt_step_size(
        partial(functions["latent_energy"], state),
        make_kernel=partial(hmc, num_leapfrog=settings.num_leapfrog),
        step_size=settings.step_size,
        target=settings.target_acceptance,
    )

    @partial(jax.jit, static_argnums=1)
    def draw(key, size):
        start_key, chain_key = jax.random.split(key)
        end, _, _ = run_chain(kernel, chain_key, jax.random.normal(start_key, (size, dim)), settings.num_warmup)
        return functions["decode"](state, end.position)

    return sample_in_batches(draw, rng_key, num, min(num, settings.batch_size))


def compare_spaces(functions, state, z: Array, rng_key: Array, settings) -> dict[str, Walk]:
    """{"latent": chains on U(z), "data": chains on E(x) - log q(x)} of a `flow_backbone`, both from z and g(z); the
    latter only where the backbone has a density."""
    latent, decode, energy = (partial(functions[name], state) for name in ("latent_energy", "decode", "energy"))
    keys = jax.random.split(rng_key)
    found = {"latent": walk(latent, z, keys[0], settings, energy=energy, to_data=decode)}
    if "data_energy" in functions:
        data = partial(functions["data_energy"], state)
        found["data"] = walk(data, jax.jit(decode)(z), keys[1], settings, energy=energy)
    return found
