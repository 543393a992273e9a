"""Several samplers on one target: a config for each, and their figures in one table, a row a sampler."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table

from ebmjax.training.config import ConfigError
from ebmjax.types import Potential

COLUMNS = {
    "ess_bulk_min": "ESS",
    "rhat_max": "R-hat",
    "acceptance": "acceptance",
    "num_nonfinite": "not finite",
    "gradients_per_transition": "gradients a transition",
    "ess_per_thousand_gradients": "ESS / 1,000 gradients",
    "ess_per_second": "ESS / second",
    "mean_error_max": "error of mean",
    "sd_error_max": "error of sd",
}
"""Figures of an arm, and the heads of their columns."""


NOTE = (
    "gradients_per_transition: evaluations of energy and gradient for all chains, warm-up included, over all "
    "transitions; a trajectory that chains wait for counts for all of them. ess_per_thousand_gradients: ess_bulk_min "
    "over these gradients of all chains."
)
"""How the figures of a comparison are counted."""


def of_each_sampler(config: ConfigDict) -> dict[str, ConfigDict]:
    """{title: config with this sampler}: config.sampler, by the name of its kernel, then those of config.samplers.

    config.samplers is {title: the fields that differ from config.sampler}; the kernel's name is the title, unless the
    fields give another. Raises ConfigError for a title that is the name of config.sampler.
    """
    found = {config.sampler.name: config}
    for title, fields in config.samplers.items():
        if title in found:
            raise ConfigError(f"samplers.{title} has the name of the sampler itself, sampler.name: give it another")
        found[title] = arm = config.copy_and_resolve_references()
        arm.sampler.update(ConfigDict({"name": title} | fields.to_dict()))
    return found


def count_evaluations(program: Callable[[Potential, Any], Any], potential: Potential, argument: Any) -> int:
    """How often the potential is evaluated, for all chains at once, while program(potential, argument) runs.

    Every gradient counts as one, as it evaluates the energy once. Counted while it runs, because trajectories choose
    their lengths; a loop over chains that waits for the longest trajectory counts its length for all of them.
    """
    calls = []

    def counted(x):
        jax.debug.callback(partial(calls.append, 1))
        return potential(x)

    jax.block_until_ready(jax.jit(partial(program, counted))(argument))
    jax.effects_barrier()
    return len(calls)


def print_comparison(figures: Mapping[str, Mapping[str, float]]) -> None:
    """One row for each arm, with the figures of `COLUMNS` that any arm has."""
    columns = [name for name in COLUMNS if any(name in found for found in figures.values())]
    table = Table(
        "sampler",
        *(COLUMNS[name] for name in columns),
    )
    for arm, found in figures.items():
        table.add_row(arm, *(f"{found[name]:.4g}" if name in found else "" for name in columns))
    Console(width=None if sys.stdout.isatty() else 150).print(table)
