"""NICE as an energy: the published number of parameters, a constant volume, and a Flax module."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.flows import FlowEnergy, make_flow, nice


def test_published_number_of_parameters():
    """MNIST, Grathwohl, Kelly et al. 2021: four couplings of 392-1000-1000-1000-1000-392 and 784 scales."""
    shapes = jax.eval_shape(nice(784).init, jax.random.key(0), jnp.zeros((1, 784)))
    assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes)) == 15_154_352


def test_energy_of_a_flow():
    flow, x = (
        make_flow("nice", (2, 3, 1), num_layers=3, widths=(8, 8)),
        jax.random.normal(jax.random.key(1), (5, 2, 3, 1)),
    )
    energy = FlowEnergy(flow)

    @jax.jit
    def compute(x):
        variables = jax.tree.map(lambda leaf: leaf + 0.2, energy.init(jax.random.key(0), x))
        encode = lambda x: flow.encode(variables["params"]["flow"], x)
        jacobian = jax.jacobian(lambda row: encode(row[None])[0][0])(x[0]).reshape(6, 6)
        return energy.apply(variables, x), *encode(x), jacobian

    found, z, log_det, jacobian = compute(x)
    np.testing.assert_allclose(found, 0.5 * np.sum(z**2, 1) + 3 * np.log(2 * np.pi) - log_det, rtol=1e-5)
    # The scales alone change volumes: 6 · .2.
    np.testing.assert_allclose(log_det, 1.2, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], 1.2, rtol=1e-4)
    # Every coordinate moves another one, whichever half it is in.
    assert np.all(np.sum(np.abs(jacobian) > 1e-4, axis=0) > 1)


def test_one_coordinate_has_no_halves():
    with pytest.raises(ValueError, match="at least 2 coordinates, got dim = 1"):
        nice(1)
