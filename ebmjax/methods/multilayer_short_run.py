"""Short-run inference of multi-layer generators, with a learned step size: Nijkamp, Pang, Han, Zhou, Zhu, Wu,
ECCV 2020 (arXiv 1912.01909).

    z_L ~ N(0, I),   z_l = μ_l(z_{l+1}) + σ_l(z_{l+1}) ε_l,   x = g(z_1) + σ e,   all ε ~ N(0, I)

Inference runs on (z_L, ε_{L-1}, ..., ε_1), which are N(0, I) a priori: K Langevin steps from fresh N(0, I), in training
as for new data, with one step size per layer. Every few iterations the step size is moved to bring the distribution of
the chains' ends closer to the posterior (`objectives.variational`) of the current generator. The generator in turn
adapts to these chains: after long training with one step size, that step size is the best. A late or rare search
therefore finds only its starting point: search early and often.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from ebmjax import pytree
from ebmjax.estimators.likelihood import chain_log_abs_det_rows
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import acceptance, apply_gradients, create_state, step_key
from ebmjax.methods.latent_model import Model, generator_gradient, init_generator, make_model
from ebmjax.methods.latent_space import common_functions, evaluate, sample
from ebmjax.objectives import fixed_noise_divergence, gaussian_log_prob, marginal_divergence
from ebmjax.types import Array, Batch, Chain, Kernel, Method, Metrics, PyTree, State

OBJECTIVES = ("marginal", "marginal_diagonal", "fixed_noise")


class StepSizeSearch(NamedTuple):
    """Settings of the search for the step size during training.

    objective: "fixed_noise" is the published estimate of the divergence, whose Jacobian costs a chain per latent
        dimension; "marginal" averages over the noise and prefers longer steps; "marginal_diagonal" is its biased form
        for latents of hundreds of dimensions. See `objectives.variational`.
    every: iterations from one search to the next, ≥ 1. grid: step sizes > 0, the same for all layers, of which the best
        is taken; empty: one step of optimizers["log_step_size"] along the gradient, separately for each layer.
    width: ≥ 0, of the gradient: the objective's slope between log s - width and log s + width. 0: its derivative at s,
        which is noisier by factors of 10⁵ and more once chains are chaotic, as with too long steps: a search that
        starts there does not get away.
    num_examples: of the batch, ≥ 1; num_chains: per example ("marginal": more than the number of latent dimensions).
    num_log_det_terms: 0 for the exact Jacobian of "fixed_noise"; else terms of its estimate for many latent dimensions
        (`estimators.likelihood.estimated_log_abs_det_rows`).
    """

    objective: str = "marginal"
    every: int = 500
    grid: tuple[float, ...] = ()
    width: float = 0.15
    num_examples: int = 32
    num_chains: int = 96
    num_log_det_terms: int = 0


ModelAt = Callable[[PyTree], Model]  # log step sizes -> the model whose posterior chain has them


def ravelled(kernel: Kernel, unravel: Callable[[Array], PyTree]) -> Kernel:
    """The kernel on vectors `[B, D]` for positions of several leaves."""

    flat = lambda state: state._replace(position=pytree.ravel_rows(state.position)[0])

    def step(rng_key, state):
        state, info = kernel.step(rng_key, state._replace(position=unravel(state.position)))
        return flat(state), info

    return kernel._replace(init=lambda z: flat(kernel.init(unravel(z))), step=step)


def divergence(
    model: Model,
    params: PyTree,
    rng_key: Array,
    x: Array,
    objective: str = "marginal",
    num_chains: int = 96,
    num_log_det_terms: int = 0,
) -> Array:
    """Mean over x`[B, ...]` of KL(q_s || p(z | x)) - log p(x), by `objective`, from num_chains chains each: a scalar.

    The same key gives the same starts and noise at every step size. Differentiate it in forward mode: there are only as
    many inputs as layers, and chains need not be stored. Other arguments as in `StepSizeSearch`.
    """
    start_key, chain_key = jax.random.split(rng_key)
    rows = jnp.tile(x, (num_chains,) + (1,) * (x.ndim - 1))
    start, unravel = pytree.ravel_rows(model.fresh(start_key, len(rows)))
    chain, potential = model.posterior_chain, model.posterior(params, rows)
    assert chain is not None
    if objective == "fixed_noise":
        kernel = ravelled(chain.make_kernel(potential), unravel)
        end, log_det = chain_log_abs_det_rows(kernel, chain_key, start, chain.num_steps, num_terms=num_log_det_terms)
        log_prob_start = gaussian_log_prob(start, jnp.zeros_like(start), 1.0)
        return fixed_noise_divergence(-model.log_joint(params, rows, unravel(end)), log_prob_start, log_det)
    z = sample_chain(chain, potential, chain_key, unravel(start))[0].position
    by_chain = lambda a: a.reshape(num_chains, len(x), *a.shape[1:])
    energy = by_chain(-model.log_joint(params, rows, z))
    return marginal_divergence(energy, by_chain(pytree.ravel_rows(z)[0]), diagonal=objective == "marginal_diagonal")


def slope(measure: Callable[[PyTree], Array], log_s: PyTree, width: float) -> PyTree:
    """∂ measure / ∂ log s of each layer, as a difference over ± width; 0 if not finite, so that no step is taken."""
    if width == 0:
        gradient = jax.jacfwd(measure)(log_s)
    else:
        flat, unravel = ravel_pytree(log_s)
        moves = width * jnp.eye(flat.size)
        values = jax.lax.map(lambda log_s: measure(unravel(log_s)), jnp.concatenate([flat + moves, flat - moves]))
        up, down = jnp.split(values, 2)
        gradient = unravel((up - down) / (2 * width))
    return jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0.0), gradient)


def learn_step_size(
    model_at: ModelAt, search: StepSizeSearch, optimizers: Mapping, state: State, rng_key: Array, x: Array
) -> State:
    """The state with the best step size of the grid, or after one gradient step."""
    old, x = state.params["log_step_size"], x[: search.num_examples]
    spec = search.objective, search.num_chains, search.num_log_det_terms
    measure = lambda log_s: divergence(model_at(log_s), state.params, rng_key, x, *spec)
    if not search.grid:
        return apply_gradients(state, optimizers, {"log_step_size": slope(measure, old, search.width)})
    spread = lambda log_s: jax.tree.map(lambda leaf: log_s.astype(leaf.dtype), old)
    grid = jnp.log(jnp.asarray(search.grid))
    values = jax.lax.map(lambda log_s: measure(spread(log_s)), grid)
    best = grid[jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values))]
    return state._replace(params=state.params | {"log_step_size": spread(best)})


def train_step(
    model_at: ModelAt, search: StepSizeSearch | None, optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """A search for the step size if it is due, then short-run inference and one update of the generator."""
    x = batch["x"]
    infer_key, search_key = jax.random.split(step_key(state))
    if search is not None:
        learn = lambda state: learn_step_size(model_at, search, optimizers, state, search_key, x)
        state = jax.lax.cond((state.step + 1) % search.every == 0, learn, lambda state: state, state)
    params = state.params
    model = model_at(params["log_step_size"])
    # The learning gradient does not pass through the chain.
    z, info = jax.lax.stop_gradient(model.run(model.posterior_chain, model.posterior(params, x), infer_key, len(x)))
    mse, grad = generator_gradient(model, params, z, x)
    step_sizes = jnp.exp(jnp.stack(jax.tree.leaves(params["log_step_size"])))
    metrics = {
        "reconstruction_mse": mse,
        "posterior_grad_norm": jnp.mean(info.grad_norm),
        "posterior_spread": pytree.spread(z),
        "step_size": jnp.exp(jnp.mean(jnp.log(step_sizes))),
        "grad_norm_generator": pytree.global_norm(grad),
        "num_nonfinite": jnp.sum(info.num_nonfinite),
    } | acceptance("posterior", model.posterior_chain, info)
    state = apply_gradients(state, optimizers, {"generator": grad})
    return state._replace(step=state.step + 1), metrics


def check_search(search: StepSizeSearch, optimizers: Mapping) -> None:
    """Raise ValueError for settings of a search that are out of range or do not fit together."""
    if search.objective not in OBJECTIVES:
        raise ValueError(f"objective = {search.objective!r} must be one of {', '.join(OBJECTIVES)}")
    if min(search.every, search.num_examples, search.num_chains, *search.grid) <= 0:
        raise ValueError(f"all numbers of {search} except width and num_log_det_terms must be > 0")
    if min(search.width, search.num_log_det_terms) < 0:
        raise ValueError(f"width = {search.width} and num_log_det_terms = {search.num_log_det_terms} must be ≥ 0")
    if bool(search.grid) == ("log_step_size" in optimizers):
        raise ValueError("give either a grid of step sizes or an optimizer of 'log_step_size'")


def multilayer_short_run(
    generator,
    *,
    make_kernel: Callable[..., Kernel],
    num_steps: int,
    step_size: PyTree,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: PyTree,
    search: StepSizeSearch | None = None,
) -> Method:
    """Build the method.

    Args:
        generator: Flax module {layer: [B, dim]} -> x[B, ...], of whitened latents (`nets.MultilayerMLPGenerator`).
        make_kernel: (Potential, *, step_size) -> Kernel of the posterior's chain: `mcmc.langevin`, or
            `partial(mcmc.langevin, noise_scale=0)` for noise-free dynamics. num_steps: K (paper's code: 25).
        step_size: s > 0 to start from, one number or one per layer, like latent_dim (paper's code: .05).
        optimizers: {"generator": ...}, and "log_step_size" for a search by gradient.
        sigma: > 0, standard deviation of the observation noise in units of x.
        latent_dim: {layer: dim}; one number for a generator of one vector z.
        search: how the step size is learned; None keeps it fixed.

    Parameter groups: "generator", "log_step_size". functions: decode, encode, reconstruct, inpaint, sample_latent,
    interpolate, log_likelihood; step_size (state) -> s as in latent_dim; divergence (state, key, x, and options of
    `divergence`) -> scalar. Raises ValueError as `latent_ebm` does, and for invalid settings of the search.
    """
    if search is not None:
        check_search(search, optimizers)

    def model_at(log_step_size):
        kernel = partial(make_kernel, step_size=jax.tree.map(jnp.exp, log_step_size))
        return make_model(generator, sigma=sigma, latent_dim=latent_dim, posterior_chain=Chain(kernel, num_steps))

    def start():
        return jax.tree.map(lambda s, _: jnp.log(jnp.float32(s)), pytree.leafwise(step_size, latent_dim), latent_dim)

    model = model_at(start())

    def init(rng_key, batch):
        keys = jax.random.split(rng_key)
        params = {"generator": init_generator(model, generator, keys[0], batch["x"]), "log_step_size": start()}
        return create_state(keys[1], params, optimizers)

    def bound(name):
        at = lambda state: model_at(state.params["log_step_size"])
        return lambda state, *args, **options: common_functions(at(state))[name](state, *args, **options)

    def divergence_of(state, rng_key, x, *options):
        return divergence(model_at(state.params["log_step_size"]), state.params, rng_key, x, *options)

    functions = {name: bound(name) for name in common_functions(model)}
    functions["step_size"] = lambda state: jax.tree.map(jnp.exp, state.params["log_step_size"])
    functions["divergence"] = divergence_of
    step = partial(train_step, model_at, search, optimizers)
    evaluate_batch = lambda state, *args: evaluate(model_at(state.params["log_step_size"]), state, *args)
    return Method(init, step, partial(sample, model), evaluate_batch, functions)
