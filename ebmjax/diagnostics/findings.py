"""The findings of `diagnose`, one function each: a limit, and the sentence that says what is wrong and what to do.

Draws are NumPy arrays x`[num_steps, num_chains, Q]` of Q quantities with `names`. A function returns None if nothing is
wrong.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ebmjax.diagnostics.ebfmi import MIN_EBFMI
from ebmjax.importance import pareto_k_limit

MAX_RHAT, MIN_ESS = 1.01, 400
"""Vehtari et al. 2021 (arXiv 1903.08008)."""
SEPARATE_RHAT = 1.1
"""From here on chains are so far apart that it is worth asking whether they sit in separate places."""
MOST_STILL = 0.95
"""A chain that keeps its place in more than this share of its steps is stuck."""
LOW_ACCEPTANCE, FAR_FROM_TARGET, MANY_NONFINITE = 0.1, 0.15, 0.01


class Finding(NamedTuple):
    """One thing that is wrong. name: of its kind, for programs. text: sentences: what is wrong, and what to do."""

    name: str
    text: str


def counted(num: int, one: str, more: str = "") -> str:
    """ "1 chain", "4,000 chains"."""
    return f"{num:,} {one if num == 1 else more or one + 's'}"


def listed(chains: np.ndarray) -> str:
    """The chains where a bool `[num_chains]` is true: "chains 0, 3 and 7", "12 of 100 chains", "all 4 chains"."""
    numbers = [str(i) for i in np.flatnonzero(chains)]
    if len(numbers) == len(chains):
        return f"all {len(chains):,} chains" if len(chains) > 1 else "the chain"
    if len(numbers) > 5:
        return f"{len(numbers):,} of {len(chains):,} chains"
    if len(numbers) == 1:
        return f"chain {numbers[0]}"
    return f"chains {', '.join(numbers[:-1])} and {numbers[-1]}"


def nonfinite_draws(x: np.ndarray) -> Finding | None:
    """Chains with a draw that is not finite."""
    bad = ~np.all(np.isfinite(x), axis=2)
    if not np.any(bad):
        return None
    first = int(np.argmax(np.any(bad, axis=1)))
    return Finding(
        "nonfinite_draws",
        f"Draws of {listed(np.any(bad, axis=0))} are not finite, first at step {first}. Take a smaller step size, and "
        "look at the energy there. What follows leaves these chains out.",
    )


def lag_one(x: np.ndarray, axis: int) -> float:
    """Median over quantities of the correlation of neighbours along an axis, about the mean of all draws."""
    x = np.moveaxis(x - x.mean((0, 1)), axis, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (x[1:] * x[:-1]).mean((0, 1)) / (x**2).mean((0, 1))
    return float(np.nanmedian(rho)) if np.any(np.isfinite(rho)) else 0.0


def swapped_axes(x: np.ndarray) -> Finding | None:
    """Draws that are probably [chain, draw]: neighbouring chains resemble each other, which successive draws should.

    With more chains than steps that is said unless the steps, 20 or more, do resemble each other.
    """
    num_steps, num_chains = x.shape[:2]
    if num_steps < 2 or num_chains < 2:
        return None
    steps, chains = lag_one(x, 0), lag_one(x, 1)
    alike = chains > max(0.3, 4 / np.sqrt(num_chains)) and steps < 0.1
    advice = "Draws are [num_steps, num_chains, ...]: if yours are [chain, draw], give draws.swapaxes(0, 1)"
    if alike:
        why = f"Neighbouring chains resemble each other (correlation {chains:.2f}), and successive draws do not"
        return Finding("swapped_axes", f"{why} ({steps:.2f}). {advice}, and disregard the rest of this report.")
    if num_chains > num_steps and (num_steps < 20 or steps < 0.1):
        why = f"There are more chains ({num_chains:,}) than draws of each ({num_steps:,})"
        return Finding("swapped_axes", f"{why}. {advice}; if not, disregard this line.")
    return None


def one_chain(x: np.ndarray) -> Finding | None:
    """Only one chain, which nothing can be compared with."""
    if x.shape[1] > 1:
        return None
    return Finding(
        "one_chain", "There is one chain, which can only be compared with itself. Run 4, from different starts."
    )


def stuck(x: np.ndarray) -> Finding | None:
    """Chains that hardly ever move."""
    if len(x) < 2:
        return None
    still = np.mean(np.all(x[1:] == x[:-1], axis=2), axis=0)
    chains = still > MOST_STILL
    if not np.any(chains):
        return None
    return Finding(
        "stuck",
        f"The draws of {listed(chains)} do not change in {100 * still[chains].min():.0f} % of the steps or more. If "
        "these are all chains, take a smaller step size; if they are a few, start them elsewhere, or warm them up with "
        "smaller steps.",
    )


def disagreement(x: np.ndarray, rhat: np.ndarray, names: Sequence[str], some_stuck: bool) -> Finding | None:
    """R-hat past its limit: chains in separate places if the halves of every chain agree, else chains that are slow."""
    if not np.any(rhat > MAX_RHAT):
        return None
    worst = int(np.nanargmax(rhat))
    above = f"; {np.sum(rhat > MAX_RHAT):,} of {len(rhat):,} quantities are above" if len(rhat) > 1 else ""
    measured = f"R-hat is {rhat[worst]:.3f} for {names[worst]} (limit {MAX_RHAT}{above})"
    if some_stuck:
        return Finding("unmixed", f"Chains do not agree: {measured}. First look at those that are stuck.")
    half = len(x) // 2
    means = np.stack([x[:half, :, worst].mean(0), x[len(x) - half :, :, worst].mean(0)])
    within = np.mean(np.diff(means, axis=0) ** 2) / 2  # variance of the mean of a half, as its chain shows it
    if rhat[worst] > SEPARATE_RHAT and x.shape[1] > 1 and np.var(means.mean(0), ddof=1) > 10 * within:
        return Finding(
            "separate",
            f"Chains stay in different places: {measured}, and the two halves of each chain agree. Longer chains will "
            "not help. Use replica exchange or a proposal that jumps, and look at the traces.",
        )
    return Finding(
        "unmixed",
        f"Chains do not agree: {measured}. They are slow, or still on their way from their starts. Drop more steps of "
        "warm-up, run longer, or learn a mass matrix.",
    )


def few_draws(bulk: np.ndarray, tail: np.ndarray, names: Sequence[str], agree: bool) -> Finding | None:
    """ESS below what a moment may be quoted for."""
    ess = np.fmin(bulk, tail)
    if not np.any(ess < MIN_ESS):
        return None
    worst = int(np.nanargmin(ess))
    kind = "bulk" if bulk[worst] <= tail[worst] else "tail"
    longer = f"Run chains {MIN_ESS / ess[worst]:.2g} times as long, or find a faster sampler."
    return Finding(
        "few_draws",
        f"There are too few draws: the {kind} ESS of {names[worst]} is {ess[worst]:.0f}, {MIN_ESS} are needed. "
        + (longer if agree else "Chains must agree before more of them help."),
    )


def divergences(num: np.ndarray) -> Finding | None:
    """Transitions `[num_chains]` whose trajectory diverged."""
    if not np.sum(num) > 0:
        return None
    return Finding(
        "divergences",
        f"{np.sum(num):,.0f} transitions diverged, in {listed(num > 0)}: there the step size is too large for the "
        "curvature, and chains do not get into such regions. Take a smaller step size (a higher target acceptance). If "
        "divergences remain, change the coordinates, as neural_transport does.",
    )


def low_ebfmi(values: np.ndarray) -> Finding | None:
    """E-BFMI `[num_chains]` below its limit."""
    if not np.any(values < MIN_EBFMI):
        return None
    return Finding(
        "low_ebfmi",
        f"E-BFMI is {np.nanmin(values):.2g} at its lowest, below {MIN_EBFMI} in {listed(values < MIN_EBFMI)}: fresh "
        "momenta change the energy too little to reach heavy tails. Run much longer, or change the coordinates.",
    )


def nonfinite_proposals(num: np.ndarray, num_draws: int) -> Finding | None:
    """Proposals `[num_chains]` that were rejected because energy or gradient was not finite."""
    if not np.sum(num) > MANY_NONFINITE * num_draws:
        return None
    return Finding(
        "nonfinite_proposals",
        f"{np.sum(num):,.0f} proposals were rejected because their energy or gradient was not finite, in "
        f"{listed(num > 0)}. If the energy has no walls, take a smaller step size, and look for overflow in it.",
    )


def acceptance(rates: np.ndarray, target: float | None) -> Finding | None:
    """Mean acceptance of `[num_chains]` far from the target, or nearly 0."""
    mean = float(np.mean(rates))
    if target is None and mean >= LOW_ACCEPTANCE or target is not None and abs(mean - target) <= FAR_FROM_TARGET:
        return None
    aim = "" if target is None else f", far from the target {target:g}"
    change = "smaller" if target is None or mean < target else "larger"
    return Finding("acceptance", f"The mean acceptance is {mean:.2f}{aim}. Take a {change} step size.")


def untrusted_weights(k: np.ndarray, num: int) -> Finding | None:
    """k̂ (a scalar or `[B]`) of averages of `num` importance weights past its limit."""
    limit, k = pareto_k_limit(num), np.ravel(k)
    bad = ~(k <= limit)
    if not np.any(bad):
        return None
    which = f" in {np.sum(bad):,} of {k.size:,} averages" if k.size > 1 else ""
    return Finding(
        "pareto_k",
        f"The Pareto index of the importance weights is {np.max(k):.2f}, past the limit {limit:.2f}{which}: a few "
        "weights decide, and the standard error means nothing. Take a proposal with heavier tails, or anneal in more "
        "steps.",
    )
