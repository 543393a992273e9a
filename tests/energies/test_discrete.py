"""Closed forms of the discrete energies: transfer matrices, sums over hidden units, Ising as Potts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import all_states, enumerated, ising, potts, rbm

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("num, coupling, field", [(5, 0.4, 0.0), (7, -0.8, 0.3)])
def test_ising_ring_by_its_transfer_matrix(num, coupling, field):
    """Z = Tr M^n with M(s, s') = exp(J s s' + h (s + s') / 2); without a field λ± = 2 cosh J, 2 sinh J."""
    s = np.array([-1.0, 1.0])
    matrix = np.exp(coupling * np.outer(s, s) + field * (s[:, None] + s) / 2)
    law = enumerated(ising(coupling, field), all_states((num,)))
    np.testing.assert_allclose(law.log_z, np.log(np.trace(np.linalg.matrix_power(matrix, num))), rtol=1e-6)
    if not field:
        expected = (2 * np.cosh(coupling)) ** num + (2 * np.sinh(coupling)) ** num
        np.testing.assert_allclose(law.log_z, np.log(expected), rtol=1e-6)
        np.testing.assert_allclose(law.mean, 0.5, atol=1e-6)


@pytest.mark.parametrize("periodic", [True, False])
def test_ising_square_by_its_transfer_matrix(periodic):
    """4 x 4: M between two rows of 16 states, its rows rings or open."""
    rows = 2 * np.asarray(all_states((4,))) - 1
    within = np.sum(rows * np.roll(rows, 1, 1), 1) if periodic else np.sum(rows[:, 1:] * rows[:, :-1], 1)
    between, half = np.exp(0.3 * rows @ rows.T), np.exp(0.15 * within)
    matrix = half[:, None] * between * half
    power = np.linalg.matrix_power(matrix, 4 if periodic else 3)
    z = np.trace(power) if periodic else half @ power @ half
    law = enumerated(ising(0.3, periodic=periodic), all_states((4, 4)))
    np.testing.assert_allclose(law.log_z, np.log(z), rtol=1e-6)


def test_a_field_of_every_site():
    """Without coupling, sites are independent: P(x_i = 1) = sigmoid(2 h_i / T)."""
    field = RANDOM.normal(size=(2, 3))
    law = enumerated(ising(0.0, field), all_states((2, 3)), temperature=1.7)
    np.testing.assert_allclose(law.mean, 1 / (1 + np.exp(-2 * field / 1.7)), rtol=1e-5)
    np.testing.assert_allclose(law.log_z, np.sum(np.log(2 * np.cosh(field / 1.7))), rtol=1e-6)


def test_potts_ring_and_its_field():
    """Z = (e^J + K - 1)^n + (K - 1) (e^J - 1)^n; without coupling softmax of the field."""
    states = all_states((5,), 3, one_hot=True)
    z = (np.exp(0.6) + 2) ** 5 + 2 * (np.exp(0.6) - 1) ** 5
    law = enumerated(potts(0.6), states)
    np.testing.assert_allclose(law.log_z, np.log(z), rtol=1e-6)
    np.testing.assert_allclose(law.mean, 1 / 3, atol=1e-6)
    field = np.array([0.5, -1.0, 0.0])
    np.testing.assert_allclose(
        enumerated(potts(0.0, field), states).mean, np.tile(jax.nn.softmax(field), (5, 1)), rtol=1e-5
    )


@pytest.mark.parametrize("periodic", [True, False])
def test_potts_of_two_states_is_ising(periodic):
    """x·x' = (1 + s s') / 2: J of Potts is J / 2 of Ising, plus J / 2 a bond: 18 bonds of a 3 x 3 torus, else 12."""
    bits, one_hot = all_states((3, 3)), all_states((3, 3), 2, one_hot=True)
    found = potts(0.8, periodic=periodic)(one_hot)
    bonds = 18 if periodic else 12
    np.testing.assert_allclose(found, ising(0.4, periodic=periodic)(bits) - 0.4 * bonds, atol=1e-5)


def test_rbm_is_the_sum_over_its_hidden_units():
    """Over h in {0, 1}^3, written out, for all v; log Z the other way round, over v given h, in closed form."""
    w, b, c = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=4), RANDOM.normal(size=3)
    v, h = (np.asarray(all_states((n,)), np.float64) for n in (4, 3))
    joint = v @ w @ h.T + (v @ b)[:, None] + h @ c
    law = enumerated(rbm(w, b, c), all_states((4,)))
    np.testing.assert_allclose(rbm(w, b, c)(all_states((4,))), -np.logaddexp.reduce(joint, axis=1), rtol=1e-5)
    log_z = np.logaddexp.reduce(h @ c + np.sum(np.logaddexp(0, b + h @ w.T), axis=1))
    np.testing.assert_allclose(law.log_z, log_z, rtol=1e-6)
    np.testing.assert_allclose(law.mean, np.exp(joint - log_z).sum(1) @ v, rtol=1e-5)


def test_the_exact_law_is_drawn():
    """Frequencies of 8 states: χ² with 7 degrees of freedom, below 7 + 4.5 √14."""
    law = enumerated(ising(0.5, 0.2), all_states((3,)))
    draws = law.sample(jax.random.key(0), 20_000)
    index = np.asarray(draws @ jnp.array([4.0, 2.0, 1.0])).astype(int)
    expected = 20_000 * np.exp(np.asarray(law.log_prob, np.float64))
    np.testing.assert_allclose(expected.sum(), 20_000, rtol=1e-6)
    assert np.sum((np.bincount(index, minlength=8) - expected) ** 2 / expected) < 7 + 4.5 * np.sqrt(14)


def test_states_are_all_there():
    bits, one_hot = all_states((2, 2)), all_states((2, 2), 3, one_hot=True)
    assert bits.shape == (16, 2, 2) and len(np.unique(bits, axis=0)) == 16 and bits.dtype == jnp.float32
    assert one_hot.shape == (81, 2, 2, 3) and len(np.unique(one_hot, axis=0)) == 81
    np.testing.assert_array_equal(one_hot.sum(-1), 1)
    np.testing.assert_array_equal(all_states((2,), 3), np.stack(np.divmod(np.arange(9), 3), 1))


def test_refusals():
    with pytest.raises(ValueError, match=r"2\^25 states are too many"):
        all_states((5, 5))
    with pytest.raises(ValueError, match=r"weights must be \(2, 3\)"):
        rbm(np.ones((3, 2)), np.ones(2), np.ones(3))
