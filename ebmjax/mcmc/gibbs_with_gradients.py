"""Gibbs with gradients: flips of binary and categorical positions, chosen by the gradient of the energy."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax import pytree
from ebmjax.mcmc.metropolis import accept_or_reject, initial_state
from ebmjax.mcmc.options import at_step, check, check_start, holds_for
from ebmjax.types import Array, Kernel, Potential, PyTree


def log_rates(x: Array, grad: Array, categorical: bool, temperature: float | Array) -> Array:
    """Half of the estimated change of -E / T by each move of a leaf: `[B, sites, choices]`.

    A binary site has one choice, 1 - x. A categorical one has K, of which the present one has -inf.

    Reference: Grathwohl et al. 2021, eq. (3) for binary and the equation after it for categorical positions.
    """
    if not categorical:
        change = (1.0 - 2.0 * x) * grad
        return (-change / (2.0 * temperature)).reshape(x.shape[0], -1, 1)
    change = grad - jnp.sum(x * grad, axis=-1, keepdims=True)
    rates = jnp.where(x > 0.5, -jnp.inf, -change / (2.0 * temperature))
    return rates.reshape(x.shape[0], -1, x.shape[-1])


def draw_choice(rng_key: Array, x: Array, rates: Array, categorical: bool) -> tuple[Array, Array]:
    """What each site would become, in proportion to exp(rates): (new leaf like x, one-hot `[B, sites, choices]`)."""
    if not categorical:
        return 1.0 - x, jnp.ones_like(rates)
    total = jnp.cumsum(jax.nn.softmax(rates, axis=-1), axis=-1)
    # u < 1 times the last sum is below it, so the index is always that of a choice of positive probability.
    u = jax.random.uniform(rng_key, rates.shape[:2], rates.dtype)[..., None] * total[..., -1:]
    chosen = jax.nn.one_hot(jnp.sum(total <= u, axis=-1), rates.shape[-1], dtype=x.dtype)
    return chosen.reshape(x.shape), chosen


def log_order(rates: Array, order: Array, chosen: Array, reverse: bool = False) -> Array:
    """Log probability `[B]` of drawing the sites `order` `[B, L]` one after another without replacement, each in
    proportion to exp(rates) `[B, sites]` of what is left. chosen: bool `[B, sites]`, those in `order`. reverse: of
    drawing them from the last to the first.
    """
    drawn = jnp.take_along_axis(rates, order, axis=1)
    drawn = drawn[:, ::-1] if reverse else drawn
    others = jax.nn.logsumexp(jnp.where(chosen, -jnp.inf, rates), axis=1, keepdims=True)
    # What is left before draw l: the sites never drawn, and those drawn from l on. A sum, so that no digits cancel.
    left = jax.lax.cumlogsumexp(jnp.concatenate([others, drawn[:, ::-1]], axis=1), axis=1)[:, 1:]
    return jnp.sum(drawn, axis=1) - jnp.sum(left, axis=1)


def gibbs_with_gradients(
    potential: Potential,
    *,
    categorical: bool | PyTree = False,
    num_flips: int = 1,
    temperature: float | Array | Callable[[Array], Array] = 1.0,
) -> Kernel:
    """Metropolis steps on discrete positions that change `num_flips` sites, for one gradient a transition.

    The potential must be a function of floats with a gradient, though only the discrete values count. With d_i ≈ the
    change of -E / T by changing site i, to first order, a site is drawn in proportion to exp(d_i / 2), and the
    proposal is accepted with the exact ratio, which needs the gradient there. exp(-E / T) is left invariant whatever
    the gradient is worth; on E linear in x the estimate is exact.

    Several flips draw different sites one after another from the same gradient. Their order is part of the proposal:
    the way back takes them from the last to the first, from the gradient at the other end. A transition costs the same,
    and is accepted less often: raise num_flips until the acceptance falls to about .7 (choosing_a_sampler.md).

    Args:
        potential: x -> energy[B].
        categorical: False: every entry of x is a site, 0 or 1. True: the last axis, `[B, ..., K]`, is one-hot, one
            site of K ≥ 2 choices. Or a pytree of bools like the position. Static.
        num_flips: ≥ 1, static, at most the number of sites: sites changed by a proposal.
        temperature: T > 0, a scalar or a schedule.

    Raises:
        ValueError: an option outside these ranges; a position that is not of floats 0 and 1, or not one-hot, as far as
            its values are known when they are given.

    Reference: Grathwohl, Swersky, Hashemi, Duvenaud & Maddison 2021 (arXiv 2102.04509), algorithm 1; Zanella 2020
    (arXiv 1711.07424) for exp(d / 2); several flips: Sun et al. 2022 (Path auxiliary proposal for MCMC in discrete
    space), its fast variant, here without replacement.
    """
    check("gibbs_with_gradients", potential=potential, categorical=categorical, num_flips=num_flips)
    check("gibbs_with_gradients", temperature=temperature)

    def leaves_of(*trees):
        return list(zip(*map(jax.tree.leaves, trees), jax.tree.leaves(pytree.leafwise(categorical, trees[0]))))

    def init(position):
        check_start("gibbs_with_gradients", position, temperature=temperature)
        check_sites(leaves_of(position), num_flips)
        return initial_state(potential, position)

    def site_rates(position, grad, t):
        """(log rates of every leaf, the log of their sum over the choices of each site `[B, sites of all leaves]`)."""
        rates = [log_rates(*leaf, t) for leaf in leaves_of(position, grad)]
        return rates, jnp.concatenate(list(map(over_choices, rates)), axis=1)

    def step(rng_key, state):
        site_key, choice_key, accept_key = jax.random.split(rng_key, 3)
        t, (x, treedef) = at_step(temperature, state.step), jax.tree.flatten(state.position)
        rates, sites = site_rates(state.position, state.grad, t)
        order, chosen = draw_sites(site_key, sites, num_flips)
        keys = jax.random.split(choice_key, len(x))
        kinds = [kind for _, kind in leaves_of(state.position)]
        drawn, choices = zip(*map(draw_choice, keys, x, rates, kinds))
        ends = np.cumsum([leaf.shape[1] for leaf in rates])[:-1]
        moved = treedef.unflatten(map(change, jnp.split(chosen, ends, axis=1), drawn, x, kinds))
        energy, grad = pytree.value_and_grad_rows(potential, moved)

        back_rates, back_sites = site_rates(moved, grad, t)
        back = [leaf.reshape(c.shape) if kind else c for leaf, c, kind in zip(x, choices, kinds)]
        log_q = log_order(sites, order, chosen) + log_choices(rates, choices, chosen)
        log_q_back = log_order(back_sites, order, chosen, reverse=True) + log_choices(back_rates, back, chosen)
        log_ratio = (state.energy - energy) / t + log_q_back - log_q
        return accept_or_reject(accept_key, state, (moved, energy, grad), log_ratio)

    return Kernel(init, step)


def over_choices(rates: Array) -> Array:
    """Log of the sum of exp(rates) over the choices of each site: `[B, sites]`."""
    return rates[..., 0] if rates.shape[-1] == 1 else jax.nn.logsumexp(rates, axis=-1)


def log_choices(rates: Sequence[Array], choices: Sequence[Array], chosen: Array) -> Array:
    """Log probability `[B]` of the choices at the sites `chosen` `[B, sites]`, given that these sites change.

    rates, choices: of every leaf, `[B, sites, choices]`, the choices one-hot.
    """

    def of_leaf(rates, choices):
        if rates.shape[-1] == 1:
            return jnp.zeros_like(rates[..., 0])
        return jnp.sum(jnp.where(choices > 0.5, jax.nn.log_softmax(rates, axis=-1), 0.0), axis=-1)

    return jnp.sum(jnp.where(chosen, jnp.concatenate(list(map(of_leaf, rates, choices)), axis=1), 0.0), axis=1)


def draw_sites(rng_key: Array, rates: Array, num: int) -> tuple[Array, Array]:
    """`num` different sites of each row, drawn one after another in proportion to exp(rates): (their order
    `[B, num]`, whether each site is one of them `[B, sites]`). The largest of rates + Gumbel noise are such a draw."""
    u = jax.random.uniform(rng_key, rates.shape, rates.dtype)
    noisy = rates - jnp.log(-jnp.log1p(-jnp.maximum(u, jnp.finfo(u.dtype).eps / 2)))
    order = jax.lax.top_k(noisy, num)[1]  # on a CPU faster than argmax, even of one
    chosen = jnp.any(order[:, :, None] == jnp.arange(rates.shape[1]), axis=1)
    return order, chosen


def change(chosen: Array, new: Array, x: Array, categorical: bool) -> Array:
    """The leaf x with `new` at the chosen sites `[B, sites]`."""
    shape = (*x.shape[:-1], 1) if categorical else x.shape
    return jnp.where(chosen.reshape(shape), new, x)


def check_sites(leaves: list[tuple[Array, bool]], num_flips: int) -> None:
    """Raise ValueError unless leaves (x, categorical) are floats 0 and 1, one-hot if categorical, of enough sites."""
    where = "gibbs_with_gradients"
    if not all(jnp.issubdtype(x.dtype, jnp.floating) for x, _ in leaves):
        raise ValueError(f"{where}: positions must be floats, got {', '.join(str(x.dtype) for x, _ in leaves)}")
    if any(kind and (x.ndim < 2 or x.shape[-1] < 2) for x, kind in leaves):
        raise ValueError(f"{where}: categorical positions must be [B, ..., K] with K >= 2, got {leaves[0][0].shape}")
    if not holds_for([x for x, _ in leaves], lambda a: (a == 0) | (a == 1)):
        raise ValueError(f"{where}: positions must be of zeros and ones; spins s of -1 and 1 are (s + 1) / 2")
    if not holds_for([x.sum(-1) for x, kind in leaves if kind] or 1.0, lambda a: a == 1):
        raise ValueError(f"{where}: categorical positions must be one-hot along the last axis")
    num = sum(int(np.prod(x.shape[1:-1] if kind else x.shape[1:])) for x, kind in leaves)
    if num_flips > num:
        raise ValueError(f"{where}: num_flips = {num_flips} must be at most the number of sites, {num}")
