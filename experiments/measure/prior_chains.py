"""Chains of a learned prior, much longer than those of its training: where they go, in pictures and energies."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.mcmc import run_chain
from ebmjax.viz.chains import plot_transition
from experiments.build.chains import make_chain

LIMITS = {"evaluate.long_chain_steps": 0, "evaluate.long_chain_every": 1}
NUM_SHOWN, NUM_CURVES = 4, 100
"""Chains whose pictures are shown, and chains whose energies are."""


def long_chain(run, collect=None):
    """(rng_key, num) -> what `run_chain` returns for `num` chains of evaluate.long_chain_steps, from N(0, I), by the
    kernel of the prior's chain in training."""
    method, state = run.trained
    kernel = make_chain(run.config, "prior").make_kernel(partial(method.functions["energy"], state))

    def chains(rng_key, num):
        start_key, chain_key = jax.random.split(rng_key)
        start = jax.random.normal(start_key, (num, run.config.model.latent_dim))
        end, info, kept = run_chain(kernel, chain_key, start, run.config.evaluate.long_chain_steps, collect=collect)
        return start, end.position, kept

    return jax.jit(chains, static_argnums=1)


def long_samples(run):
    """(rng_key, num) -> x`[num, ...]` decoded from the ends of long chains."""
    (method, state), chains = run.trained, long_chain(run)
    decode = jax.jit(method.functions["decode"])
    return lambda rng_key, num: decode(state, chains(rng_key, num)[1])


def draw_transition(run) -> dict:
    """{path: caption} of the pictures along a few long chains, with the energies of more below."""
    method, state = run.trained
    settings, shape = run.config.evaluate, run.dataset.x_train.shape[1:]
    start, _, (z, energy) = long_chain(run, lambda state, info: (state.position, state.energy))(run.rng_key, NUM_CURVES)
    every = settings.long_chain_every
    shown = jnp.concatenate([start[None], z[every - 1 :: every]])[:, :NUM_SHOWN]  # [points, chains, d]
    x = jax.jit(method.functions["decode"])(state, shown.reshape(-1, shown.shape[-1]))
    images = np.asarray(x).reshape(-1, NUM_SHOWN, *shape).swapaxes(0, 1)
    path, trained = run.workdir / "long_chains.png", run.config.sampler.prior.num_steps
    title = f"chains of the learned prior on {run.dataset.name}, a picture every {every} steps"
    plot_transition(images, every, np.asarray(energy), path, num_trained=trained, title=title)
    return {path: f"Chains of {settings.long_chain_steps} steps from N(0, I); in training they have {trained}"}
