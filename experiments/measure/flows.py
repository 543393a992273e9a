"""Likelihoods of flows, and of a Gaussian beside them."""

import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float
from ebmjax.energies import gaussian
from ebmjax.evaluation import map_batches
from ebmjax.flows import bin_width, bits_per_dim, dequantize
from ebmjax.report.results import Figures
from experiments.build.flows import num_levels

MAX_PIXELS = 1024
"""Above this many pixels the Gaussian is left out, because its covariance takes too long."""


def continuous(run, x):
    """Examples as the flow sees them: images dequantised by a fixed draw of noise."""
    x, levels = jnp.asarray(to_float(x, run.dataset.max_value)), num_levels(run.dataset)
    return np.asarray(x if levels is None else dequantize(run.rng_key, x, levels))


def batched_log_prob(energy, batch_size: int):
    """x`[N, ...]` -> log q(x) = -energy(x) `[N]`, computed `batch_size` examples at a time."""
    return lambda x: -map_batches(energy, x, batch_size)


def likelihood_figures(run, log_prob, **parts) -> dict:
    """{"<part>_log_likelihood": mean in nats, of images also "<part>_bits_per_dim"} of {part: x`[N, ...]`}."""
    found, levels = {}, num_levels(run.dataset)
    for part, x in parts.items():
        log_q = log_prob(x)
        found[f"{part}_log_likelihood"] = np.mean(log_q)
        if levels is not None:
            found[f"{part}_bits_per_dim"] = np.mean(bits_per_dim(log_q, x[0].size, bin_width(levels)))
    return found


def gaussian_figures(run, train, test) -> Figures:
    """The arm "gaussian": test figures of N(mean, covariance) of `train`; {} if too large, or singular."""
    flat = train.reshape(len(train), -1)
    if flat.shape[1] > MAX_PIXELS:
        return {}
    covariance = np.atleast_2d(np.cov(flat.T, ddof=0))
    if np.linalg.matrix_rank(covariance) < len(covariance):
        return {}
    fitted = gaussian(flat.mean(axis=0), covariance)
    log_prob = lambda x: -fitted.energy(jnp.asarray(x.reshape(len(x), -1))) - fitted.log_z
    return {"gaussian": likelihood_figures(run, log_prob, test=test)}
