"""Draws for ArviZ, whose plots and comparisons then take them. ArviZ is optional: imported when it is asked for."""

from typing import Any

import jax
import numpy as np

from ebmjax.types import Info, PyTree

STATISTICS = {"hamiltonian": "energy", "acceptance_rate": "acceptance_rate", "num_divergent": "diverging"}
"""Fields of `Info` and ArviZ's names for them."""


def to_arviz(draws: PyTree, info: Info | None = None) -> Any:
    """ArviZ's InferenceData (0.x) or DataTree (1.x) of draws `[num_steps, num_chains, ...]`, an array or a dict.

    info: a trace `[num_steps, num_chains]` of the same transitions; `plot_energy` and the marks of divergences need it.

    Raises:
        ImportError: ArviZ is not installed.
    """
    try:
        import arviz
    except ImportError as error:
        raise ImportError("to_arviz needs ArviZ: pip install arviz") from error
    by_chain = lambda a: np.swapaxes(np.asarray(a), 0, 1)  # ArviZ takes [chain, draw]
    groups = {"posterior": jax.tree.map(by_chain, draws if isinstance(draws, dict) else {"x": draws})}
    if info is not None:
        given = {name: getattr(info, field) for field, name in STATISTICS.items()}
        groups["sample_stats"] = {name: by_chain(a) for name, a in given.items() if not isinstance(a, tuple)}
        if "diverging" in groups["sample_stats"]:
            groups["sample_stats"]["diverging"] = groups["sample_stats"]["diverging"] > 0
    from_dict: Any = arviz.from_dict
    return from_dict(**groups) if arviz.__version__.startswith("0.") else from_dict(groups)
