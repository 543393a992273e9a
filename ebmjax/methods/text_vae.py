"""Variational auto-encoder of sentences (Bowman et al. 2016, arXiv 1511.06349): the opponent of models whose latent
vectors are inferred by chains, and the ways to keep its z in use that their papers compare with.

    maximise  E_q[log p(x | z)] - β KL(q(z | x) || N(0, I)),   q(z | x) = N(μ(x), diag σ²(x))

β may grow with the training step (annealing; cycles: Fu et al. 2019, arXiv 1903.10145). Dimensions of z whose KL is
small may be left out of it (free bits: Li et al. 2019, arXiv 1909.00868). And the encoder may get more updates than the
decoder, so that it does not lag behind (aggressive training: He et al. 2019, arXiv 1901.05534).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.importance import WeightedMean, average_weights
from ebmjax.methods.base import apply_gradients, create_state, likelihood_functions, pure, step_key
from ebmjax.methods.latent_model import Model, init_generator, make_model
from ebmjax.methods.latent_space import sample, sample_latent, text_functions
from ebmjax.objectives import diagonal_log_prob
from ebmjax.objectives.amortised import draw_diagonal, masked_kl
from ebmjax.objectives.observation import TokenObservation
from ebmjax.types import Array, Batch, Method, Metrics, PyTree, State


class VAETraining(NamedTuple):
    """How the model is trained, to keep z in use; by default by the evidence lower bound as it is.

    kl_weight: step -> β ≥ 0. free_nats: ≥ 0; dimensions of a sentence's z whose KL is not larger do not count.
    encoder_steps: ≥ 0, updates of the encoder alone before each update of the decoder, at the same batch with fresh
    draws of z, in the first aggressive_steps training steps; later both are updated once, together.
    """

    kl_weight: Callable[[Array], Array | float] = lambda step: 1.0
    free_nats: float = 0.0
    encoder_steps: int = 0
    aggressive_steps: int = 0


PLAIN = VAETraining()


class Network(NamedTuple):
    """The model of x and z, and q: encode_fn (params, x) -> (mean, log-variance)."""

    model: Model
    encode_fn: Callable
    training: VAETraining


def loss_of(
    network: Network, params: PyTree, x: Array, rng_key: Array, kl_weight: Array | float
) -> tuple[Array, Metrics]:
    """The loss of both groups in nats, with the decoder's dropout, and its terms; "kl" leaves nothing out."""
    z_key, dropout_key = jax.random.split(rng_key)
    mean, log_variance = network.encode_fn(params["encoder"], x)
    z = draw_diagonal(z_key, mean, log_variance)
    nll, _ = network.model.observation.loss(params["generator"], x, z, dropout_key)
    loss = nll + kl_weight * jnp.mean(masked_kl(mean, log_variance, network.training.free_nats))
    kl = jnp.mean(masked_kl(mean, log_variance))
    return loss, {"reconstruction_nll": nll, "kl": kl, "posterior_spread": pytree.spread(z)}


def train_step(network: Network, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of both groups; while training is aggressive, first the encoder's, then one of the decoder alone."""
    x, key, training = batch["x"], step_key(state), network.training
    kl_weight = training.kl_weight(state.step)
    gradient = jax.grad(partial(loss_of, network), has_aux=True)
    aggressive = state.step < training.aggressive_steps if training.encoder_steps else jnp.bool_(False)

    def update_encoder(i, state):
        grads = gradient(state.params, x, jax.random.fold_in(key, i + 1), kl_weight)[0]
        return apply_gradients(state, optimizers, {"encoder": grads["encoder"]})

    if training.encoder_steps:
        state = jax.lax.fori_loop(0, jnp.where(aggressive, training.encoder_steps, 0), update_encoder, state)
    grads, metrics = gradient(state.params, x, jax.random.fold_in(key, 0), kl_weight)
    metrics |= {f"grad_norm_{group}": pytree.global_norm(grad) for group, grad in grads.items()}
    both = apply_gradients(state, optimizers, grads)
    if training.encoder_steps:
        one = apply_gradients(state, optimizers, {"generator": grads["generator"]})
        both = jax.lax.cond(aggressive, lambda: one, lambda: both)
    return both._replace(step=state.step + 1), metrics | {"kl_weight": jnp.float32(kl_weight)}


def posterior(network: Network, state: State, x: Array) -> tuple[Array, Array]:
    """(mean, log-variance) of q(z | x): `[B, L]` -> `[B, d]` twice."""
    return network.encode_fn(state.params["encoder"], x)


def encode(network: Network, state: State, rng_key: Array, x: Array) -> Array:
    """z ~ q(z | x): `[B, L]` -> `[B, d]`."""
    return draw_diagonal(rng_key, *posterior(network, state, x))


def log_likelihood_estimate(
    network: Network, state: State, rng_key: Array, x: Array, *, num_samples: int = 100
) -> WeightedMean:
    """Importance-sampled log p(x) in nats with q(z | x) as the proposal, a lower bound in expectation: `[B]`."""
    mean, log_variance = posterior(network, state, x)

    def log_weight(key):
        z = draw_diagonal(key, mean, log_variance)
        return network.model.log_joint(state.params, x, z) - diagonal_log_prob(z, mean, log_variance)

    return average_weights(jax.lax.map(log_weight, jax.random.split(rng_key, num_samples)))


def evaluate(network: Network, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{"reconstruction_nll": `[B]`}, nats per sentence at a draw of q."""
    z = encode(network, state, rng_key, batch["x"])
    return {"reconstruction_nll": network.model.observation.error(state.params["generator"], batch["x"], z)}


def text_vae(
    decoder,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    latent_dim: int,
    length: int,
    training: VAETraining = PLAIN,
) -> Method:
    """Build the method.

    Args:
        decoder: Flax module of sentences, `nets.TextDecoder`.
        encoder: Flax module tokens`[B, L]` -> (mean, log-variance), `[B, latent_dim]` each: `nets.text_encoder`.
        optimizers: {"generator": ..., "encoder": ...}.
        latent_dim: d ≥ 1. length: of the rows of tokens that `sample` makes, ≥ 1; use that of the data.
        training: KL weight, free bits, updates of the encoder; by default the evidence lower bound.

    Parameter groups: "generator", "encoder". functions: posterior, encode (a draw), sample_latent, log_likelihood,
    token_log_prob, start, step. Raises ValueError for settings of the training out of range, `init` for other data than
    sentences.
    """
    if min(training.free_nats, training.encoder_steps, training.aggressive_steps) < 0:
        raise ValueError(f"the numbers of {training} must be at least 0")
    model = make_model(decoder, length=length, latent_dim=latent_dim)
    network = Network(model, pure(encoder), training)

    def init(rng_key, batch):
        keys = jax.random.split(rng_key, 3)
        params = {"generator": init_generator(model, decoder, keys[0], batch["x"])}
        params["encoder"] = encoder.init(keys[1], batch["x"][:1])["params"]
        return create_state(keys[2], params, optimizers)

    functions: dict[str, Callable] = {f.__name__: partial(f, network) for f in (posterior, encode)}
    assert isinstance(model.observation, TokenObservation)
    functions |= {"sample_latent": partial(sample_latent, model)} | text_functions(model.observation)
    functions |= likelihood_functions(partial(log_likelihood_estimate, network))
    step = partial(train_step, network, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, network), functions)
