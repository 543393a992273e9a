"""Score matching on a Gaussian, whose best energy is known for both forms."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import score_matching


class Quadratic(nn.Module):
    """E(x) = exp(a) ||x||² / 2."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * jnp.exp(self.param("a", nn.initializers.zeros, ())) * jnp.sum(x**2, axis=1)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_variance_of_a_gaussian(sigma):
    """Of data of mean square v: sliced 1 / v, denoising 1 / (v + σ²)."""
    batch = {"x": 2 * jax.random.normal(jax.random.key(0), (2000, 2))}
    method = score_matching(
        Quadratic(), optimizers={"energy": optax.adam(optax.cosine_decay_schedule(0.05, 400))}, sigma=sigma
    )
    state = method.init(jax.random.key(1), batch)
    run = jax.jit(lambda state: jax.lax.scan(lambda s, _: method.train_step(s, batch), state, length=400))
    variance = 1 / np.exp(run(state)[0].params["energy"]["a"])
    # Sliced on a round quadratic has no noise: vᵀ v is 2 for all v of ±1. Denoising: one standard error is .05.
    assert abs(variance - (np.mean(np.square(batch["x"])) + sigma**2)) < (0.25 if sigma else 0.02)


def test_what_is_refused():
    with pytest.raises(ValueError, match="sigma = -1"):
        score_matching(Quadratic(), optimizers={}, sigma=-1)
    with pytest.raises(ValueError, match="without a sampler"):
        score_matching(Quadratic(), optimizers={}).sample(None, jax.random.key(0), 3)
