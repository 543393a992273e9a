"""A generative model of the weights of classifiers: Deutsch 2018 (arXiv 1801.01952); Deutsch, Nijkamp & Yang 2019
(arXiv 1905.02898).

    z ~ U[-1, 1]^d,   θ = h(z),   minimise  λ · E_z E_(x, y)[-log p(y | x, θ)] - H[θ]

A hypernetwork h generates weights θ of low loss and high diversity. The entropy H is estimated from nearest neighbours
among the few θ of a step, after gauge fixing (`nets.gauge`), without which rescaled filters of the same network would
count as diverse. In terms of energies, h learns to sample p(θ) ∝ exp(-λ · loss(θ)) on a surface of d dimensions. The
second method here trains networks directly, for comparison.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import apply_gradients, create_state, step_key
from ebmjax.nets.gauge import fix_gauge, fix_last_layer
from ebmjax.nets.targets import Target
from ebmjax.objectives import knn_entropy
from ebmjax.objectives.entropy import NORMS
from ebmjax.types import Array, Batch, Method, Metrics, PyTree, State


class Model(NamedTuple):
    """The networks and settings; see `hypernetwork`."""

    hypernet: Any
    target: Target
    latent_dim: int
    num_latents: int
    accuracy_weight: float
    entropy_weight: float
    num_neighbours: int
    norm: str
    fix_last: bool
    input_noise: float

    def entropy(self, weights: PyTree) -> Array:
        """Estimate of H in nats, a scalar, from gauge-fixed weights `[N, ...]`."""
        if self.fix_last:
            weights = fix_last_layer(self.target.layers, weights)
        rows = pytree.ravel_rows(weights)[0]
        return knn_entropy(rows, k=self.num_neighbours, norm=self.norm, dim=self.latent_dim)


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the hypernetwork with `num_latents` fresh z, each on its own part of the batch."""
    z_key, noise_key = jax.random.split(step_key(state))
    z = latent(model, state, z_key, model.num_latents)
    x, labels = split_batch(batch, model.num_latents, noise_key, model.input_noise)

    def loss(params):
        # The only pass that uses statistics of the batch and updates the running ones.
        variables = {"params": params, "batch_stats": state.extra["stats"]}
        raw, updated = model.hypernet.apply(variables, z, train=True, mutable=["batch_stats"])
        cross_entropy, accuracy = classify(model.target, raw, x, labels)
        weights = fix_gauge(model.target.layers, raw)  # the same classifiers
        entropy = model.entropy(weights)
        total = model.accuracy_weight * cross_entropy - model.entropy_weight * entropy
        last = weights[model.target.layers[-1].name]["kernel"]
        metrics = {"cross_entropy": cross_entropy, "accuracy": accuracy, "entropy": entropy}
        metrics["last_layer_rms"] = jnp.sqrt(jnp.mean(jnp.square(last)))
        return total, (metrics, updated.get("batch_stats", {}))

    (_, (metrics, stats)), grad = jax.value_and_grad(loss, has_aux=True)(state.params["hypernet"])
    metrics["grad_norm_hypernet"] = pytree.global_norm(grad)
    state = apply_gradients(state, optimizers, {"hypernet": grad})
    return state._replace(step=state.step + 1, extra=state.extra | {"stats": stats}), metrics


def split_batch(batch: Batch, num: int, rng_key: Array, noise: float) -> tuple[Array, Array]:
    """(x `[num, B / num, ...]` with Gaussian noise of that standard deviation, labels `[num, B / num]`).

    Part j holds rows j, j + num, ...: batches are in the order of the loader's groups, and each part gets rows of all.
    """
    part = lambda a: jnp.swapaxes(a.reshape(-1, num, *a.shape[1:]), 0, 1)
    x, labels = part(batch["x"]), part(batch["label"])
    return (x + noise * jax.random.normal(rng_key, x.shape) if noise else x), labels


def classify(target: Target, weights: PyTree, x: Array, labels: Array) -> tuple[Array, Array]:
    """(mean cross entropy in nats, accuracy) of networks `[M, ...]`, each on its own x `[M, n, ...]`: two scalars."""
    logits = jax.vmap(target.apply)(weights, x)
    cross_entropy = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
    return cross_entropy, jnp.mean(jnp.argmax(logits, axis=-1) == labels)


def latent(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """z ~ U[-1, 1]^d: `[num, d]`."""
    return jax.random.uniform(rng_key, (num, model.latent_dim), minval=-1.0, maxval=1.0)


def generate(model: Model, state: State, z: Array) -> PyTree:
    """Gauge-fixed weights `[B, ...]` of z`[B, d]`, by the running statistics: row i depends on row i alone."""
    variables = {"params": state.params["hypernet"], "batch_stats": state.extra["stats"]}
    return fix_gauge(model.target.layers, model.hypernet.apply(variables, z, train=False))


def sample(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """Gauge-fixed weights of `num` fresh z as vectors: `[num, num_weights]`."""
    return pytree.ravel_rows(generate(model, state, latent(model, state, rng_key, num)))[0]


def evaluate(target: Target, weights: PyTree, batch: Batch) -> Metrics:
    """{"accuracy", "cross_entropy"}: `[B]` each, the mean over networks `[M, ...]`."""
    logits = jax.vmap(target.apply, (0, None))(weights, batch["x"])
    labels = jnp.broadcast_to(batch["label"], logits.shape[:-1])
    cross_entropy = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    correct = jnp.argmax(logits, axis=-1) == labels
    return {"accuracy": jnp.mean(correct, axis=0), "cross_entropy": jnp.mean(cross_entropy, axis=0)}


def check_batch(batch: Batch, num: int) -> None:
    """Raise ValueError unless the batch has labels and splits over `num` networks."""
    if "label" not in batch:
        raise ValueError("classifiers need labels, and this data set has none")
    if len(batch["x"]) % num:
        raise ValueError(f"a batch of {len(batch['x'])} examples does not split over {num} networks")


def hypernetwork(
    hypernet,
    target: Target,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    latent_dim: int,
    num_latents: int,
    accuracy_weight: float,
    entropy_weight: float = 1.0,
    num_neighbours: int = 1,
    norm: str = "l1",
    fix_last: bool = True,
    input_noise: float = 0.0,
) -> Method:
    """Build the method.

    Args:
        hypernet: Flax module (z[B, latent_dim], train) -> weights of `target`, `nets.HyperNet`.
        target: `nets.Target`, the classifier whose weights are generated.
        optimizers: {"hypernet": ...} (paper: Adam, 3e-4).
        num_latents: z per step, > num_neighbours; it divides the batch, of which each z gets an equal part.
        accuracy_weight: λ (paper: 1e3). entropy_weight: 0 for the run without diversity.
        num_neighbours, norm: k, and "l1" or "l2", of `objectives.knn_entropy`; its dimension is latent_dim.
        fix_last: also centre and scale the last layer for the entropy (`nets.gauge.fix_last_layer`). The paper does
            not; there diversity can grow through the temperature of the softmax alone.
        input_noise: standard deviation of Gaussian noise on the inputs while training.

    Parameter group: "hypernet"; the running statistics of its batch normalisation are `state.extra["stats"]`, updated
    by the pass of `train_step`. `sample` gives weight vectors. functions: latent (state, key, num), generate
    (state, z), entropy (state, weights). Raises ValueError for num_latents ≤ num_neighbours or another norm, and
    `init` for a batch without labels or one that num_latents does not divide.
    """
    if num_latents <= num_neighbours:
        raise ValueError(f"num_latents = {num_latents} must exceed num_neighbours = {num_neighbours}")
    if norm not in NORMS:
        raise ValueError(f"unknown norm {norm!r}; known: {', '.join(NORMS)}")
    model = Model(
        hypernet,
        target,
        latent_dim,
        num_latents,
        accuracy_weight,
        entropy_weight,
        num_neighbours,
        norm,
        fix_last,
        input_noise,
    )

    def init(rng_key, batch):
        check_batch(batch, num_latents)
        net_key, state_key = jax.random.split(rng_key)
        variables = hypernet.init(net_key, jnp.zeros((1, latent_dim)))
        extra = {"stats": variables.get("batch_stats", {})}
        return create_state(state_key, {"hypernet": variables["params"]}, optimizers, extra)

    def evaluate_drawn(state, rng_key, batch):
        return evaluate(target, generate(model, state, latent(model, state, rng_key, num_latents)), batch)

    functions = {
        "latent": partial(latent, model),
        "generate": partial(generate, model),
        "entropy": lambda state, weights: model.entropy(weights),
    }
    return Method(init, partial(train_step, model, optimizers), partial(sample, model), evaluate_drawn, functions)


def direct_networks(
    target: Target,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    num_networks: int,
    input_noise: float = 0.0,
) -> Method:
    """Networks trained directly, independently and in parallel: the baseline of generated ones.

    optimizers: {"networks": ...}. num_networks: ≥ 1; it divides the batch, of which each gets an equal part. Every
    network starts from its own He-normal weights. functions: generate (state) -> gauge-fixed weights `[M, ...]`;
    `sample` repeats their vectors. Raises ValueError as `hypernetwork` does.
    """

    def init(rng_key, batch):
        check_batch(batch, num_networks)
        nets_key, state_key = jax.random.split(rng_key)
        weights = jax.vmap(target.init)(jax.random.split(nets_key, num_networks))
        return create_state(state_key, {"networks": weights}, optimizers)

    def step(state, batch):
        x, labels = split_batch(batch, num_networks, step_key(state), input_noise)

        def loss(weights):
            cross_entropy, accuracy = classify(target, weights, x, labels)
            # A sum, so that the gradient of each network is that of its own loss.
            return num_networks * cross_entropy, {"cross_entropy": cross_entropy, "accuracy": accuracy}

        (_, metrics), grad = jax.value_and_grad(loss, has_aux=True)(state.params["networks"])
        metrics["grad_norm_networks"] = pytree.global_norm(grad)
        state = apply_gradients(state, optimizers, {"networks": grad})
        return state._replace(step=state.step + 1), metrics

    fixed = lambda state: fix_gauge(target.layers, state.params["networks"])
    repeated = lambda state, rng_key, num: pytree.ravel_rows(fixed(state))[0][jnp.arange(num) % num_networks]
    evaluate_all = lambda state, rng_key, batch: evaluate(target, state.params["networks"], batch)
    return Method(init, step, repeated, evaluate_all, {"generate": fixed})
