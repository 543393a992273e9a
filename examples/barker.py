# ---
# jupyter: {jupytext: {text_representation: {format_name: percent}}}
# ---
# %% [markdown]
# # A new MCMC kernel, from scratch
# The Barker proposal (Livingstone & Zanella 2022, arXiv 1908.11812): draw a step z ~ N(0, s²), and in each coordinate
# take +z with probability 1 / (1 + exp(z ∂E)), else -z. A large gradient only saturates a probability, so the kernel
# tolerates step sizes that are far too large, at which MALA rejects everything.
#
# Below: the kernel, its entry in the table, a test, a comparison. Run it as a script or open it as a notebook.

# %%
import time
from functools import partial

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.diagnostics import summarise
from ebmjax.energies import TARGETS
from ebmjax.mcmc import KERNELS, Kernel, run_chain
from ebmjax.mcmc.metropolis import accept_or_reject, initial_state


# %% The kernel: 16 lines
def barker(potential, *, step_size, temperature=1.0):
    """Barker proposals of scale `step_size` with Metropolis correction, for positions x[B, d]."""

    def step(rng_key, state):
        size_key, sign_key, accept_key = jax.random.split(rng_key, 3)
        z = step_size * pytree.normal_like(size_key, state.position)
        toward = jax.random.uniform(sign_key, z.shape) < jax.nn.sigmoid(-z * state.grad / temperature)
        delta = jnp.where(toward, z, -z)
        x = state.position + delta
        energy, grad = pytree.value_and_grad_rows(potential, x)
        # q(x' | x) ∝ sigmoid(-δ ∂E(x)); the reverse step has -δ at x'.
        back, there = (
            jax.nn.log_sigmoid(delta * grad / temperature),
            jax.nn.log_sigmoid(-delta * state.grad / temperature),
        )
        log_ratio = (state.energy - energy) / temperature + pytree.sum_rows(back - there)
        return accept_or_reject(accept_key, state, (x, energy, grad), log_ratio)

    return Kernel(partial(initial_state, potential), step)


KERNELS["barker"] = barker  # from here on `sampler.name = "barker"` works in every method of this process


# %% The test: one hundred transitions from exact draws do not change the distribution
def check_invariance(kernel_name, target_name, step_size, num_chains=20_000):
    """Largest deviation of the second moments from the exact ones, in standard errors."""
    target = TARGETS[target_name]()
    start = target.sample(jax.random.key(0), num_chains)
    kernel = KERNELS[kernel_name](target.energy, step_size=step_size)
    state, info, _ = jax.jit(lambda k, x: run_chain(kernel, k, x, 100))(jax.random.key(1), start)
    square = state.position**2
    error = (square.mean(0) - start.var(0) - start.mean(0) ** 2) / (jnp.sqrt(2) * square.std(0) / num_chains**0.5)
    return float(jnp.max(jnp.abs(error))), float(info.acceptance_rate.mean())


for name, size in (("gaussian", 1.0), ("mixture", 0.5), ("banana", 2.0)):
    deviation, acceptance = check_invariance("barker", name, size)
    print(f"{name:10s} deviation {deviation:.2f} standard errors, acceptance {acceptance:.2f}")
    assert deviation < 5 and 0.05 < acceptance < 0.99


# %% The comparison: a Gaussian whose scales differ by a factor of 20, with step sizes from good to far too large
def worst_ess_per_second(kernel_name, step_size, num_steps=1000):
    """Bulk ESS of the slowest coordinate per second, and acceptance: the figures of experiments.sample."""
    scales = jnp.linspace(0.05, 1.0, 10)
    kernel = KERNELS[kernel_name](lambda x: 0.5 * jnp.sum((x / scales) ** 2, axis=1), step_size=step_size)
    run = jax.jit(lambda k, x: run_chain(kernel, k, x, num_steps, collect=lambda state, info: state.position)[1:])
    start = scales * jax.random.normal(jax.random.key(2), (32, 10))
    jax.block_until_ready(run(jax.random.key(3), start))
    began = time.perf_counter()
    info, x = jax.block_until_ready(run(jax.random.key(4), start))
    seconds = time.perf_counter() - began
    return float(summarise(x)["ess_bulk"].min()) / seconds, float(info.acceptance_rate.mean())


print("\nstep size   MALA: ESS/s, acceptance     Barker: ESS/s, acceptance")
for size in (0.05, 0.1, 0.2, 0.4):
    mala, ours = worst_ess_per_second("mala", size), worst_ess_per_second("barker", size)
    print(f"{size:9.2f}   {mala[0]:11.0f}   {mala[1]:.3f}      {ours[0]:13.0f}   {ours[1]:.3f}")
assert ours[1] > mala[1]  # at the largest step Barker still moves where MALA has stopped
