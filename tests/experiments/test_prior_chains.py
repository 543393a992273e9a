"""Long chains of a learned prior: their law where it is known, and the pictures on their way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.latent_ebm.digits import get_config
from ebmjax.data import Dataset
from ebmjax.training.experiment import Run, Trained
from ebmjax.types import Method
from experiments.measure.prior_chains import NUM_SHOWN, draw_transition, long_chain, long_samples

PRECISION = 4.0


@pytest.fixture
def run(tmp_path):
    """A run whose prior is N(0, 1 / 4) in two dimensions, decoded to 1 x 2 pixels, with chains of 100 steps."""
    config = get_config()
    config.model.latent_dim = 2
    config.evaluate.update(long_chain_steps=100, long_chain_every=25)
    functions = {
        "energy": lambda state, z: state * jnp.sum(z**2, axis=1) / 2,
        "decode": lambda state, z: jnp.tanh(z).reshape(-1, 1, 2, 1),
    }
    x = np.zeros((4, 1, 2, 1), np.uint8)
    trained = Trained(Method(None, None, None, None, functions), PRECISION)
    return Run(config, tmp_path, Dataset("toy", x, None, x, None, 255), trained, {}, jax.random.key(0))


def test_long_chains_reach_the_law_of_their_kernel(run):
    """Steps of s = .4 on N(0, 1 / λ), λ = 4: the variance falls from 1 to 1 / (λ (1 - s² λ / 4)) = .298."""
    start, end, kept = long_chain(run)(run.rng_key, 4000)
    exact = 1 / (PRECISION * (1 - 0.4**2 * PRECISION / 4))
    assert kept is None and start.shape == end.shape == (4000, 2)
    # Of 8,000 draws; the standard error of a variance is √(2 / 8000) = .016 of it: five of them.
    assert float(jnp.var(start)) == pytest.approx(1, rel=0.08)
    assert float(jnp.var(end)) == pytest.approx(exact, rel=0.08)
    x = long_samples(run)(run.rng_key, 4000)
    np.testing.assert_array_equal(x.reshape(4000, 2), jnp.tanh(end))


def test_pictures_are_those_of_their_steps(run, monkeypatch):
    """At steps 0, 25 ... 100 of the first chains; U falls from 2 · λ / 2 = 4 to 2 · λ / 2 · .298 = 1.19 in the mean."""
    seen = {}
    module = "experiments.measure.prior_chains.plot_transition"
    monkeypatch.setattr(module, lambda *given, **named: seen.update(given=given, named=named))
    (path,) = draw_transition(run)
    images, every, energies, where = seen["given"]
    assert images.shape == (NUM_SHOWN, 5, 1, 2, 1) and every == 25 and where == path
    assert energies.shape == (100, 100) and seen["named"]["num_trained"] == 60
    z = np.arctanh(images[:, 1:, 0, :, 0])  # [chains, points, d]
    np.testing.assert_allclose(PRECISION / 2 * np.sum(z**2, axis=2).T, energies[24::25, :NUM_SHOWN], rtol=1e-3)
    assert energies[50:].mean() == pytest.approx(1.19, rel=0.1)
