"""The warm-ups of the blackjax library: what they find, as a kernel. `mcmc.warm_up` is our own."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.mcmc.blackjax import from_blackjax
from ebmjax.mcmc.options import check, check_start
from ebmjax.types import Array, Kernel, Potential, PyTree


class Adapted(NamedTuple):
    """kernel: `from_blackjax` with the parameters. position: of the chains, where the adaptation left them.
    parameters: blackjax's, by name, with `algorithm`."""

    kernel: Kernel
    position: PyTree
    parameters: dict[str, Any]


def adapt_blackjax(
    potential: Potential,
    rng_key: Array,
    position: PyTree,
    num_steps: int,
    *,
    adaptation: str,
    temperature: float | Array = 1.0,
    **options: Any,
) -> Adapted:
    """Run an adaptation of blackjax, and return its sampler as a kernel of all chains.

    Args:
        potential: x -> energy[B], whose rows blackjax evaluates one by one.
        position: pytree of `[B, ...]`. Of "window", "mclmc" and "adjusted_mclmc", which adapt on one chain, only the
            first moves; the others are returned as they were given.
        num_steps: of the adaptation; of the two MCLMC the length of the run to be tuned for, of which blackjax takes
            three (two) tenths.
        adaptation: "window": Stan's, for `algorithm` (an option, "nuts" by default; others need their own parameters
            among the options, `num_integration_steps` for "hmc"). "chees": for "dynamic_hmc"; it needs the option
            `optim`, an optax optimiser, and takes `step_size`, its start (.1). Lengths are then drawn uniformly, not by
            Halton's sequence. "meads": for "ghmc"; B must be a multiple of 4. "mclmc": for "mclmc".
            "adjusted_mclmc": for "adjusted_mclmc_dynamic", with `target`, the acceptance to reach (.9).
        temperature: T > 0.
        **options: blackjax's own, of `window_adaptation`, `chees_adaptation`, `meads_adaptation`,
            `mclmc_find_L_and_step_size`, `adjusted_mclmc_find_L_and_step_size`.

    Raises:
        ImportError: blackjax is not installed. ValueError: an option outside these ranges.
    """
    check("adapt_blackjax", potential=potential, num_steps=num_steps, adaptation=adaptation, temperature=temperature)
    check_start("adapt_blackjax", position, temperature=temperature)
    try:
        import blackjax  # noqa: F401
    except ImportError as error:
        raise ImportError("adapt_blackjax needs blackjax: pip install blackjax") from error
    log_density = lambda x: -potential(jax.tree.map(lambda leaf: leaf[None], x))[0] / temperature
    learn, finish = ADAPTATIONS[adaptation]
    position = pytree.at_least_float32(position)
    run = jax.jit(lambda rng_key, position: learn(log_density, rng_key, position, num_steps, dict(options)))
    position, numbers = run(rng_key, position)
    parameters = finish(numbers, options)
    return Adapted(from_blackjax(potential, temperature=temperature, **parameters), position, parameters)


def first_row(position: PyTree) -> PyTree:
    """The position of the first chain."""
    return jax.tree.map(lambda leaf: leaf[0], position)


def with_first_row(position: PyTree, row: PyTree) -> PyTree:
    """The positions, the first one replaced."""
    return jax.tree.map(lambda leaf, x: leaf.at[0].set(x), position, row)


def by_window(log_density, rng_key, position, num_steps, options):
    """blackjax.window_adaptation, of the first chain."""
    import blackjax

    sampler = getattr(blackjax, options.pop("algorithm", "nuts"))
    adaptation: Any = blackjax.window_adaptation(sampler, log_density, **options)
    (state, found), _ = adaptation.run(rng_key, first_row(position), num_steps)
    return with_first_row(position, state.position), {k: found[k] for k in ("step_size", "inverse_mass_matrix")}


OF_WINDOW = ("is_mass_matrix_diagonal", "initial_inverse_mass_matrix", "imm_shrinkage_to_previous")
OF_WINDOW += ("initial_step_size", "target_acceptance_rate", "adaptation_info_fn")
"""Options of the adaptation; the others are the sampler's."""


def window_sampler(found, options):
    """The sampler, with those of the options that are its own."""
    return {"algorithm": "nuts"} | {k: v for k, v in options.items() if k not in OF_WINDOW} | found


def by_chees(log_density, rng_key, position, num_steps, options):
    """blackjax.chees_adaptation, of all chains."""
    import blackjax

    if "optim" not in options:
        raise ValueError('adapt_blackjax: "chees" needs the option optim, an optax optimiser, e.g. optax.adam(0.05)')
    start = options.pop("step_size", 0.1), options.pop("optim")
    adaptation: Any = blackjax.chees_adaptation(log_density, pytree.num_rows(position), **options)
    (state, found), _ = adaptation.run(rng_key, position, *start, num_steps)
    numbers = {k: found[k] for k in ("step_size", "inverse_mass_matrix", "integration_steps_params")}
    return state.position, numbers


def chees_sampler(found, options):
    """Dynamic HMC whose lengths are drawn with the key that each chain holds."""
    lengths = (*found["integration_steps_params"], options.get("jitter_amount", 1.0))
    fixed = {"algorithm": "dynamic_hmc", "integration_steps_fn": uniform_steps}
    return found | fixed | {"integration_steps_params": lengths}


def uniform_steps(rng_key, num_steps, jitter):
    """Uniform between (1 - jitter) num_steps and num_steps, rounded up."""
    share = 1.0 - jitter + jitter * jax.random.uniform(rng_key)
    return jnp.maximum(jnp.ceil(share * num_steps), 1).astype(jnp.int32)


def by_meads(log_density, rng_key, position, num_steps, options):
    """blackjax.meads_adaptation, of all chains."""
    import blackjax

    adaptation: Any = blackjax.meads_adaptation(log_density, pytree.num_rows(position), **options)
    (state, found), _ = adaptation.run(rng_key, position, num_steps)
    return state.position, found


def by_mclmc(log_density, rng_key, position, num_steps, options):
    """blackjax.mclmc_find_L_and_step_size, of the first chain."""
    import blackjax
    from blackjax.mcmc import mclmc

    start_key, rng_key = jax.random.split(rng_key)
    state, found, _ = blackjax.mclmc_find_L_and_step_size(
        mclmc.build_kernel(),
        num_steps,
        mclmc.init(first_row(position), log_density, start_key),
        rng_key,
        logdensity_fn=log_density,
        **options,
    )
    return with_first_row(position, state.position), found._asdict()


def by_adjusted_mclmc(log_density, rng_key, position, num_steps, options):
    """blackjax.adjusted_mclmc_find_L_and_step_size, of the first chain."""
    import blackjax
    from blackjax.mcmc import adjusted_mclmc_dynamic as dynamic

    start_key, rng_key = jax.random.split(rng_key)
    move = dynamic.build_kernel(integration_steps_fn=dynamic.make_random_trajectory_length_fn(True))

    def kernel(rng_key, state, logdensity_fn, step_size, inverse_mass_matrix, integration_steps_params):
        options = {"inverse_mass_matrix": inverse_mass_matrix, "integration_steps_params": integration_steps_params}
        return move(rng_key, state, logdensity_fn, step_size=step_size, **options)

    state = dynamic.init(first_row(position), log_density, start_key)
    options = {"target": 0.9} | options
    state, found, _ = blackjax.adjusted_mclmc_find_L_and_step_size(
        kernel, log_density, num_steps, state, rng_key, **options
    )
    return with_first_row(position, state.position), found._asdict()


def adjusted_mclmc_sampler(found, options):
    """Random lengths about L / step_size."""
    from blackjax.mcmc import adjusted_mclmc_dynamic as dynamic

    lengths = dynamic.make_random_trajectory_length_fn(True)
    fixed = {"algorithm": "adjusted_mclmc_dynamic", "integration_steps_fn": lengths}
    numbers = {k: found[k] for k in ("step_size", "inverse_mass_matrix")}
    return fixed | numbers | {"integration_steps_params": (found["L"] / found["step_size"],)}


ADAPTATIONS: dict[str, tuple[Callable, Callable]] = {
    "window": (by_window, window_sampler),
    "chees": (by_chees, chees_sampler),
    "meads": (by_meads, lambda found, options: {"algorithm": "ghmc"} | found),
    "mclmc": (by_mclmc, lambda found, options: {"algorithm": "mclmc"} | found),
    "adjusted_mclmc": (by_adjusted_mclmc, adjusted_mclmc_sampler),
}
"""Name -> ((log density, key, positions, num_steps, options) -> (positions, numbers), (numbers, options) -> the
parameters of `from_blackjax`)."""
