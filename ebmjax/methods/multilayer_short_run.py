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

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import acceptance, apply_gradients, create_state, step_key
from ebmjax.methods.latent_model import generator_gradient, init_generator, make_model
from ebmjax.methods.latent_space import common_functions, evaluate, sample
from ebmjax.methods.step_size_search import (
    ModelAt,
    StepSizeSearch,
    check_search,
    divergence,
    log_step_sizes,
    search_if_due,
)
from ebmjax.types import Batch, Chain, Kernel, Method, Metrics, PyTree, State


def train_step(
    model_at: ModelAt, search: StepSizeSearch | None, optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """A search for the step size if it is due, then short-run inference and one update of the generator."""
    x = batch["x"]
    infer_key, search_key = jax.random.split(step_key(state))
    state = search_if_due(model_at, search, optimizers, state, search_key, x)
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

    start = lambda: log_step_sizes(step_size, latent_dim)
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
