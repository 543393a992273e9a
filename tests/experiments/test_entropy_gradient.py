"""The study of the entropy's gradient: its estimators on a linear generator, what it writes, and what it refuses."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation.ppca import LinearGenerator
from experiments.measure import entropy_gradient as study

GENERATOR = LinearGenerator(jnp.array([[1.0, 0.0], [0.0, 0.5], [0.3, 0.3]]), jnp.ones(3), jnp.float32(0.5))
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def of():
    return study.draw(GENERATOR, KEY, 4000)


def test_the_exact_score_gives_the_exact_gradient(of):
    """Up to the error of 4,000 pairs, below 5 %; the z that made x alone gives nothing for W, and D / σ for σ."""
    exact = study.gradient_figures(GENERATOR, of, GENERATOR.score(of.x))
    assert exact["weights"] == pytest.approx(1, abs=0.1) and exact["sigma"] == pytest.approx(1, abs=0.1)
    alone = study.gradient_figures(GENERATOR, of, of.noise / GENERATOR.sigma)
    assert alone["weights"] == pytest.approx(0, abs=0.1)
    of_sigma = float(GENERATOR.entropy_gradient()[1])
    assert alone["sigma"] == pytest.approx(3 / 0.5 / of_sigma, rel=0.05)


def test_bias_and_spread_of_a_made_up_estimator():
    """c + .3 + noise of sd 2: bias .3, sd 2, in units of an exact score of size 1."""
    exact = jnp.where(jax.random.bernoulli(KEY, 0.5, (50, 4)), 1.0, -1.0)
    estimate = lambda key: exact + 0.3 + 2 * jax.random.normal(key, exact.shape)
    mean, variance = study.moments(KEY, estimate, 200)
    found = study.score_figures(exact, mean, variance, 200)
    # The mean has a standard error of 2 / √(200 · 200) = .01; without its own spread the bias would come out as .33.
    assert found["bias"] == pytest.approx(0.3, abs=0.03) and found["sd"] == pytest.approx(2, rel=0.03)
    assert found["signed_bias"] == pytest.approx(0.3, abs=0.04)


def test_more_draws_less_bias(of):
    """Importance sampling with the best scale, which gives too small a gradient; a chain, as it forgets its start."""
    few = study.Draws(*(a[:200] for a in of))
    scale = 1 / jnp.sqrt(1 + jnp.sum(GENERATOR.weights**2, axis=0) / GENERATOR.sigma**2)
    estimators = {
        "importance": partial(study.by_importance, GENERATOR, scale, few),
        "chain": partial(study.by_chain, GENERATOR, 0.5, few),
    }
    for name, estimate in estimators.items():
        found = [study.estimator_figures(GENERATOR, few, partial(estimate, n), 40, KEY) for n in (2, 40)]
        assert found[1]["bias"] < 0.5 * found[0]["bias"] and found[1]["sd"] < found[0]["sd"], name
        shares = [one["gradient_weights"] for one in found]
        assert shares[1] == pytest.approx(1, abs=0.2)  # of 200 pairs
        assert name == "chain" or shares[0] < shares[1] - 0.2


@pytest.mark.slow
def test_the_fitted_scale_is_the_best():
    """η_j = 1 / √(1 + ||W_j||² / σ²), from .1, in 500 steps."""
    best = 1 / jnp.sqrt(1 + jnp.sum(GENERATOR.weights**2, axis=0) / GENERATOR.sigma**2)
    found = jax.jit(study.fit_proposal, static_argnums=(2, 3))(GENERATOR, KEY, 500, 200)
    np.testing.assert_allclose(found, best, rtol=0.1)


@pytest.mark.slow
def test_what_it_writes(run):
    found = run("entropy_gradient", "digits:smoke")
    names = ("bias", "sd", "signed_bias", "gradient_weights", "gradient_sigma")
    of_draws = {f"{name}_{num}" for name in names for num in (2, 4)}
    assert set(found.metrics) == of_draws | {"proposal_scale", "proposal_scale_error", "step_size", "sigma"}
    assert found.names == dict.fromkeys(("hmc", "exact", "own_z"), of_draws)
    assert found.pictures == {"bias_and_spread"}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.latent_dim=64", "latent_dim = 64 must be between 1 and 63"),
        ("--config.data.name=pydoc", "has sentences, and PCA needs images or tables"),
        ("--config.num_samples=(1,)", "num_samples"),
    ],
)
def test_refusals(word, message, fails):
    assert message in fails("entropy_gradient", "digits:smoke", word)
