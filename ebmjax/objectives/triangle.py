"""The divergence triangle of three joint distributions of x and z, a minimax objective.

    D = λ KL(Q || P) + KL(P || Π) - KL(Q || Π),   minimised over generator and encoder, maximised over the energy

    Q(x, z) = data(x) q(z | x),   q(z | x) = N(mean, exp(log_variance)) of an encoder
    P(x, z) = p(z) p(x | z),      p(z) = N(0, I),  p(x | z) of a generator
    Π(x, z) = exp(-E(x)) q(z | x) / Z   (Han, Nijkamp et al. 2019, arXiv 1812.10907)
           or exp(-E(x, z)) / Z         (Han et al. 2020, arXiv 2006.06059)

log Z cancels. So does the entropy of the data at λ = 1, and that of P's noise is constant. Both papers have the same
remaining sum except for its last term, an entropy. If Π contains q, it is the generator's, bounded from below by
-E_P[log q(z | x)]; if not, it is the encoder's, E_Q[-log q(z | x)], which cancels that in KL(Q || P).
"""

import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array

LOG_2PI = float(np.log(2 * np.pi))


def triangle(
    negative_log_likelihood: Array,
    kl: Array,
    energy_pos: Array,
    energy_neg: Array,
    entropy: Array,
    *,
    weight: float = 1.0,
) -> Array:
    """weight · mean(nll + kl) + mean E(P) - mean E(Q) + mean(entropy): D up to constants, in nats, a scalar.

    Minimise it over the generator's and the encoder's parameters, maximise it over the energy's, which amounts to
    `contrastive`. Samples of Q and P are reparameterised, that is functions of the former parameters.

    Args:
        negative_log_likelihood: -log p(x | z) at Q, `[B]`. kl: KL(q(z | x) || p(z)), `[B]`.
        energy_pos, energy_neg: E at Q `[B]` and at P `[B']`.
        entropy: -log q(z | x) at P if Π contains q, else the entropy of q(z | x) at Q.
        weight: λ ≥ 0, of KL(Q || P).
    """
    gap = jnp.mean(energy_neg) - jnp.mean(energy_pos)
    return weight * jnp.mean(negative_log_likelihood + kl) + gap + jnp.mean(entropy)


def kl_to_normal(mean: Array, log_variance: Array) -> Array:
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats: `[B, d]` twice -> `[B]`."""
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance, axis=1)


def diagonal_log_prob(z: Array, mean: Array, log_variance: Array) -> Array:
    """log N(z; mean, exp(log_variance)) in nats: `[B, d]` three times -> `[B]`."""
    square = jnp.square(z - mean) * jnp.exp(-log_variance)
    return -0.5 * jnp.sum(square + log_variance + LOG_2PI, axis=1)


def diagonal_entropy(log_variance: Array) -> Array:
    """Entropy of N(., exp(log_variance)) in nats: `[B, d]` -> `[B]`."""
    return 0.5 * jnp.sum(log_variance + LOG_2PI + 1.0, axis=1)
