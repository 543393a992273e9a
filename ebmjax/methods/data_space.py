"""Common parts of methods with one energy of x: starting noise, the chain of negatives, the learning step.

    p(x) ∝ exp(-E(x) / T),   T = s² / (2a) for chains x' = x - a ∇E(x) + s ε

Learning lowers the energy of data x⁺ and raises that of the chains' ends x⁻. `short_run` and `anatomy` differ in the
starts of the chains and in the use of the learned model.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.energies import bind
from ebmjax.mcmc import bank as banks
from ebmjax.mcmc import run_chain
from ebmjax.methods.base import acceptance, apply_gradients, create_state, pure, step_key
from ebmjax.objectives import contrastive, gradient_penalty
from ebmjax.types import Array, Batch, Chain, EnergyFn, Info, Kernel, Metrics, PyTree, State

NOISE = {
    "uniform": lambda key, shape, scale: jax.random.uniform(key, shape, minval=-scale, maxval=scale),
    "normal": lambda key, shape, scale: scale * jax.random.normal(key, shape),
}
"""Distributions of fresh chains by name: U(-scale, scale) or N(0, scale²) in every entry."""


class Model(NamedTuple):
    """One energy, the chain that samples it, and the terms of its loss.

    energy_fn: (params, x[B, *shape]) -> energy[B]. chain: makes x⁻ from the starts. shape: of one example.
    noise: name in `NOISE`, with initial_scale > 0. temperature: T > 0 of the chain, used only to report the energy gap
        in nats. data_noise: ≥ 0, standard deviation of noise added to the data.
    energy_l2, gradient_penalty: ≥ 0, weights of those terms (`ebmjax.objectives.contrastive`).
    """

    energy_fn: EnergyFn
    chain: Chain
    shape: tuple[int, ...]
    noise: str = "uniform"
    initial_scale: float = 1.0
    temperature: float = 1.0
    data_noise: float = 0.0
    energy_l2: float = 0.0
    gradient_penalty: float = 0.0


def make_model(energy, chain: Chain, shape, noise: str, **numbers: float) -> Model:
    """A `Model` of a Flax module x[B, *shape] -> energy[B]. Raises ValueError for settings out of range."""
    if noise not in NOISE:
        raise ValueError(f"noise = {noise!r} must be one of {', '.join(NOISE)}")
    model = Model(pure(energy), chain, tuple(shape), noise, **numbers)
    for name, above in (("initial_scale", True), ("temperature", True), ("data_noise", False)):
        value = getattr(model, name)
        if not (value > 0 if above else value >= 0):
            raise ValueError(f"{name} = {value} must be {'>' if above else '≥'} 0")
    return model


def init_state(model: Model, energy, optimizers: Mapping, rng_key: Array, batch: Batch, chains=None) -> State:
    """A state at step 0, with `chains` (if any) in `extra`. Raises ValueError if the data's shape is another."""
    if batch["x"].shape[1:] != model.shape:
        raise ValueError(f"the method was built for examples {model.shape}, the data have {batch['x'].shape[1:]}")
    params_key, state_key = jax.random.split(rng_key)
    params = {"energy": energy.init(params_key, jnp.zeros((1, *model.shape)))["params"]}
    return create_state(state_key, params, optimizers, {} if chains is None else {"chains": chains})


def fresh(model: Model, rng_key: Array, num: int) -> Array:
    """Starting noise of `num` chains: `[num, *shape]`."""
    return NOISE[model.noise](rng_key, (num, *model.shape), model.initial_scale)


def norm_before(kernel: Kernel) -> Kernel:
    """The kernel with `Info.grad_norm` at the position before the step instead of after it, as r_s is defined."""

    def step(rng_key, state):
        new, info = kernel.step(rng_key, state)
        has_grad = jax.tree.leaves(state.grad)
        norm = jnp.sqrt(pytree.square_norm_rows(state.grad)) if has_grad else info.grad_norm
        return new, info._replace(grad_norm=norm)

    return kernel._replace(step=step)


def run(model: Model, params: PyTree, rng_key: Array, x: Array, num_steps: int | None = None) -> tuple[Array, Info]:
    """Chains from `x[B, *shape]`: their ends `[B, *shape]`, and `Info` with ||∇E|| *before* each step.

    num_steps: static, ≥ 0; default that of the chain. K steps cost K + 1 gradients.
    """
    kernel = norm_before(model.chain.make_kernel(bind(model.energy_fn, params)))
    num_steps = model.chain.num_steps if num_steps is None else num_steps
    end, info, _ = run_chain(kernel, rng_key, x, num_steps, unroll=model.chain.unroll)
    return end.position, info


def run_from_bank(
    model: Model, bank: banks.Bank, reinitialise: float, state: State, start_key: Array, chain_key: Array
) -> tuple[Array, Info, PyTree]:
    """(ends of chains drawn from the bank in extra["chains"], `Info`, the store with these ends); `state` stays.

    reinitialise: probability in [0, 1] that a chain starts in fresh noise instead.
    """
    draw_key, fresh_key, coin_key = jax.random.split(start_key, 3)
    index, store = banks.draw(bank, draw_key), state.extra["chains"]
    start = banks.read(bank, store, index)
    if reinitialise:
        start = banks.reinitialise(coin_key, start, fresh(model, fresh_key, bank.batch_size), reinitialise)
    x_neg, info = run(model, state.params["energy"], chain_key, start)
    return x_neg, info, banks.write(bank, store, index, x_neg)


def starts(model: Model, bank: banks.Bank | None, state: State, rng_key: Array, num: int) -> Array:
    """Starts of the chains of `sample`, `[num, *shape]`: noise, or chains of the bank in random order, none of them a
    second time before all have had their turn."""
    if bank is None:
        return fresh(model, rng_key, num)
    index = jnp.resize(jax.random.permutation(rng_key, bank.num_chains), (num,))
    return state.extra["chains"][banks.row_of(bank, index)]


def positives(model: Model, state: State, batch: Batch) -> tuple[Array, Array, Array]:
    """(x⁺, the data with noise; the key of this step's starts; the key of its chains)."""
    data_key, start_key, chain_key = jax.random.split(step_key(state), 3)
    x = batch["x"]
    if model.data_noise:
        x = x + model.data_noise * jax.random.normal(data_key, x.shape, x.dtype)
    return x, start_key, chain_key


def update(
    model: Model,
    optimizers: Mapping,
    state: State,
    x_pos: Array,
    x_neg: Array,
    info: Info,
    further: Callable[[PyTree], tuple[Array, Metrics]] | None = None,
) -> tuple[State, Metrics]:
    """One update of the energy from x⁺ `[B, *shape]` and x⁻ `[B', *shape]`, both held fixed; step + 1.

    further: parameters of the energy -> (a term added to the loss, more metrics).

    Metrics: energy_gap = mean E(x⁺) - mean E(x⁻); energy_pos, energy_neg; d_s = energy_gap / T, in nats;
    r_s = mean over chain steps and chains of ||∇E|| before each step (of E, not of E / T); chain_spread, the standard
    deviation of x⁻ over the chains, averaged over coordinates; chain_acceptance (`base.acceptance`); num_nonfinite
    proposals; grad_norm_energy of the update; and gradient_penalty, before its weight, if that is > 0.
    """
    # The learning gradient does not pass through the chain.
    x_pos, x_neg = jax.lax.stop_gradient((x_pos, x_neg))

    def loss(params):
        energy_pos, energy_neg = model.energy_fn(params, x_pos), model.energy_fn(params, x_neg)
        value = contrastive(energy_pos, energy_neg, energy_l2=model.energy_l2)
        metrics = {"energy_pos": jnp.mean(energy_pos), "energy_neg": jnp.mean(energy_neg)}
        if model.gradient_penalty:
            metrics["gradient_penalty"] = gradient_penalty(bind(model.energy_fn, params), x_pos)
            value += model.gradient_penalty * metrics["gradient_penalty"]
        if further is not None:
            term, more = further(params)
            value, metrics = value + term, metrics | more
        return value, metrics

    grad, metrics = jax.grad(loss, has_aux=True)(state.params["energy"])
    gap = metrics["energy_pos"] - metrics["energy_neg"]
    metrics |= {
        "energy_gap": gap,
        "d_s": gap / model.temperature,
        "r_s": jnp.mean(info.grad_norm),
        "chain_spread": pytree.spread(x_neg),
        "num_nonfinite": jnp.sum(info.num_nonfinite),
        "grad_norm_energy": pytree.global_norm(grad),
    } | acceptance("chain", model.chain, info)
    state = apply_gradients(state, optimizers, {"energy": grad})
    return state._replace(step=state.step + 1), metrics


def energy_of(model: Model, state: State, x: Array) -> Array:
    """E(x), not divided by T: `[B, *shape]` -> `[B]`."""
    return model.energy_fn(state.params["energy"], x)


def sample(model: Model, bank: banks.Bank | None, fresh_steps: int, state: State, rng_key: Array, num: int) -> Array:
    """Ends of chains: of `fresh_steps` steps from noise, or, if that is 0, from `starts` as in training."""
    start_key, chain_key = jax.random.split(rng_key)
    start = starts(model, None if fresh_steps else bank, state, start_key, num)
    return run(model, state.params["energy"], chain_key, start, fresh_steps or None)[0]


def sampling_functions(model: Model, bank: banks.Bank | None, fresh_steps: int) -> dict[str, Callable]:
    """`Method.functions` of the starts of `sample`; where it goes on from a bank, also num_chains (state), how many
    different samples there are, and continue_chains (state, key, index `[B]`) -> the ends of those chains."""
    functions = {"starts": partial(starts, model, bank)}
    if bank is None or fresh_steps:
        return functions

    def continue_chains(state, rng_key, index):
        start = state.extra["chains"][banks.row_of(bank, index)]
        return run(model, state.params["energy"], rng_key, start)[0]

    return functions | {"continue_chains": continue_chains, "num_chains": lambda state: bank.num_chains}


def evaluate(model: Model, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{"energy": E(x) of the examples as they are, `[B]`}."""
    return {"energy": energy_of(model, state, batch["x"])}


def common_functions(model: Model) -> dict[str, Callable]:
    """`Method.functions` that need only the energy and the chain: energy, temperature, fresh, run."""

    def run_from(state, rng_key, x, num_steps=None):
        return run(model, state.params["energy"], rng_key, x, num_steps)[0]

    return {
        "energy": partial(energy_of, model),
        "temperature": lambda state: model.temperature,
        "fresh": lambda state, rng_key, num: fresh(model, rng_key, num),
        "run": run_from,
    }
