"""The coupling of a symbol y and a vector z, and what a trained one is used for: classes, samples, likelihoods.

    p(y, z) = exp(-E_y(z)) N(z; 0, I) / Z,   p(x | y, z) = p(x | z),   q(z | x) = N(μ(x), diag σ²(x))

`symbol_vector` has the objective and its references.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.energies import standard_normal, tilt
from ebmjax.importance import WeightedMean, average_weights
from ebmjax.methods.base import likelihood_functions
from ebmjax.methods.latent_likelihood import with_normalizer
from ebmjax.methods.latent_model import Model
from ebmjax.methods.latent_space import decode, interpolate, sample_latent, text_functions
from ebmjax.objectives import diagonal_log_prob
from ebmjax.objectives.amortised import draw_diagonal
from ebmjax.objectives.observation import GaussianObservation, TokenObservation
from ebmjax.types import Array, Batch, Chain, EnergyFn, Metrics, Potential, PyTree, State


class Coupling(NamedTuple):
    """The model of x and z, the chain of p(z | y), the networks of the logits -E_y(z) and of (μ, log σ²), and the
    encoder's input: features(x), while learning with noise."""

    model: Model
    class_chain: Chain
    logits_fn: EnergyFn
    encode_fn: Callable
    features: Callable[[Array], Array]
    input_noise: float

    def encode(self, params: PyTree, x: Array, rng_key: Array | None = None) -> tuple[Array, Array]:
        """(μ, log σ²) of q(z | x), `[B, d]` each; with the noise of training if a key is given."""
        seen = self.features(x)
        if rng_key is not None and self.input_noise:
            seen = seen + self.input_noise * jax.random.normal(rng_key, seen.shape)
        return self.encode_fn(params["encoder"], seen)

    def given_symbol(self, params: PyTree, labels: Array) -> Potential:
        """The energy of p(z | y): ||z||² / 2 plus E_y(z), or plus -log p(y | z) if p(z) has no energy."""

        def of_symbol(z):
            logits = self.logits_fn(params["energy"], z)
            logits = logits if self.model.energy_fn is not None else jax.nn.log_softmax(logits)
            return -jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]

        return tilt(standard_normal, of_symbol)


def encode(coupling: Coupling, state: State, x: Array) -> Array:
    """μ(x), the mean of q(z | x): `[B, ...]` -> `[B, d]`."""
    return coupling.encode(state.params, x)[0]


def latent_logits(coupling: Coupling, state: State, z: Array) -> Array:
    """-E_y(z), the logits of p(y | z): `[B, d]` -> `[B, K]`."""
    return coupling.logits_fn(state.params["energy"], z)


def class_logits(coupling: Coupling, state: State, x: Array) -> Array:
    """The logits of p(y | z) at z = μ(x): `[B, ...]` -> `[B, K]`."""
    return latent_logits(coupling, state, encode(coupling, state, x))


def sample_class_latent(coupling: Coupling, state: State, rng_key: Array, labels: Array) -> Array:
    """z ~ p(z | y) of the given symbols by `class_chain`: int `[B]` -> `[B, d]`."""
    potential = coupling.given_symbol(state.params, labels)
    return coupling.model.run(coupling.class_chain, potential, rng_key, len(labels))[0]


def sample_class(coupling: Coupling, state: State, rng_key: Array, labels: Array) -> Array:
    """x of the given symbols, int `[B]` -> `[B, ...]`: z from `sample_class_latent`, then as `sample`."""
    z = sample_class_latent(coupling, state, rng_key, labels)
    return coupling.model.observation.draw(state.params["generator"], jax.random.fold_in(rng_key, 2**31 - 1), z)


def unnormalized_likelihood_estimate(
    coupling: Coupling, state: State, rng_key: Array, x: Array, *, num_samples: int = 100
) -> WeightedMean:
    """Importance-sampled log p(x) + log Z in nats, `[B]`, with q(z | x) as the proposal, and how far to trust it.

    log Z: of exp(-E(z)) under N(0, I); 0 without an energy. A lower bound in expectation.
    """
    mean, log_variance = coupling.encode(state.params, x)

    def log_weight(key):
        z = draw_diagonal(key, mean, log_variance)
        return coupling.model.log_joint(state.params, x, z) - diagonal_log_prob(z, mean, log_variance)

    return average_weights(jax.lax.map(log_weight, jax.random.split(rng_key, num_samples)))


def log_likelihood_estimate(
    coupling: Coupling,
    state: State,
    rng_key: Array,
    x: Array,
    *,
    num_samples: int = 100,
    num_normalizer_samples: int = 10_000,
) -> WeightedMean:
    """Importance-sampled log p(x) in nats, `[B]`: `unnormalized_likelihood_estimate`, less log Z.

    log Z is estimated from draws of N(0, I). **If the energy has moved p(z) far from N(0, I), as on digits, that
    estimate is too low, and the likelihood too high, by nats**: its standard error is inf then.
    """
    weights_key, normalizer_key = jax.random.split(rng_key)
    found = unnormalized_likelihood_estimate(coupling, state, weights_key, x, num_samples=num_samples)
    return with_normalizer(coupling.model, state, normalizer_key, found, num_normalizer_samples)


def evaluate(coupling: Coupling, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{`observation.metric`} at a draw of q, and {"accuracy"} if the batch has labels: `[B]` each."""
    observation, x = coupling.model.observation, batch["x"]
    z = draw_diagonal(rng_key, *coupling.encode(state.params, x))
    found = {observation.metric: observation.error(state.params["generator"], x, z)}
    if "label" in batch:
        found["accuracy"] = jnp.argmax(class_logits(coupling, state, x), axis=1) == batch["label"]
    return found


def functions(coupling: Coupling) -> dict[str, Callable]:
    """`Method.functions` of a coupling: energy is U of p(z), if it has an energy."""
    model = coupling.model
    uses = (class_logits, latent_logits, encode, sample_class_latent, sample_class, unnormalized_likelihood_estimate)
    found: dict[str, Callable] = {f.__name__: partial(f, coupling) for f in uses}
    found |= likelihood_functions(partial(log_likelihood_estimate, coupling))
    of_gaussians = (decode, interpolate) if isinstance(model.observation, GaussianObservation) else ()
    found |= {f.__name__: partial(f, model) for f in (sample_latent, *of_gaussians)}
    if isinstance(model.observation, TokenObservation):
        found |= text_functions(model.observation)
    if model.energy_fn is not None:
        found["energy"] = lambda state, z: model.prior(state.params)(z)
    return found
