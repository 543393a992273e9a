"""Uses of the latent vectors of a trained generator (`latent_model`): samples, inference, decoding, inpainting."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from ebmjax.estimators.interpolation import great_circle
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import likelihood_functions
from ebmjax.methods.latent_likelihood import log_likelihood_estimate, short_run_estimates
from ebmjax.methods.latent_model import Model
from ebmjax.objectives.observation import GaussianObservation, TokenObservation
from ebmjax.types import Array, Batch, Metrics, PyTree, State


def sample_latent(model: Model, state: State, rng_key: Array, num: int) -> PyTree:
    """z ~ p(z), `[num, d]`, by the short-run prior chain; exact draws if the prior is N(0, I)."""
    if model.prior_chain is None:
        return model.fresh(rng_key, num)
    return model.run(model.prior_chain, model.prior(state.params), rng_key, num)[0]


def decode(model: Model, state: State, z: PyTree) -> Array:
    """g(z), the mean of x given z: `[B, d]` -> `[B, ...]`."""
    assert isinstance(model.observation, GaussianObservation)
    return model.observation.decode_fn(state.params["generator"], z)


def sample(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """x given z from `sample_latent`; for Gaussians the mean g(z): `[num, ...]`."""
    z = sample_latent(model, state, rng_key, num)
    return model.observation.draw(state.params["generator"], jax.random.fold_in(rng_key, 2**31 - 1), z)


def encode(model: Model, state: State, rng_key: Array, x: Array, mask: Array | None = None) -> PyTree:
    """One sample z of the short-run posterior, then `refine_chain` if there is one: `[B, ...]` -> `[B, d]`.

    mask: bool like x, true for the entries that are observed.
    """
    potential = model.posterior(state.params, x, mask)
    run_key, refine_key = jax.random.split(rng_key)
    z, _ = model.run(model.posterior_chain, potential, run_key, len(x))
    return z if model.refine_chain is None else sample_chain(model.refine_chain, potential, refine_key, z)[0].position


def reconstruct(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """g(z) with z from `encode`: `[B, ...]` -> `[B, ...]`."""
    return decode(model, state, encode(model, state, rng_key, x))


def inpaint(model: Model, state: State, rng_key: Array, x: Array, mask: Array) -> Array:
    """x where mask (bool, like x) is true, elsewhere g(z) with z inferred from the observed entries: `[B, ...]`."""
    return jnp.where(mask, x, decode(model, state, encode(model, state, rng_key, x, mask)))


def interpolate(model: Model, state: State, z_start: PyTree, z_end: PyTree, num: int) -> Array:
    """Decoded points on great circles between rows: `[B, d]` twice -> `[B, num, ...]`, ends included."""
    z = jax.tree.map(lambda a, b: great_circle(a, b, num).reshape(-1, a.shape[1]), z_start, z_end)
    x = decode(model, state, z)
    return x.reshape(-1, num, *x.shape[1:])


def evaluate(model: Model, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{`observation.metric`: `[B]`}: mean squared error per entry of x, or nats per sentence, at z from `encode`."""
    z, x = encode(model, state, rng_key, batch["x"]), batch["x"]
    return {model.observation.metric: model.observation.error(state.params["generator"], x, z)}


def text_functions(observation: TokenObservation) -> dict[str, Callable]:
    """Functions of a decoder of sentences: token_log_prob (state, z, x) -> `[B]` nats, start (state, z) -> carry, step
    (state, carry, z, token) -> (carry, logits)."""
    apply = lambda state, *args, method: observation.apply(state.params["generator"], *args, method=method)
    return {
        "token_log_prob": partial(apply, method="log_prob"),
        "start": partial(apply, method="start"),
        "step": partial(apply, method="step"),
    }


def common_functions(model: Model) -> dict[str, Callable]:
    """`Method.functions` that need only the model; among them energy, U of the prior, if that is learned."""
    of_gaussians = (decode, reconstruct, inpaint, interpolate)
    of_gaussians = of_gaussians if isinstance(model.observation, GaussianObservation) else ()
    named = (encode, sample_latent, short_run_estimates, *of_gaussians)
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named}
    functions |= likelihood_functions(partial(log_likelihood_estimate, model))
    of_chain = functions["short_run_estimates"]
    functions["short_run_likelihood_estimate"] = lambda *args, **options: of_chain(*args, **options)[0]
    if isinstance(model.observation, TokenObservation):
        functions |= text_functions(model.observation)
    if model.energy_fn is not None:
        functions["energy"] = lambda state, z: model.prior(state.params)(z)
    return functions
