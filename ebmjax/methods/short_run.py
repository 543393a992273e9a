"""Short-run MCMC: Nijkamp, Hill, Zhu, Wu, NeurIPS 2019 (arXiv 1904.09770).

    x = M(z, u):  x_0 = z ~ p_0,   x_{k+1} = x_k - a ∇E(x_k) + s u_k,   x = x_K

The model is the distribution of x, that of a generator with K layers that share the energy's weights. Learning matches
it to the data although K steps are far too few to sample exp(-E / T), which is not used as a model. A different K is a
different model. As z is a latent vector, examples can be interpolated and reconstructed.

Training is `anatomy` with initial = "noise": the same steps for the same keys.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax.energies import bind
from ebmjax.mcmc import run_chain
from ebmjax.methods.data_space import (
    Model,
    common_functions,
    evaluate,
    fresh,
    init_state,
    make_model,
    positives,
    run,
    update,
)
from ebmjax.objectives import squared_error
from ebmjax.types import Array, Batch, Chain, Method, Metrics, State


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Chains from fresh noise, then one update of the energy; fixed points match E_q[∂E/∂θ] to E_data[∂E/∂θ]."""
    x_pos, start_key, chain_key = positives(model, state, batch)
    x_neg, info = run(model, state.params["energy"], chain_key, fresh(model, start_key, len(x_pos)))
    return update(model, optimizers, state, x_pos, x_neg, info)


def sample_steps(model: Model, state: State, rng_key: Array, num: int, num_steps: int | None = None) -> Array:
    """Samples `[num, *shape]` after `num_steps` from fresh noise; the default, K of training, is the learned model."""
    start_key, chain_key = jax.random.split(rng_key)
    return run(model, state.params["energy"], chain_key, fresh(model, start_key, num), num_steps)[0]


def decode(model: Model, map_chain: Chain, state: State, z: Array) -> Array:
    """M(z) of the map's chain: `[B, *shape]` -> `[B, *shape]`, deterministic and differentiable.

    A gradient through it stores the positions of the chain and computes the rest of each step twice.
    """
    kernel = map_chain.make_kernel(bind(model.energy_fn, state.params["energy"]))
    kernel = kernel._replace(step=jax.checkpoint(kernel.step))
    # One fixed key: if the chain has noise, u is held fixed.
    return run_chain(kernel, jax.random.key(0), z, map_chain.num_steps, unroll=map_chain.unroll)[0].position


def interpolate(model: Model, map_chain: Chain, state: State, z_start: Array, z_end: Array, num: int) -> Array:
    """M(ρ z_start + √(1 - ρ²) z_end), ρ from 1 to 0: `[B, *shape]` twice -> `[B, num, *shape]`, ends included.

    For independent starts of mean 0 the mixture keeps their variance. ρ is the cosine of equally spaced angles.
    """
    angle = jnp.linspace(0, jnp.pi / 2, num).reshape(1, num, *[1] * len(model.shape))
    z = jnp.cos(angle) * z_start[:, None] + jnp.sin(angle) * z_end[:, None]
    return decode(model, map_chain, state, z.reshape(-1, *model.shape)).reshape(z.shape)


def reconstruct(
    model: Model,
    map_chain: Chain,
    state: State,
    rng_key: Array,
    x: Array,
    *,
    num_iterations: int = 200,
    learning_rate: float = 0.05,
) -> tuple[Array, Array]:
    """(M(z), z) with z ≈ argmin ||x - M(z)||², both `[B, *shape]`: Adam from fresh noise, back through all K steps.

    A small error is no evidence of learning: the map of an untrained net is close to the identity and reconstructs
    anything. A root mean square of z like that of the starting noise is a better sign.
    """
    optimizer = optax.adam(learning_rate)
    error = lambda z: jnp.sum(squared_error(decode(model, map_chain, state, z), x))

    def step(carry, _):
        z, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(error)(z), opt_state)
        return (optax.apply_updates(z, updates), opt_state), None

    z = fresh(model, rng_key, len(x))
    (z, _), _ = jax.lax.scan(step, (z, optimizer.init(z)), None, length=num_iterations)
    return decode(model, map_chain, state, z), z


def short_run(
    energy,
    *,
    chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    shape: Sequence[int],
    map_chain: Chain | None = None,
    noise: str = "uniform",
    initial_scale: float = 1.0,
    temperature: float = 1.0,
    data_noise: float = 0.0,
    energy_l2: float = 0.0,
    gradient_penalty: float = 0.0,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, *shape] -> energy[B].
        chain: K steps from noise to x⁻ (paper: Langevin, K = 100, a = 1, s = 0.01, so step_size 0.01 and
            temperature 5e-5).
        optimizers: {"energy": ...}.
        shape: of one example; checked against the data by `init`.
        map_chain: the chain of M as a function of z alone, for interpolation and reconstruction; usually `chain`
            without its noise (`langevin(noise_scale=0)`). Default: `chain` with its noise held fixed.
        data_noise: ≥ 0, standard deviation added to the data (paper: 0.03 in pixels of [-1, 1]; less is better until
            training is unstable).
        noise, initial_scale, temperature, energy_l2, gradient_penalty: as in `anatomy`; p_0 is U(-1, 1) in the paper.

    Metrics: see `data_space.update`. Parameter group: "energy". functions: energy; temperature (state); fresh (state,
    key, num), starts z; run (state, key, x, num_steps=None), chains from x; sample_steps (state, key, num,
    num_steps=None); decode (state, z); interpolate (state, z_start, z_end, num); reconstruct (state, key, x,
    num_iterations, learning_rate).
    Raises ValueError for settings out of range.
    """
    model = make_model(
        energy,
        chain,
        shape,
        noise,
        initial_scale=initial_scale,
        temperature=temperature,
        data_noise=data_noise,
        energy_l2=energy_l2,
        gradient_penalty=gradient_penalty,
    )
    map_chain = chain if map_chain is None else map_chain

    def init(rng_key, batch):
        return init_state(model, energy, optimizers, jax.random.split(rng_key)[0], batch)

    mapped = {f.__name__: partial(f, model, map_chain) for f in (decode, interpolate, reconstruct)}
    functions = common_functions(model) | mapped | {"sample_steps": partial(sample_steps, model)}
    step, sample = partial(train_step, model, optimizers), partial(sample_steps, model)
    return Method(init, step, sample, partial(evaluate, model), functions)
