"""Score matching on a Gaussian, whose best energy is known for both forms."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import score_matching
from ebmjax.methods.base import step_key


class Quadratic(nn.Module):
    """E(x) = exp(a) ||x||² / 2."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * jnp.exp(self.param("a", nn.initializers.zeros, ())) * jnp.sum(x**2, axis=1)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_a_step_by_hand(sigma):
    """The slope at a = 0 of e^2a |x|² / 2 - 2 e^a, for directions of ±1, or of |ε / σ - e^a (x + σ ε)|² / 2."""
    batch = {"x": 2 * jax.random.normal(jax.random.key(0), (50, 2))}
    method = score_matching(Quadratic(), optimizers={"energy": optax.sgd(0.1)}, sigma=sigma)
    state = method.init(jax.random.key(1), batch)
    after, metrics = jax.jit(method.train_step)(state, batch)
    x = np.asarray(batch["x"], float)
    square = np.mean(np.sum(x**2, axis=1))
    value, slope = square / 2 - 2, square - 2
    if sigma:
        noise = np.asarray(jax.random.normal(jax.random.split(step_key(state))[1], x.shape), float)
        noisy = x + sigma * noise
        residual = noise / sigma - noisy
        value, slope = np.mean(np.sum(residual**2, 1)) / 2, -np.mean(np.sum(residual * noisy, 1))
    assert float(metrics["score_matching"]) == pytest.approx(value, rel=1e-4)
    assert float(after.params["energy"]["a"]) == pytest.approx(-0.1 * slope, rel=1e-4)


def test_what_is_refused():
    with pytest.raises(ValueError, match="sigma = -1"):
        score_matching(Quadratic(), optimizers={}, sigma=-1)
    with pytest.raises(ValueError, match="without a sampler"):
        score_matching(Quadratic(), optimizers={}).sample(None, jax.random.key(0), 3)
