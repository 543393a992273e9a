"""Divergences between the distribution q(z | x) of a short chain and the posterior, to minimise over the step size.

    KL(q || p(z | x)) = E_q[log q(z | x) + U(z)] + log p(x),   U(z) = -log p(x, z)

Each objective below estimates the right side without log p(x), in nats; they differ in the estimate of log q. The ends
of the chains are arguments, reparameterised as functions of the step size with starts and noise held fixed.
"""

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma

from ebmjax.types import Array

LOG_2PI_E = np.log(2 * np.pi) + 1.0


def fixed_noise_divergence(energy: Array, log_prob_start: Array, log_det: Array) -> Array:
    """mean of log p_0(z_0) - log|det ∂z_K/∂z_0| + U(z_K): the published estimator, a scalar.

    It uses log q of z_K given the noise ε of the chain. Averaged over ε, it exceeds the marginal objective by the
    information that ε has on z_K: KL(q(z | ε) || p) is convex in q. Without noise both are equal. With noise its
    minimum is at much smaller steps, as the benefit of noise is ignored, and it has poles where I - s² ∇²U / 2 is
    singular.

    Args:
        energy: U(z_K), `[B]`, normalised (with all log 2π terms), else the result is off by a constant. log_prob_start:
            log p_0(z_0), `[B]`. log_det: `[B]`, exact; `estimators.likelihood.log_abs_det_rows` with fixed noise.

    Reference: Nijkamp et al. 2020 (arXiv 1912.01909).
    """
    return jnp.mean(log_prob_start - log_det + energy)


def marginal_divergence(energy: Array, z: Array, *, diagonal: bool = False) -> Array:
    """mean U(z_K) minus the mean `gaussian_entropy` of each example's chains: a scalar.

    Exact for a Gaussian q, else a lower bound: of all distributions of one covariance the Gaussian has most entropy.

    Args:
        energy: U, `[M, B]`, of M chains for each of B examples. z: their ends, `[M, B, D]`. diagonal: see below.
    """
    return jnp.mean(energy) - jnp.mean(gaussian_entropy(z, diagonal=diagonal))


def gaussian_entropy(z: Array, *, diagonal: bool = False) -> Array:
    """Entropy in nats of Gaussians with the sample covariances of z`[M, B, D]` over its first axis: `[B]`.

    Unbiased for Gaussian z: E log det of a Wishart matrix is known, and its bias, which depends only on M and D, is
    subtracted.

    Args:
        diagonal: use only variances. This costs O(M D) instead of O(M D² + D³) and needs M ≥ 2 instead of M > D draws,
            but overestimates the entropy by -log det(correlations) / 2. For latents of hundreds of dimensions.

    Raises ValueError for too few draws.
    """
    num, _, dim = z.shape
    if num < (2 if diagonal else dim + 1):
        raise ValueError(f"the covariance of {dim} dimensions needs more than {num} chains: use more, or diagonal=True")
    centred = z - jnp.mean(z, axis=0)
    if diagonal:
        log_det = jnp.sum(jnp.log(jnp.sum(jnp.square(centred), axis=0)), axis=1)
    else:
        log_det = jnp.linalg.slogdet(jnp.einsum("mbi,mbj->bij", centred, centred))[1]
    # log χ²_n has mean ψ(n / 2) + log 2; the determinant of a Wishart(n) matrix is a product of χ²_n, χ²_{n-1}, ...
    freedom = jnp.full(dim, num - 1.0) if diagonal else num - 1.0 - jnp.arange(dim)
    return 0.5 * (log_det - jnp.sum(digamma(freedom / 2) + jnp.log(2.0)) + dim * LOG_2PI_E)
