"""Symbol-vector coupling: Pang, Nijkamp, Cui, Han, Wu 2020 (arXiv 2010.09359), for images and tables; Pang & Wu, ICML
2021 (arXiv 2108.11556), for text.

    p(y, z) = exp(-E_y(z)) N(z; 0, I) / Z,   p(x | y, z) = p(x | z),   y one of K symbols, z a vector

A latent EBM (`latent_ebm`) whose energy has an output for each symbol. Then p(y | z) = softmax(-E(z)) classifies,
p(z) ∝ exp(-E(z)) N(z; 0, I) with E(z) = -log Σ_y exp(-E_y(z)) generates, and p(z | y) ∝ exp(-E_y(z)) N(z; 0, I)
generates examples of one symbol. A network q(z | x) = N(μ(x), diag σ²(x)) infers z. Jointly maximised:

    ELBO = E_q[log p(x | z)] - KL(q || N(0, I)) - E_q[E(z)] - log Z
    + λ · mutual information of z and y  (the information bottleneck)  + weight · log p(y | z) of labelled examples

The gradient of log Z is estimated from samples of p(z), by short Langevin chains from fresh noise.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.energies import bind, marginal_labels
from ebmjax.methods.base import acceptance, apply_gradients, create_state, labelled_part, pure, step_key
from ebmjax.methods.coupling import Coupling, evaluate, functions
from ebmjax.methods.latent_model import init_generator, make_model
from ebmjax.methods.latent_space import sample
from ebmjax.objectives import contrastive, cross_entropy
from ebmjax.objectives.amortised import draw_diagonal, masked_kl
from ebmjax.objectives.mutual_information import mutual_information
from ebmjax.optimizers import clip_together
from ebmjax.types import Array, Batch, Chain, Method, Metrics, PyTree, State


class CouplingWeights(NamedTuple):
    """Weights of the terms, each ≥ 0. free_nats: the KL leaves out dimensions of z whose KL is not larger than this.

    kl: step -> weight in [0, 1] of KL and energies. While it is 0, steps train an autoencoder with z = μ(x): only
    log p(x | z), as in the authors' code, and the cross entropy of labelled examples if it has a weight.
    """

    cross_entropy: float
    mutual_information: float
    free_nats: float = 0.0
    kl: Callable[[Array], Array | float] = lambda step: 1.0


class Learning(NamedTuple):
    """What a step needs beside the model: the chain of p(z), the weights, an optimiser for each group, and the largest
    norm ≥ 0 of the gradient of generator and encoder together (0: no clip)."""

    chain: Chain
    weights: CouplingWeights
    optimizers: Mapping[str, optax.GradientTransformation]
    joint_clip_norm: float


def loss_of(
    coupling: Coupling, learning: Learning, state: State, params: PyTree, batch: Batch, z_neg: Array | None
) -> tuple[Array, Metrics]:
    """The loss of all groups at `params`, in nats, and its terms. z_neg: draws of p(z), or None if it is N(0, I)."""
    model, weights, x = coupling.model, learning.weights, batch["x"]
    kl_weight = weights.kl(state.step)
    rng_key = jax.random.split(step_key(state))[1]
    noise_key, z_key, dropout_key, label_key = jax.random.split(rng_key, 4)
    mean, log_variance = coupling.encode(params, x, noise_key)
    z = jnp.where(kl_weight > 0, draw_diagonal(z_key, mean, log_variance), mean)
    log_prob = jnp.mean(model.observation.log_prob(params["generator"], x, z, dropout_key))
    divergence = jnp.mean(masked_kl(mean, log_variance, weights.free_nats))
    metrics = {
        "log_prob": log_prob,
        "kl": jnp.mean(masked_kl(mean, log_variance)),
        "posterior_spread": pytree.spread(z),
    }
    if model.energy_fn is not None and z_neg is not None:
        energies = model.energy_fn(params["energy"], z), model.energy_fn(params["energy"], z_neg)
        gap = contrastive(*energies)  # not detached from q: E_q[E(z)] is a term of the ELBO
        divergence = divergence + gap
        metrics |= {"energy_gap": gap, "energy_pos": jnp.mean(energies[0]), "energy_neg": jnp.mean(energies[1])}
    metrics["mutual_information"] = mutual_information(coupling.logits_fn(params["energy"], z))
    information_weight = weights.mutual_information * (kl_weight > 0)
    value = -log_prob + kl_weight * divergence - information_weight * metrics["mutual_information"]
    if weights.cross_entropy:
        x, labels = labelled_part(batch)
        noise_key, z_key = jax.random.split(label_key)
        logits = coupling.logits_fn(params["energy"], draw_diagonal(z_key, *coupling.encode(params, x, noise_key)))
        metrics |= {
            "cross_entropy": cross_entropy(logits, labels),
            "accuracy": jnp.mean(jnp.argmax(logits, 1) == labels),
        }
        value = value + weights.cross_entropy * metrics["cross_entropy"]
    return value, metrics


def train_step(coupling: Coupling, learning: Learning, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Samples of p(z) by the current energy, then one update of all groups."""
    model, params = coupling.model, state.params
    chain_key = jax.random.split(step_key(state))[0]
    z_neg, metrics = None, {}
    if model.energy_fn is not None:
        # Held fixed in the update: the gradient of log Z does not pass through chains.
        z_neg, info = jax.lax.stop_gradient(model.run(learning.chain, model.prior(params), chain_key, len(batch["x"])))
        metrics = {"prior_grad_norm": jnp.mean(info.grad_norm), "prior_spread": pytree.spread(z_neg)}
        metrics |= {"num_nonfinite": jnp.sum(info.num_nonfinite)} | acceptance("prior", learning.chain, info)
    loss = lambda params: loss_of(coupling, learning, state, params, batch, z_neg)
    grads, more = jax.grad(loss, has_aux=True)(params)
    metrics |= more | {f"grad_norm_{group}": pytree.global_norm(grad) for group, grad in grads.items()}
    if learning.joint_clip_norm:
        grads = clip_together(grads, ("generator", "encoder"), learning.joint_clip_norm)
    return apply_gradients(state, learning.optimizers, grads)._replace(step=state.step + 1), metrics


def symbol_vector(
    energy,
    generator,
    encoder,
    *,
    prior_chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    latent_dim: int,
    weights: CouplingWeights,
    sigma: float | None = None,
    length: int | None = None,
    bag: bool = False,
    input_noise: float = 0.0,
    features: Callable[[Array], Array] = lambda x: x,
    tilted: bool = True,
    class_chain: Chain | None = None,
    joint_clip_norm: float = 0.0,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module z[B, latent_dim] -> -E_y(z), the logits `[B, K]` of the symbols.
        generator: Flax module z[B, latent_dim] -> x[B, ...]; a decoder of sentences, `nets.TextDecoder`; or, with
            `bag`, a module z -> logits of words `[B, vocab_size]`.
        encoder: Flax module features(x) -> (mean, log-variance) of z, `[B, latent_dim]` each.
        prior_chain: of p(z), from N(0, I) (papers: Langevin, 60 steps of 0.4; text 40 of 0.5).
        optimizers: {"energy": ..., "generator": ..., "encoder": ...}.
        weights: of cross entropy (0: no labels), mutual information, KL (papers: 200, 100; text 4, 50).
        sigma: > 0, of the observation noise, in units of x; None for sentences. length, bag: for sentences.
        input_noise: standard deviation ≥ 0 of noise on features(x) in training, in their units; the generator still
            explains x without noise.
        features: x[B, ...] -> the encoder's input, row by row, e.g. a bag of words.
        class_chain: of p(z | y), from N(0, I); by default `prior_chain`. Modes of a symbol may need a longer one.
        tilted: False leaves p(z) at N(0, I): a variational autoencoder with a classifier of z, the ablation.
        joint_clip_norm: ≥ 0, largest norm of the gradient of generator and encoder together; 0 for no clip.

    Parameter groups: "energy", "generator", "encoder". functions: class_logits, latent_logits, encode, energy (of p(z),
    if tilted), sample_latent, sample_class_latent, sample_class, log_likelihood, unnormalized_likelihood_estimate; for
    images and tables also decode and interpolate, for sequences token_log_prob, start and step.
    Raises ValueError for settings out of range, and `init` if the generator's examples are not like the data's, or
    labels are missing.
    """
    if min(input_noise, joint_clip_norm, weights.cross_entropy, weights.mutual_information, weights.free_nats) < 0:
        raise ValueError(
            f"input_noise = {input_noise}, joint_clip_norm = {joint_clip_norm} and the weights {weights[:3]} must be "
            "at least 0"
        )
    logits_fn = pure(energy)
    energy_fn = (lambda params, z: marginal_labels(bind(logits_fn, params))(z)) if tilted else None
    options = {"latent_dim": latent_dim, "energy_fn": energy_fn, "prior_chain": prior_chain if tilted else None}
    model = make_model(generator, sigma=sigma, length=length, bag=bag, **options)
    coupling = Coupling(model, class_chain or prior_chain, logits_fn, pure(encoder), features, input_noise)
    learning = Learning(prior_chain, weights, optimizers, joint_clip_norm)

    def init(rng_key, batch):
        keys = jax.random.split(rng_key, 4)
        x = batch["x"]
        params = {"generator": init_generator(model, generator, keys[0], x)}
        params["energy"] = energy.init(keys[1], model.zeros()).get("params", {})
        params["encoder"] = encoder.init(keys[2], features(x[:1]))["params"]
        if weights.cross_entropy:
            labelled_part(batch)  # raises for data without labels
        return create_state(keys[3], params, optimizers)

    step = partial(train_step, coupling, learning)
    return Method(init, step, partial(sample, model), partial(evaluate, coupling), functions(coupling))
