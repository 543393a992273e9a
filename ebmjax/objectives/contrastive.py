"""The maximum-likelihood gradient of an energy-based model as a loss, and a penalty on the energy's slope."""

import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.types import Array, Potential, PyTree


def contrastive(energy_pos: Array, energy_neg: Array, *, energy_l2: float = 0.0) -> Array:
    """mean E(x⁺) - mean E(x⁻), plus `energy_l2` · (mean E(x⁺)² + mean E(x⁻)²).

    Its gradient with respect to the parameters of E is that of the negative log-likelihood when x⁺ are data (or
    posterior samples) and x⁻ are samples of the model, both held fixed: -∇ log p(x) = ∇E(x) - E_p[∇E].
    Adding a constant to E changes neither the value nor, without `energy_l2`, the gradient.

    Args:
        energy_pos, energy_neg: `[B]` and `[B']`, in nats. energy_l2: ≥ 0, keeps energies near 0 (IGEBM).

    Reference: Nijkamp et al. 2019 (arXiv 1903.12370), section 2; Pang et al. 2020 (arXiv 2006.08205), eq. (7).
    """
    loss = jnp.mean(energy_pos) - jnp.mean(energy_neg)
    if energy_l2:
        loss += energy_l2 * (jnp.mean(jnp.square(energy_pos)) + jnp.mean(jnp.square(energy_neg)))
    return loss


def gradient_penalty(potential: Potential, x: PyTree) -> Array:
    """mean ||∇E(x)||² / 2 over the rows of x, pytree of `[B, ...]`; at data, it keeps the energy flat where they lie.

    Reference: Grathwohl et al. 2021 (arXiv 2010.04230), who weigh it by 0.1.
    """
    return 0.5 * jnp.mean(pytree.square_norm_rows(pytree.value_and_grad_rows(potential, x)[1]))
