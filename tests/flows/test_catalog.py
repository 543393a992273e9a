"""Flows by name: shapes, and one line for what does not fit."""

import jax
import numpy as np
import pytest

from ebmjax.flows import make_flow

KEY = jax.random.key(0)


def test_a_flow_of_vectors_takes_images():
    flow = make_flow("triangular_affine", (2, 3, 1))
    x = np.random.RandomState(0).standard_normal((5, 2, 3, 1)).astype(np.float32)
    params = flow.init(KEY, x)
    z, log_det = flow.encode(params, x)
    assert flow.dim == 6 and z.shape == (5, 6) and log_det.shape == (5,)
    np.testing.assert_allclose(flow.decode(params, z)[0], x, atol=1e-6)
    assert flow.sample(params, KEY, 4).shape == (4, 2, 3, 1)


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("glowing", (4,), {}, "unknown flow 'glowing'; known: additive_coupling, "),
        ("spline_coupling", (4,), {"num_steps": 2, "depth": 1}, "no option depth, num_steps; it has .'num_layers'"),
        ("glow", (4,), {}, "glow needs images"),
    ],
)
def test_what_does_not_fit_is_refused(name, shape, options, message):
    with pytest.raises(ValueError, match=message):
        make_flow(name, shape, **options)
