"""Score matching of an energy, without samples and without log Z: sliced (Song et al. 2019, arXiv 1905.07088) or
denoising (Vincent 2011).

It learns ∇E where there are data. Modes separated by regions without data get arbitrary relative masses.
"""

from collections.abc import Mapping

import jax
import optax

from ebmjax import pytree
from ebmjax.energies import bind
from ebmjax.flows import dequantize
from ebmjax.methods.base import apply_gradients, create_state, pure, step_key
from ebmjax.objectives import denoising_score_matching, sliced_score_matching
from ebmjax.types import Method


def score_matching(
    energy,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float = 0.0,
    num_levels: int | None = None,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, ...] -> energy[B]; twice differentiable in x for the sliced form, so no LeakyReLU.
        optimizers: {"energy": ...}.
        sigma: 0 for sliced score matching with one direction of ±1 per example; > 0 for denoising with noise of that
            standard deviation, which learns the score of the smoothed data.
        num_levels: grey levels of images over which noise is added (256); None for tables, and images as they are.

    Parameter group: "energy". Metrics: score_matching, the objective, and grad_norm_energy. functions: energy. There is
    no sampler: `sample` raises ValueError. So does sigma < 0.
    """
    if sigma < 0:
        raise ValueError(f"sigma = {sigma}, the standard deviation of the noise, must be ≥ 0")
    energy_fn = pure(energy)

    def init(rng_key, batch):
        energy_key, state_key = jax.random.split(rng_key)
        return create_state(state_key, {"energy": energy.init(energy_key, batch["x"])["params"]}, optimizers)

    def objective(params, rng_key, x):
        potential = bind(energy_fn, params)
        if sigma:
            return denoising_score_matching(potential, x, jax.random.normal(rng_key, x.shape), sigma)
        return sliced_score_matching(potential, x, jax.random.rademacher(rng_key, x.shape, x.dtype))

    def train_step(state, batch):
        level_key, noise_key = jax.random.split(step_key(state))
        x = batch["x"] if num_levels is None else dequantize(level_key, batch["x"], num_levels)
        value, grad = jax.value_and_grad(objective)(state.params["energy"], noise_key, x)
        state = apply_gradients(state, optimizers, {"energy": grad})
        metrics = {"score_matching": value, "grad_norm_energy": pytree.global_norm(grad)}
        return state._replace(step=state.step + 1), metrics

    def sample(state, rng_key, num):
        raise ValueError("score matching learns an energy without a sampler")

    energy_of = lambda state, x: energy_fn(state.params["energy"], x)
    evaluate = lambda state, rng_key, batch: {"energy": energy_of(state, batch["x"])}
    return Method(init, train_step, sample, evaluate, {"energy": energy_of})
