"""How far the law q(z | x) of a short chain is from the posterior: what the step size of its inference minimises.

    KL(q || p(z | x)) = E_q[log q(z | x) + U(z)] + log p(x),   U(z) = -log p(x, z)

Each objective below is an estimate of the right side without log p(x), in nats; they differ in what stands for log q.
The ends of the chains are arguments, functions of the step size through their starts and noise.
"""

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma

from ebmjax.types import Array

LOG_2PI_E = np.log(2 * np.pi) + 1.0


def fixed_noise_divergence(energy: Array, log_prob_start: Array, log_det: Array) -> Array:
    """mean of log p_0(z_0) - log|det ∂z_K/∂z_0| + U(z_K): the published estimator, a scalar.

    That is log q of z_K given the noise ε of the chain. Averaged over ε, it exceeds the marginal objective, by the
    information that ε has on z_K: KL(q(z | ε) || p) is convex in q. Without noise both are the same. With noise its
    minimum lies at much smaller steps, as if noise were no help; and it has poles, where I - s² ∇²U / 2 is singular.

    Args:
        energy: U(z_K), `[B]`, normalised (with all its log 2π), else off by a constant. log_prob_start: log p_0(z_0),
            `[B]`. log_det: `[B]`, exact; `evaluation.likelihood.log_abs_det_rows` with the noise held fixed.

    Reference: Nijkamp et al. 2020 (arXiv 1912.01909).
    """
    return jnp.mean(log_prob_start - log_det + energy)


def marginal_divergence(energy: Array, z: Array, *, diagonal: bool = False) -> Array:
    """mean U(z_K) minus the mean `gaussian_entropy` of each example's chains: a scalar.

    Exact for a Gaussian q. For another a lower bound, as no law of that covariance has more entropy than the Gaussian.

    Args:
        energy: U, `[M, B]`, of M chains for each of B examples. z: their ends, `[M, B, D]`. diagonal: see below.
    """
    return jnp.mean(energy) - jnp.mean(gaussian_entropy(z, diagonal=diagonal))


def gaussian_entropy(z: Array, *, diagonal: bool = False) -> Array:
    """Entropy in nats of Gaussians with the sample covariances of z`[M, B, D]` over its first axis: `[B]`.

    Unbiased where z is Gaussian: E log det of a Wishart matrix is known, and its bias, which depends on M and D alone,
    is taken off.

    Args:
        diagonal: variances alone. That costs O(M D) instead of O(M D² + D³) and takes M ≥ 2 instead of M > D draws,
            but overrates the entropy, by -log det(correlations) / 2: for latents of hundreds of dimensions, where
            what correlations a step size makes are neglected.

    Raises ValueError for too few draws.
    """
    num, _, dim = z.shape
    if num < (2 if diagonal else dim + 1):
        raise ValueError(
            f"the covariance of {dim} dimensions needs more than {num} chains: take more, or diagonal=True"
        )
    centred = z - jnp.mean(z, axis=0)
    if diagonal:
        log_det = jnp.sum(jnp.log(jnp.sum(jnp.square(centred), axis=0)), axis=1)
    else:
        log_det = jnp.linalg.slogdet(jnp.einsum("mbi,mbj->bij", centred, centred))[1]
    # log χ² with n degrees of freedom has mean ψ(n / 2) + log 2; det of Wishart(n) is a product of n, n - 1, ... ones.
    freedom = jnp.full(dim, num - 1.0) if diagonal else num - 1.0 - jnp.arange(dim)
    return 0.5 * (log_det - jnp.sum(digamma(freedom / 2) + jnp.log(2.0)) + dim * LOG_2PI_E)
