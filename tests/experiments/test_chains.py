"""Chains from a config: step sizes of every step, and which settings are refused."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.energies import standard_normal
from ebmjax.mcmc import sample_chain
from ebmjax.training.config import ConfigError
from experiments.build.chains import make_adapting_chain, make_chain, noise_free_chain

KEY, START = jax.random.key(0), jnp.ones((4, 2))


def config(num_steps=3, step_size=(0.5, 0.4, 0.3), name="langevin", options=(), **fields):
    chain = {"num_steps": num_steps, "step_size": step_size, "temperature": 1.0} | fields
    sampler = {"name": name, "chain": chain, "options": dict(options), "target_acceptance": 0.0}
    return ConfigDict({"sampler": sampler})


def test_every_step_has_its_own_step_size():
    """Without noise, x ← (1 - s² / 2) x on N(0, I); the chain from a config can be sent to another process."""
    chain = pickle.loads(pickle.dumps(make_chain(config(noise_scale=0.0), "chain")))
    end = sample_chain(chain, standard_normal, KEY, START)[0].position
    np.testing.assert_allclose(end, (1 - 0.25 / 2) * (1 - 0.16 / 2) * (1 - 0.09 / 2), rtol=1e-6)
    end = sample_chain(noise_free_chain(config(), "chain", 2), standard_normal, KEY, START)[0].position
    np.testing.assert_allclose(end, (1 - 0.09 / 2) ** 2, rtol=1e-6)  # the last one


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"num_steps": 4}, "^sampler.chain.step_size has 3 values, but num_steps = 4$"),
        ({"step_size": (0.5, 0.4, float("nan"))}, "must be > 0$"),
        ({"step_size": (0.5, 0.0, 0.3)}, "must be > 0$"),
        ({"step_size": float("nan")}, "must be > 0$"),
        ({"temperature": 0.0}, "must be > 0$"),
        ({"noise_scale": -1.0}, "must be >= 0$"),
        ({"temperature": float("inf")}, "^sampler.chain or sampler.options.langevin: langevin: temperature must be"),
        ({"name": "hmc", "options": {"hmc": {"num_leapfrog": 0}}}, "hmc: num_leapfrog must be an integer >= 1, got 0$"),
        ({"name": "hmc", "options": {"hmc": {"friction": 1.0}}}, "sampler.options.hmc: .* argument 'friction'"),
    ],
)
def test_bad_settings_are_named_before_training(fields, message):
    with pytest.raises(ConfigError, match=message):
        make_chain(config(**fields), "chain")


def test_trajectories_may_have_one_length():
    make_chain(config(name="hmc", options={"hmc": {"jitter": 0.0}}), "chain")
    make_chain(config(name="underdamped", options={"underdamped": {"friction": 0.0}}), "chain")


def test_what_adapts_has_one_step_size():
    adapting = config(name="hmc")
    adapting.sampler.target_acceptance = 0.8
    with pytest.raises(ConfigError, match="must be one number"):
        make_adapting_chain(adapting, "chain")
