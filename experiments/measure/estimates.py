"""Figures of importance-sampled estimates, with what tells whether to trust them (`ebmjax.importance`)."""

from functools import partial

import jax
import numpy as np

from ebmjax.estimators.likelihood import annealed_log_normalizer
from ebmjax.importance import MAX_PARETO_K, WeightedMean
from ebmjax.mcmc import mala

PROTOCOL = (
    "_ess: effective number of the weights; _pareto_k: k̂ of their tail. Past its limit (at most "
    f"{MAX_PARETO_K:g}) an estimate is unreliable, most likely too low, and has no error."
)

EXAMPLES = (
    "_ess: median effective number of an example's weights; _unreliable: share of the examples past the limit of k̂ "
    "of their weights' tail, whose estimates are most likely too low."
)

NUM_TEMPERATURES, NUM_CHAINS = 2000, 500
"""Of the annealing that estimates log Z of a learned prior."""
ANNEALED = (
    f"{NUM_TEMPERATURES} temperatures from N(0, I), {NUM_CHAINS} chains by mala (any bias makes it and nll too low)"
)


def annealed_log_z(trained, rng_key, dim: int) -> WeightedMean:
    """log Z of a latent prior's energy under N(0, I) in `dim` dimensions, by annealing.

    Draws of N(0, I) never reach the codes of sentences: by these log Z would be too low by many nats.
    """
    energy = partial(trained.method.functions["energy"], trained.state)
    options = {"betas": np.linspace(0, 1, NUM_TEMPERATURES + 1), "num_chains": NUM_CHAINS}
    anneal = partial(annealed_log_normalizer, make_kernel=partial(mala, step_size=0.2), **options)
    return jax.device_get(jax.jit(lambda key: anneal(key, energy, dim))(rng_key))


def estimate_figures(name: str, found: WeightedMean) -> dict[str, float]:
    """{name, name_error, name_ess, name_pareto_k} of one estimate; no error where it is unreliable."""
    figures = {name: found.log_mean, f"{name}_error": found.standard_error}
    figures |= {f"{name}_ess": found.ess, f"{name}_pareto_k": found.pareto_k}
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}


def over_examples(name: str, found: WeightedMean) -> dict[str, float]:
    """{name_ess, name_unreliable} of the estimates of many examples: median, and the share without a finite error."""
    return {f"{name}_ess": np.median(found.ess), f"{name}_unreliable": np.mean(~np.isfinite(found.standard_error))}


def trust(found: WeightedMean) -> str:
    """What to add to the protocol of one estimate."""
    told = f"; weights: ESS {float(found.ess):.3g}, k̂ {float(found.pareto_k):.2f}"
    return told if np.isfinite(found.standard_error) else told + ", UNRELIABLE: most likely too low, its error unknown"
