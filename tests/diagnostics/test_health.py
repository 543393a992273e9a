"""Learning health: correlations by hand and of a known process, and the sign that is called expansion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.diagnostics import count_updates, learning_correlations
from ebmjax.objectives import contrastive

NUM = 4000


def test_normalisation_by_hand():
    """d_s keeps its mean and has mean square 1; r_s is standardised; both divided by N - 1."""
    d, r = np.array([1.0, 3.0, -1.0, 1.0], np.float32), np.array([2.0, 4.0, 6.0, 4.0], np.float32)
    found = learning_correlations(d, r, max_lag=2)
    np.testing.assert_array_equal(found.lags, [-2, -1, 0, 1, 2])
    a, b = d / np.sqrt(3), (r - 4) / np.sqrt(8 / 3)
    # At lag 1: a_{t+1} b_t; at lag -1: a_t b_{t+1}.
    expected = [a[:2] @ b[2:], a[:3] @ b[1:], a @ b, a[1:] @ b[:3], a[2:] @ b[:2]]
    np.testing.assert_allclose(found.cross, np.array(expected) / 3, rtol=1e-5, atol=1e-6)
    signal = [a[2:] @ a[:2], a[1:] @ a[:3], a @ a, a[1:] @ a[:3], a[2:] @ a[:2]]
    np.testing.assert_allclose(found.signal, np.array(signal) / 3, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.gradient[2], 1, rtol=1e-5)


def test_a_known_process():
    """d_s an AR(1) with coefficient -.6 (a strong oscillation), r_s a copy of it 3 steps late, plus a mean."""
    noise = np.random.default_rng(0).normal(size=NUM)
    d = np.zeros(NUM)
    for t in range(1, NUM):
        d[t] = -0.6 * d[t - 1] + noise[t]
    found = learning_correlations(d, 5 + 2 * np.roll(d, 3), max_lag=15)
    expected = (-0.6) ** np.abs(np.arange(-15, 16))
    # Bartlett: the s.e. of an autocorrelation is below √(2 / N) = .02 here.
    np.testing.assert_allclose(found.signal, expected, atol=0.1)
    np.testing.assert_allclose(found.gradient, expected, atol=0.1)
    np.testing.assert_allclose(found.cross, (-0.6) ** np.abs(np.arange(-15, 16) + 3), atol=0.1)
    # The other way round, d_s 3 steps after r_s: a peak at lag 3, as in the paper's pictures.
    after = learning_correlations(np.roll(d, 3), 5 + 2 * d, max_lag=15)
    np.testing.assert_allclose(after.cross, (-0.6) ** np.abs(np.arange(-15, 16) - 3), atol=0.1)


def test_a_constant_gradient_has_no_correlation():
    found = learning_correlations(jnp.array([1.0, -1.0] * 20), jnp.ones(40))
    assert np.isnan(found.gradient).all() and np.isfinite(found.signal).all()


def test_expansion_is_learning_that_scales_the_energy_up():
    """Descent of the loss in the scale α of αE raises α exactly where d_s < 0."""
    pos, neg = jnp.array([1.0, 2.0]), jnp.array([4.0, 3.0])
    slope = jax.grad(lambda scale: contrastive(scale * pos, scale * neg))
    assert slope(1.0) == contrastive(pos, neg) == -2  # descent goes towards larger scales
    assert [int(n) for n in count_updates(jnp.array([-1.0, 0.5, -2.0, 0.0]))] == [2, 1]


@pytest.mark.parametrize("shapes", [((20,), (21,)), ((16,), (16,)), ((20, 1), (20, 1))])
def test_wrong_shapes(shapes):
    with pytest.raises(ValueError, match=r"d_s\[N\] and r_s\[N\] with N > max_lag \+ 1 = 16"):
        learning_correlations(*map(np.zeros, shapes))


@pytest.mark.parametrize("scale", [1e20, 1e-20])
def test_units_do_not_matter(scale):
    d_s, r_s = np.random.default_rng(0).normal(1.0, 1.0, (2, 50)).astype(np.float32)
    found, expected = (
        learning_correlations(d_s * np.float32(scale), r_s / np.float32(scale)),
        learning_correlations(d_s, r_s),
    )
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, atol=1e-5)
