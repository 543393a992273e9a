"""The nearest-neighbour entropy: closed forms of Gaussians, scaling, gradient, equal draws, errors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.objectives import knn_entropy
from ebmjax.objectives.entropy import log_ball, nearest_neighbours

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("dim", "norm", "k"), [*((d, n, 1) for d in (1, 2, 5, 10) for n in ("l1", "l2")), (2, "l2", 4)]
)
def test_gaussians(dim, norm, k):
    """N(0, I): d log(2πe) / 2. An estimate has variance (d / 2 + ψ'(k)) / N: four of N = 2000 have s.e. ≤ .03."""
    num = 2000 if k == 1 else 500  # for k = 4 then .025
    estimate = jax.jit(partial(knn_entropy, norm=norm, k=k, chunk=500))
    found = [estimate(jax.random.normal(jax.random.fold_in(KEY, i), (num, dim))) for i in range(4)]
    np.testing.assert_allclose(np.mean(found), 0.5 * dim * np.log(2 * np.pi * np.e), atol=0.1)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_scaling_and_its_gradient(norm):
    """H(a x) = H(x) + d log a; so Σ x · ∇H = d, with whatever dimension d is given."""
    x = jax.random.normal(KEY, (20, 7))
    entropy = jax.jit(partial(knn_entropy, norm=norm, dim=3))
    np.testing.assert_allclose(entropy(5.0 * x) - entropy(x), 3 * np.log(5.0), rtol=1e-5)
    np.testing.assert_allclose(jnp.sum(x * jax.jit(jax.grad(entropy))(x)), 3.0, rtol=1e-5)
    np.testing.assert_allclose(entropy(x + 10.0), entropy(x), rtol=1e-4)


def test_neighbours_by_hand():
    x = jnp.array([[0.0, 0.0], [1.0, 1.0], [1.7, 0.2], [9.0, 9.0]])
    found = lambda **options: jax.jit(partial(nearest_neighbours, **options))(x)
    np.testing.assert_array_equal(found(norm="l1"), [2, 2, 1, 1])
    np.testing.assert_array_equal(found(norm="l2"), [1, 2, 1, 1])
    np.testing.assert_array_equal(found(norm="l2", k=2, chunk=3), [2, 0, 0, 2])


def test_balls():
    """Interval of length 2; disc π and square of half-diagonal 1; ball 4π/3 and octahedron 4/3."""
    for dim, l1, l2 in ((1, 2.0, 2.0), (2, 2.0, np.pi), (3, 4 / 3, 4 * np.pi / 3)):
        np.testing.assert_allclose(np.exp([log_ball(dim, "l1"), log_ball(dim, "l2")]), [l1, l2], rtol=1e-5)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_equal_draws_are_finite(norm):
    value, grad = jax.jit(jax.value_and_grad(partial(knn_entropy, norm=norm)))(jnp.ones((4, 2)))
    assert np.isfinite(value) and value < -30 and np.all(np.isfinite(grad))


def test_bad_input_is_refused():
    x = jnp.zeros((4, 2))
    for bad in (dict(k=4), dict(k=0)):
        with pytest.raises(ValueError, match="N > k"):
            knn_entropy(x, **bad)
    with pytest.raises(ValueError, match="unknown norm 'max'; known: l1, l2"):
        knn_entropy(x, norm="max")
    with pytest.raises(ValueError, match="x\\[N, D\\]"):
        knn_entropy(x[0])
