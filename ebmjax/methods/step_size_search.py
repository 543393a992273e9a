"""The search for the step size of a short-run posterior chain during training: Nijkamp et al. 2020 (arXiv 1912.01909),
Pang et al. 2021 (arXiv 2106.02513).

Every few iterations the step size is moved to bring the distribution of the chains' ends closer to the posterior
(`objectives.variational`) of the current generator. Its logarithm is the parameter group "log_step_size".
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ebmjax import pytree
from ebmjax.estimators.likelihood import chain_log_abs_det_rows
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import apply_gradients
from ebmjax.methods.latent_likelihood import ravelled
from ebmjax.methods.latent_model import Model
from ebmjax.objectives import fixed_noise_divergence, gaussian_log_prob, marginal_divergence
from ebmjax.types import Array, PyTree, State

OBJECTIVES = ("marginal", "marginal_diagonal", "fixed_noise")


class StepSizeSearch(NamedTuple):
    """Settings of the search for the step size during training.

    objective: "fixed_noise" is the published estimate of the divergence, whose Jacobian costs a chain per latent
        dimension; "marginal" averages over the noise and prefers longer steps; "marginal_diagonal" is its biased form
        for latents of hundreds of dimensions. See `objectives.variational`.
    every: iterations from one search to the next, ≥ 1. grid: step sizes > 0, the same for all layers, of which the best
        is taken; empty: one step of optimizers["log_step_size"] along the gradient, separately for each layer.
    width: ≥ 0, of the gradient: the objective's slope between log s - width and log s + width. 0: its derivative at s,
        which is noisier by factors of 10⁵ and more once chains are chaotic, as with too long steps: a search that
        starts there does not get away.
    num_examples: of the batch, ≥ 1; num_chains: per example ("marginal": more than the number of latent dimensions).
    num_log_det_terms: 0 for the exact Jacobian of "fixed_noise"; else terms of its estimate for many latent dimensions
        (`estimators.likelihood.estimated_log_abs_det_rows`).
    """

    objective: str = "marginal"
    every: int = 500
    grid: tuple[float, ...] = ()
    width: float = 0.15
    num_examples: int = 32
    num_chains: int = 96
    num_log_det_terms: int = 0


ModelAt = Callable[[PyTree], Model]  # log step sizes -> the model whose posterior chain has them


def divergence(
    model: Model,
    params: PyTree,
    rng_key: Array,
    x: Array,
    objective: str = "marginal",
    num_chains: int = 96,
    num_log_det_terms: int = 0,
) -> Array:
    """Mean over x`[B, ...]` of KL(q_s || p(z | x)) - log p(x), by `objective`, from num_chains chains each: a scalar.

    The same key gives the same starts and noise at every step size. Differentiate it in forward mode: there are only as
    many inputs as layers, and chains need not be stored. Other arguments as in `StepSizeSearch`.
    """
    start_key, chain_key = jax.random.split(rng_key)
    rows = jnp.tile(x, (num_chains,) + (1,) * (x.ndim - 1))
    start, unravel = pytree.ravel_rows(model.fresh(start_key, len(rows)))
    chain, potential = model.posterior_chain, model.posterior(params, rows)
    assert chain is not None
    if objective == "fixed_noise":
        kernel = ravelled(chain.make_kernel(potential), unravel)
        end, log_det = chain_log_abs_det_rows(kernel, chain_key, start, chain.num_steps, num_terms=num_log_det_terms)
        log_prob_start = gaussian_log_prob(start, jnp.zeros_like(start), 1.0)
        return fixed_noise_divergence(-model.log_joint(params, rows, unravel(end)), log_prob_start, log_det)
    z = sample_chain(chain, potential, chain_key, unravel(start))[0].position
    by_chain = lambda a: a.reshape(num_chains, len(x), *a.shape[1:])
    energy = by_chain(-model.log_joint(params, rows, z))
    return marginal_divergence(energy, by_chain(pytree.ravel_rows(z)[0]), diagonal=objective == "marginal_diagonal")


def slope(measure: Callable[[PyTree], Array], log_s: PyTree, width: float) -> PyTree:
    """∂ measure / ∂ log s of each layer, as a difference over ± width; 0 if not finite, so that no step is taken."""
    if width == 0:
        gradient = jax.jacfwd(measure)(log_s)
    else:
        flat, unravel = ravel_pytree(log_s)
        moves = width * jnp.eye(flat.size)
        values = jax.lax.map(lambda log_s: measure(unravel(log_s)), jnp.concatenate([flat + moves, flat - moves]))
        up, down = jnp.split(values, 2)
        gradient = unravel((up - down) / (2 * width))
    return jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0.0), gradient)


def learn_step_size(
    model_at: ModelAt, search: StepSizeSearch, optimizers: Mapping, state: State, rng_key: Array, x: Array
) -> State:
    """The state with the best step size of the grid, or after one gradient step."""
    old, x = state.params["log_step_size"], x[: search.num_examples]
    spec = search.objective, search.num_chains, search.num_log_det_terms
    measure = lambda log_s: divergence(model_at(log_s), state.params, rng_key, x, *spec)
    if not search.grid:
        return apply_gradients(state, optimizers, {"log_step_size": slope(measure, old, search.width)})
    spread = lambda log_s: jax.tree.map(lambda leaf: log_s.astype(leaf.dtype), old)
    grid = jnp.log(jnp.asarray(search.grid))
    values = jax.lax.map(lambda log_s: measure(spread(log_s)), grid)
    best = grid[jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values))]
    return state._replace(params=state.params | {"log_step_size": spread(best)})


def search_if_due(
    model_at: ModelAt, search: StepSizeSearch | None, optimizers: Mapping, state: State, rng_key: Array, x: Array
) -> State:
    """The state after `learn_step_size` if a search is due at this training step, else as it was."""
    if search is None:
        return state
    learn = lambda state: learn_step_size(model_at, search, optimizers, state, rng_key, x)
    return jax.lax.cond((state.step + 1) % search.every == 0, learn, lambda state: state, state)


def check_search(search: StepSizeSearch, optimizers: Mapping) -> None:
    """Raise ValueError for settings of a search that are out of range or do not fit together."""
    if search.objective not in OBJECTIVES:
        raise ValueError(f"objective = {search.objective!r} must be one of {', '.join(OBJECTIVES)}")
    if min(search.every, search.num_examples, search.num_chains, *search.grid) <= 0:
        raise ValueError(f"all numbers of {search} except width and num_log_det_terms must be > 0")
    if min(search.width, search.num_log_det_terms) < 0:
        raise ValueError(f"width = {search.width} and num_log_det_terms = {search.num_log_det_terms} must be ≥ 0")
    if bool(search.grid) == ("log_step_size" in optimizers):
        raise ValueError("give either a grid of step sizes or an optimizer of 'log_step_size'")


def log_step_sizes(step_size: PyTree, latent_dim: PyTree) -> PyTree:
    """log s of each layer of latent_dim, from one step size > 0 or one per layer."""
    return jax.tree.map(lambda s, _: jnp.log(jnp.float32(s)), pytree.leafwise(step_size, latent_dim), latent_dim)
