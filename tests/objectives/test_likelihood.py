"""The categorical log-probability of token sequences against probabilities written out."""

import jax.numpy as jnp
import numpy as np

from ebmjax.objectives import sequence_log_prob


def test_sequence_log_prob():
    """Logits up to a constant, masked positions ignored whatever is there."""
    p = np.array([[[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [[0.3, 0.3, 0.4], [0.6, 0.2, 0.2]]], np.float32)
    tokens = np.array([[1, 2], [0, 1]])
    logits = jnp.log(p) + np.array([[[1.0], [100.0]], [[-50.0], [0.0]]], np.float32)
    both = sequence_log_prob(logits, tokens, np.ones((2, 2), bool))
    np.testing.assert_allclose(both, np.log([0.25 * 0.7, 0.3 * 0.2]), rtol=1e-4)
    mask = np.array([[True, False], [False, True]])
    far = logits.at[0, 1].set(jnp.inf)
    np.testing.assert_allclose(sequence_log_prob(far, tokens, mask), np.log([0.25, 0.2]), rtol=1e-4)
