"""log p(x) of generators of latent vectors, by importance sampling from Gaussians or from the chain itself."""

from collections.abc import Callable
from functools import partial

import jax

from ebmjax import pytree
from ebmjax.energies import bind
from ebmjax.estimators.likelihood import (
    ShortRunDraws,
    chain_signed_log_det_rows,
    gaussian_proposal_log_likelihood,
    log_normalizer,
    over_normalizer,
    short_run_draws,
    short_run_log_likelihood,
)
from ebmjax.importance import WeightedMean
from ebmjax.methods.latent_model import Model
from ebmjax.types import Array, Kernel, PyTree, State


def log_likelihood_estimate(
    model: Model,
    state: State,
    rng_key: Array,
    x: Array,
    *,
    num_samples: int = 100,
    num_draws: int = 24,
    num_normalizer_samples: int = 10_000,
) -> WeightedMean:
    """Importance-sampled log p(x) in nats, `[B]`, with its error, ESS and k̂.

    The proposal is a Gaussian fitted to num_draws ≥ 2 ends of the posterior chain
    (`gaussian_proposal_log_likelihood`). With N(0, I) as the prior it is a lower bound in expectation, tighter with
    more num_samples. With an energy, log Z is estimated from N(0, I); where that fails (standard error inf), it is too
    low and log p(x) too high: use `estimators.likelihood.annealed_log_normalizer`.
    """
    draws_key, weights_key, normalizer_key = jax.random.split(rng_key, 3)
    potential = model.posterior(state.params, x)
    unravel = pytree.ravel_rows(model.zeros())[1]
    draw = lambda key: pytree.ravel_rows(model.run(model.posterior_chain, potential, key, len(x))[0])[0]
    draws = jax.lax.map(draw, jax.random.split(draws_key, num_draws))
    log_joint = lambda rows: model.log_joint(state.params, x, unravel(rows))
    found = gaussian_proposal_log_likelihood(weights_key, log_joint, draws, num_samples=num_samples)
    return with_normalizer(model, state, normalizer_key, found, num_normalizer_samples)


def ravelled(kernel: Kernel, unravel: Callable[[Array], PyTree]) -> Kernel:
    """The kernel on vectors `[B, D]` for positions of several leaves."""

    flat = lambda state: state._replace(position=pytree.ravel_rows(state.position)[0])

    def step(rng_key, state):
        state, info = kernel.step(rng_key, state._replace(position=unravel(state.position)))
        return flat(state), info

    return kernel._replace(init=lambda z: flat(kernel.init(unravel(z))), step=step)


def short_run_estimates(
    model: Model,
    state: State,
    rng_key: Array,
    x: Array,
    *,
    num_samples: int = 100,
    num_normalizer_samples: int = 10_000,
) -> tuple[WeightedMean, ShortRunDraws]:
    """As `log_likelihood_estimate`, with the posterior chain itself, its noise held fixed, as the proposal; and the
    chains' ends and determinants.

    The published estimate. It is right only for chains that are one-to-one in their starts: see
    `estimators.likelihood.short_run_log_likelihood`, which gives NaN where it finds that they are not.
    """
    chain_key, normalizer_key = jax.random.split(rng_key)
    chain, potential = model.posterior_chain, model.posterior(state.params, x)
    row, unravel = pytree.ravel_rows(model.zeros())
    assert chain is not None
    kernel = ravelled(chain.make_kernel(potential), unravel)
    transport = partial(chain_signed_log_det_rows, kernel, num_steps=chain.num_steps)
    draws = short_run_draws(chain_key, transport, num_rows=len(x), dim=row.size, num_samples=num_samples)
    found = short_run_log_likelihood(draws, lambda rows: model.log_joint(state.params, x, unravel(rows)))
    return with_normalizer(model, state, normalizer_key, found, num_normalizer_samples), draws


def with_normalizer(
    model: Model, state: State, rng_key: Array, found: WeightedMean, num_normalizer_samples: int
) -> WeightedMean:
    """log p(x) from log p(x) + log Z: log Z of the learned prior from draws of N(0, I); 0 without an energy."""
    if model.energy_fn is None:
        return found
    dim = sum(jax.tree.leaves(model.latent_dim))
    energy = bind(model.energy_fn, state.params["energy"])
    return over_normalizer(found, log_normalizer(rng_key, energy, dim, num_normalizer_samples))
