"""Samplers of the blackjax library as kernels. blackjax is optional: imported when a kernel is built."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from ebmjax import pytree
from ebmjax.mcmc.mass import mass_matrix
from ebmjax.mcmc.metropolis import move_rows
from ebmjax.mcmc.options import at_step, check, check_start
from ebmjax.types import Array, ChainState, Info, Kernel, Potential, PyTree

CACHED = ("position", "logdensity", "logdensity_grad")
"""Fields of blackjax's states that `ChainState` already has, with our sign and without the temperature."""

REFUSED = {"mgrad_gaussian": "multiplies the density by a Gaussian prior of its own"}
"""Samplers that would sample another density than the potential's, and why."""
NEEDED = {"irmh": "proposal_logdensity_fn", "irmh_as_top_level_api": "proposal_logdensity_fn"}
"""Parameters without which a sampler samples another density, though blackjax does not require them."""
FRESH_MOMENTUM = ("hmc", "dynamic_hmc", "dhmc", "multinomial_hmc", "mhmc", "dmhmc", "nuts")
"""Samplers that draw a Gaussian momentum in every transition, so that E-BFMI has its meaning."""


def from_blackjax(
    potential: Potential,
    *,
    algorithm: str,
    temperature: float | Array | Callable[[Array], Array] = 1.0,
    init_key: Array | None = None,
    **parameters: Any,
) -> Kernel:
    """`blackjax.<algorithm>(log density of one chain, **parameters)`, mapped over the chains.

    Args:
        potential: x -> energy[B]; the log density of a chain is -energy / T of its row.
        algorithm: "nuts", "hmc", "barker", "mala", "mclmc", "ghmc", "rmh" ...: any whose first argument is
            `logdensity_fn` and whose state is that of one chain. The trajectories of "hmc" have one length and resonate
            (`mcmc.hmc`); those of "dynamic_hmc" and "nuts" do not.
        temperature: T > 0, a scalar or a schedule.
        init_key: key for algorithms that draw in `init` (mclmc's momentum); a fixed one by default.
        **parameters: blackjax's own. A `step_size` may be a callable of the int32 step; mala's is our s (blackjax
            gets s² / 2). `inverse_mass`, as of `hmc`, becomes blackjax's `inverse_mass_matrix`, whose entries are in
            the order of `pytree.ravel_rows`; `warm_up` gives it. If blackjax requires them and they are not given,
            `inverse_mass_matrix` is 1 in every coordinate and `L` of mclmc is √dim.

    `Info.acceptance_rate` is blackjax's if it reports one, else 1; `ChainState.adapt` is blackjax's state without
    position, log density and gradient. Non-finite states are rejected. `Info.num_nonfinite` counts those, and the
    non-finite proposals that blackjax itself rejected and reports (its mala and rmh do not). Divergences are those that
    blackjax reports (hmc, nuts, adjusted_mclmc ...), by its own threshold; `Info.hamiltonian` is that of hmc and nuts.

    blackjax computes in JAX's default float type (float64 if that is enabled, else float32), since its samplers do not
    run in another; the potential, positions, energies and gradients keep the type of the position (at least float32).

    Inside `shard_map` nuts needs `check_vma=False`, and on a mesh with explicit axes nuts and mclmc do not run: the two
    ends of loops in blackjax have other types.

    Raises:
        ImportError: blackjax is not installed. ValueError: unknown algorithm or parameters; an algorithm that is no
            Markov chain of one position, or that samples another density.
    """
    check("from_blackjax", potential=potential, algorithm=algorithm, temperature=temperature)
    scales = {k: v for k, v in parameters.items() if k in ("step_size", "inverse_mass")}
    check("from_blackjax", **scales)
    make_algorithm, names = find_algorithm(algorithm)
    if NEEDED.get(algorithm, algorithm) not in (algorithm, *parameters):
        raise ValueError(f"blackjax.{algorithm} samples another density without the parameter {NEEDED[algorithm]}")

    def build(position, step):
        t = wide(at_step(temperature, step))
        energy_of_one = one_row(lambda x: wide(potential(cast_like(position, x))), wide(position))
        log_density = lambda x: -energy_of_one(x) / t
        options = default_options(position, names) | wide(parameters)
        if "inverse_mass" in options:
            options["inverse_mass_matrix"] = mass_matrix(options.pop("inverse_mass"), position)
        if "step_size" in options:
            options["step_size"] = at_step(options["step_size"], step)
            if algorithm == "mala":
                options["step_size"] = options["step_size"] ** 2 / 2.0
        try:
            inspect.signature(make_algorithm).bind(log_density, **options)
        except TypeError as error:
            raise ValueError(f"blackjax.{algorithm}: {error}; its parameters are {', '.join(names)}") from None
        return make_algorithm(log_density, **options), t, options.get("inverse_mass_matrix")

    def to_chain_state(bj_state, t, step, position, energy_dtype):
        grad = cast_like(position, jax.tree.map(lambda g: -t * g, getattr(bj_state, "logdensity_grad", ())))
        energy = (-t * bj_state.logdensity).astype(energy_dtype)
        cached = {name: () for name in CACHED if name in bj_state._fields}
        kept = cast_like(position, bj_state.position)
        return ChainState(kept, energy, grad, step, bj_state._replace(**cached))

    def to_blackjax(state, t):
        position, energy, grad = wide((state.position, state.energy, state.grad))
        cached = {"position": position, "logdensity": -energy / t}
        cached["logdensity_grad"] = jax.tree.map(lambda g: -g / t, grad)
        return state.adapt._replace(**{k: v for k, v in cached.items() if k in state.adapt._fields})

    def init(position):
        check_start("from_blackjax", position, temperature=temperature, **scales)
        position, step = pytree.at_least_float32(position), jnp.zeros((), jnp.int32)
        kernel, t, _ = build(position, step)
        keys = jax.random.split(jax.random.key(0) if init_key is None else init_key, pytree.num_rows(position))
        energy_dtype = jnp.promote_types(jax.eval_shape(potential, position).dtype, jnp.float32)
        start = jax.vmap(kernel.init)(wide(position), spread_keys(keys, position))
        return to_chain_state(start, t, step, position, energy_dtype)

    def step(rng_key, state):
        kernel, t, inverse_mass = build(state.position, state.step)
        keys = jax.random.split(rng_key, pytree.num_rows(state.position))
        bj_state, bj_info = jax.vmap(kernel.step)(spread_keys(keys, state.position), to_blackjax(state, t))
        new = to_chain_state(bj_state, t, state.step, state.position, state.energy.dtype)
        finite = pytree.finite_rows((new.energy, new.grad))
        rate = jnp.nan_to_num(getattr(bj_info, "acceptance_rate", jnp.ones_like(new.energy)))
        rate = jnp.where(finite, rate, 0.0).astype(new.energy.dtype)
        proposal = (new.position, new.energy, new.grad)
        moved, info = move_rows(state, proposal, finite, rate, finite & reported_finite(bj_info))
        info = with_trajectories(info, bj_info, state, t, inverse_mass if algorithm in FRESH_MOMENTUM else None)
        return moved._replace(adapt=pytree.where_rows(finite, new.adapt, state.adapt)), info

    return Kernel(init, step, adjusted=algorithm != "mclmc")


def with_trajectories(info: Info, bj_info: Any, state: ChainState, t: Array, inverse_mass: Any) -> Info:
    """`info` with the divergences that blackjax reports, and H at the start of its trajectories.

    state: before the transition. inverse_mass: blackjax's, of a Gaussian momentum; None: H is not reported.
    """
    if not hasattr(bj_info, "is_divergent"):
        return info
    divergent = bj_info.is_divergent & jnp.isfinite(state.energy)
    info = info._replace(num_divergent=divergent.astype(info.energy.dtype))
    if inverse_mass is None:
        return info
    from blackjax.mcmc.metrics import default_metric

    kinetic = jax.vmap(default_metric(inverse_mass).kinetic_energy)(bj_info.momentum, wide(state.position))
    return info._replace(hamiltonian=(wide(state.energy) / t + kinetic).astype(info.energy.dtype))


def wide(tree: PyTree) -> PyTree:
    """Floating arrays of a pytree in JAX's default float type; other leaves as they are."""
    floating = lambda leaf: hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, float) if floating(leaf) else leaf, tree)


def cast_like(position: PyTree, tree: PyTree) -> PyTree:
    """A pytree like the position, or `()`, with the types of the position's leaves."""
    return jax.tree.map(lambda leaf, x: leaf.astype(x.dtype), tree, position) if jax.tree.leaves(tree) else tree


def one_row(potential: Potential, position: PyTree) -> Callable[[PyTree], Array]:
    """x of one chain -> its energy, a scalar; under `vmap` over all chains, one call of the potential on all of them.

    Thus a potential with data of every chain (a posterior given x[B, ...]) gets rows in their order, and the gradients
    of all chains are one gradient of the summed energy, as in our own kernels. position: of all chains.
    """
    # All arrays that the potential closes over (parameters, data, labels) must become arguments, to pass through the
    # loops of nuts; jax.closure_convert would omit integers.
    program = jax.make_jaxpr(potential)(position)

    def rows_value_and_grad(x, *held):
        rows_potential = jaxpr_as_fun(ClosedJaxpr(program.jaxpr, held))
        return pytree.value_and_grad_rows(lambda y: rows_potential(*jax.tree.leaves(y))[0], x)

    @jax.custom_batching.custom_vmap
    def value_and_grad(x, *held):
        # Every call is under vmap, where `all_rows` replaces this function; it only gives the shapes.
        copies = jax.tree.map(lambda leaf, rows: jnp.broadcast_to(leaf, rows.shape), x, position)
        return jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), rows_value_and_grad(copies, *held))

    @value_and_grad.def_vmap
    def all_rows(axis_size, in_batched, x, *held):
        spread = lambda leaf, batched: leaf if batched else jnp.broadcast_to(leaf, (axis_size, *leaf.shape))
        rows = rows_value_and_grad(jax.tree.map(spread, x, in_batched[0]), *held)
        return rows, jax.tree.map(lambda _: True, rows)

    @jax.custom_vjp
    def value(x, *held):
        return value_and_grad(x, *held)[0]

    def forward(x, *held):
        energy, grad = value_and_grad(x, *held)
        return energy, (grad, held)

    def backward(residuals, cotangent):
        grad, held = residuals
        scaled = jax.tree.map(lambda leaf: (cotangent * leaf).astype(leaf.dtype), grad)
        return scaled, *[None] * len(held)

    value.defvjp(forward, backward)
    return lambda x: value(x, *program.consts)


def spread_keys(keys: Array, position: PyTree) -> Array:
    """Keys `[B]`, spread over devices like the rows of `position` (`pytree.spread_like`)."""
    rows = pytree.sum_rows(position)
    return jax.random.wrap_key_data(pytree.spread_like(jax.random.key_data(keys), rows), impl=jax.random.key_impl(keys))


def find_algorithm(algorithm: str) -> tuple[Callable, dict[str, inspect.Parameter]]:
    """blackjax's builder of that name, and its parameters after the log density."""
    try:
        import blackjax
    except ImportError as error:
        raise ImportError("from_blackjax needs blackjax: pip install blackjax") from error
    # Newer releases wrap the function; its signature is that of the wrapped one.
    module: Any = getattr(blackjax, algorithm, None)
    make_algorithm = getattr(module, "differentiable", module)
    signature = inspect.signature(make_algorithm) if callable(make_algorithm) else inspect.Signature()
    names = dict(signature.parameters)
    is_sampler = signature.return_annotation is blackjax.SamplingAlgorithm  # not an adaptation, nor an approximation
    if next(iter(names), None) != "logdensity_fn" or not (is_sampler and state_of_one_position(module)):
        why = "is no sampler of a log density that moves one position"
    else:
        why = REFUSED.get(algorithm)
    if why:
        raise ValueError(f"blackjax.{algorithm} {why}; examples of samplers: nuts, hmc, dynamic_hmc, barker, mclmc")
    names.pop("logdensity_fn")
    return make_algorithm, names


def state_of_one_position(module) -> bool:
    """Whether the states of a blackjax sampler hold one position and its log density, as far as it declares them."""
    state = inspect.signature(module.init).return_annotation if hasattr(module, "init") else None
    return {"position", "logdensity"} <= set(getattr(state, "_fields", ("position", "logdensity")))


def default_options(position, names: dict[str, inspect.Parameter]) -> dict:
    """Values for parameters that blackjax requires and that have a natural choice given the position."""
    dim = sum(leaf.size // leaf.shape[0] for leaf in jax.tree.leaves(position))
    natural = {"inverse_mass_matrix": jnp.ones(dim), "L": dim**0.5}
    return {k: v for k, v in natural.items() if k in names and names[k].default is inspect.Parameter.empty}


def reported_finite(bj_info) -> Array:
    """Bool `[B]`: whether all numbers of a row's report are finite (end of a trajectory, proposal, energy change)."""
    numbers = [leaf for leaf in jax.tree.leaves(bj_info) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return pytree.finite_rows(numbers) & getattr(bj_info, "nonans", True)
