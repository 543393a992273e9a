"""A report in words: what is wrong with draws, and what to do about it."""

import math
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import findings
from ebmjax.diagnostics.chains import summarise
from ebmjax.diagnostics.ebfmi import ebfmi as ebfmi_of_trace
from ebmjax.diagnostics.findings import Finding
from ebmjax.importance import pareto_k
from ebmjax.types import Array, Info, PyTree


class Report(NamedTuple):
    """What `diagnose` found; `str(report)` is for people.

    findings: what undermines all else comes first. figures: {name: number} of the worst quantity or chain, as far as
    they could be computed: rhat_max, ess_bulk_min, ess_tail_min, num_divergent, num_nonfinite, acceptance, ebfmi_min,
    pareto_k_max. about: what was looked at, in words.
    """

    findings: tuple[Finding, ...]
    figures: dict[str, float]
    about: str

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of the findings."""
        return tuple(finding.name for finding in self.findings)

    def __str__(self) -> str:
        if not self.findings:
            return f"Nothing wrong was found in {self.about}."
        return "\n".join([f"In {self.about}:", *(f"- {finding.text}" for finding in self.findings)])


def diagnose(
    draws: PyTree | None,
    info: Info | None = None,
    log_weights: Array | None = None,
    *,
    ebfmi: Array | np.ndarray | None = None,
    target: float | None = None,
) -> Report:
    """What is wrong with draws, in plain sentences: `print(diagnose(draws, info))`.

    Args:
        draws: pytree of `[num_steps, num_chains, ...]`, as `run_chain` collects positions; None: only weights.
        info: of the same transitions: as `run_chain` returns it, `[num_chains]`, or a trace `[num_steps, num_chains]`.
        log_weights: importance weights `[N]`, or `[N, B]` of B averages.
        ebfmi: `[num_chains]`, by `mcmc.online.ebfmi`; from a trace of `Info` it is computed here.
        target: acceptance rate that the step size was tuned to; without it only a rate below 0.1 is a finding.

    Returns:
        Findings, each with its figure, its limit and what to do. Their names: nonfinite_draws, swapped_axes, one_chain,
        stuck, separate, unmixed, few_draws, divergences, low_ebfmi, nonfinite_proposals, acceptance, pareto_k.

    Raises:
        ValueError: draws or info of other shapes. It runs on the host, not inside jit.
    """
    parts: list[tuple[list[Finding | None], dict[str, float]]] = []
    about = []
    shape = None
    if draws is not None:
        x, names = columns(draws)
        shape = x.shape[:2]
        num = [
            findings.counted(n, *words)
            for n, words in zip(x.shape, (("draw",), ("chain",), ("quantity", "quantities")))
        ]
        about.append(f"{num[1]} of {num[0]} of {num[2]}")
        parts.append(of_draws(x, names))
    if info is not None:
        about.append("their transitions")
        mean, traced = per_chain(info, shape)
        parts.append(of_transitions(mean, target, math.prod(shape or (1,))))
        ebfmi = traced if ebfmi is None else ebfmi
    if ebfmi is not None and np.any(np.isfinite(ebfmi)):
        parts.append(([findings.low_ebfmi(np.asarray(ebfmi))], {"ebfmi_min": float(np.nanmin(ebfmi))}))
    if log_weights is not None:
        about.append(f"{len(log_weights):,} importance weights")
        k = np.asarray(pareto_k(jnp.asarray(log_weights)))
        parts.append(([findings.untrusted_weights(k, len(log_weights))], {"pareto_k_max": float(np.max(k))}))
    found = tuple(finding for some, _ in parts for finding in some if finding)
    figures = {name: value for _, some in parts for name, value in some.items()}
    return Report(found, figures, " and ".join([", ".join(about[:-1]), about[-1]] if about[1:] else about))


def columns(draws: PyTree) -> tuple[np.ndarray, list[str]]:
    """Draws `[num_steps, num_chains, Q]` of all Q quantities of a pytree, and names such as x[0, 1] or x['a'][2]."""
    leaves, names = [], []
    for path, leaf in jax.tree_util.tree_leaves_with_path(draws):
        leaf = np.asarray(leaf)
        if leaf.ndim < 2 or leaf.shape[0] < 4:
            raise ValueError(f"diagnose needs draws[num_steps >= 4, num_chains, ...], got shape {leaf.shape}")
        name = "x" + jax.tree_util.keystr(path)
        places = np.ndindex(leaf.shape[2:])
        names += [f"{name}[{', '.join(map(str, place))}]" if place else name for place in places]
        leaves.append(leaf.reshape(*leaf.shape[:2], -1))
    return np.concatenate(leaves, axis=2), names


def of_draws(x: np.ndarray, names: list[str]) -> tuple[list[Finding | None], dict[str, float]]:
    """The findings of draws x`[num_steps, num_chains, Q]`, and figures of the worst quantity."""
    finite = x[:, np.all(np.isfinite(x), axis=(0, 2))]
    if not finite.shape[1]:
        return [findings.nonfinite_draws(x)], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of swapped axes, which is a finding here
        table = {name: np.asarray(value) for name, value in jax.jit(summarise)(finite).items()}
    rhat, bulk, tail = (table[name] for name in ("rhat", "ess_bulk", "ess_tail"))
    figures = {"rhat_max": np.nan if np.all(np.isnan(rhat)) else float(np.nanmax(rhat))}
    stuck = findings.stuck(finite)
    disagreement = findings.disagreement(finite, rhat, names, stuck is not None)
    return [
        findings.nonfinite_draws(x),
        findings.swapped_axes(finite),
        findings.one_chain(x),
        stuck,
        disagreement,
        findings.few_draws(bulk, tail, names, disagreement is None),
    ], figures | {"ess_bulk_min": float(np.min(bulk)), "ess_tail_min": float(np.min(tail))}


def per_chain(info: Info, shape: tuple[int, ...] | None) -> tuple[Any, np.ndarray | None]:
    """`Info` of each chain, `[num_chains]`, counts summed and others averaged; and E-BFMI, if it is a trace."""
    zeros = np.zeros(np.shape(info.energy))
    fields: list[Any] = [zeros if isinstance(value, tuple) else np.asarray(value) for value in info]
    info: Any = Info(*fields)
    if zeros.ndim == 1 and (shape is None or zeros.shape == shape[1:]):
        return info, None
    if zeros.ndim != 2 or shape not in (None, zeros.shape):
        raise ValueError(
            f"diagnose needs info[num_chains] or info[num_steps, num_chains], got {zeros.shape} for draws of {shape} "
            "(of replica exchange give one temperature)"
        )
    counts = {name: getattr(info, name).sum(0) for name in ("num_nonfinite", "num_divergent")}
    mean = jax.tree.map(lambda value: np.mean(value, axis=0), info)._replace(**counts)
    return mean, np.asarray(ebfmi_of_trace(info.hamiltonian))


def of_transitions(info: Any, target: float | None, num_draws: int) -> tuple[list[Finding | None], dict[str, float]]:
    """The findings of `Info` `[num_chains]`, its sums and its means."""
    return [
        findings.divergences(info.num_divergent),
        findings.nonfinite_proposals(info.num_nonfinite, num_draws),
        findings.acceptance(info.acceptance_rate, target),
    ], {
        "num_divergent": float(np.sum(info.num_divergent)),
        "num_nonfinite": float(np.sum(info.num_nonfinite)),
        "acceptance": float(np.mean(info.acceptance_rate)),
    }
