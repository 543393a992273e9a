"""A small classifier, fitted in seconds; its penultimate layer is a feature space for generated data."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax.types import Array, PyTree


class Classifier(NamedTuple):
    """A fitted multi-layer perceptron. A pytree: it can be an argument of a jitted function.

    mean, std: `[D]`, by which flattened inputs are standardised. layers: [(weights, bias), ...], the last one linear.
    """

    mean: Array
    std: Array
    layers: PyTree

    def features(self, x: Array) -> Array:
        """Penultimate layer, after its activation: `[B, ...]` -> `[B, hidden[-1]]`."""
        return _features(self, x)

    def logits(self, x: Array) -> Array:
        """Unnormalised log-probabilities of the classes: `[B, ...]` -> `[B, num_classes]`."""
        return _logits(self, x)


def fit_classifier(
    rng_key: Array,
    x: Array,
    labels: Array,
    num_classes: int,
    *,
    hidden: tuple[int, ...] = (128, 64),
    num_steps: int = 2000,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    input_noise: float = 0.5,
) -> Classifier:
    """Fit a classifier by Adam with a cosine schedule, in one compiled scan; deterministic given `rng_key`.

    Args:
        x: `[N, ...]`, flattened and standardised inside; columns of a table should have comparable scales.
        labels: int `[N]` in [0, num_classes).
        hidden: widths of the hidden layers, at least one; the last is the dimension of the features.
        input_noise: standard deviation of Gaussian noise on the standardised inputs, the only regulariser.

    Raises ValueError for non-finite x, and for labels that do not fit x or num_classes.
    """
    if labels.shape != x.shape[:1] or not jnp.issubdtype(labels.dtype, jnp.integer) or labels.size == 0:
        raise ValueError(f"fit_classifier: expected integer labels[N], N ≥ 1, for x{list(x.shape)}, got {labels.shape}")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"fit_classifier: labels span [{labels.min()}, {labels.max()}], num_classes is {num_classes}")
    if not hidden:
        raise ValueError("fit_classifier: hidden needs at least one width, the dimension of the features")
    x = jnp.asarray(x, jnp.float32).reshape(labels.size, -1)
    if not jnp.isfinite(x).all():
        raise ValueError("fit_classifier: x holds a non-finite number; drop those rows")
    widths, labels = (*hidden, num_classes), jnp.asarray(labels, jnp.int32)
    return _fit(rng_key, x, labels, learning_rate, input_noise, widths, num_steps, batch_size)


def accuracy(classifier: Classifier, x: Array, labels: Array) -> float:
    """Fraction of rows of `x[N, ...]` whose largest logit is at `labels[N]`."""
    if labels.shape != x.shape[:1]:
        raise ValueError(f"accuracy: expected labels[N] for x{list(x.shape)}, got shape {labels.shape}")
    return float(jnp.mean(jnp.argmax(classifier.logits(x), axis=1) == labels))


@partial(jax.jit, static_argnames=("widths", "num_steps", "batch_size"))
def _fit(rng_key, x, labels, learning_rate, input_noise, widths, num_steps, batch_size):
    init_key, fit_key = jax.random.split(rng_key)
    variance = jnp.var(x, axis=0)
    # At least half the average: else pixels that hardly vary in the data (an image's corners) would be blown up in
    # generated samples and dominate their distance.
    std = jnp.sqrt(jnp.maximum(variance, 0.25 * jnp.mean(variance))) + 1e-6
    start = Classifier(jnp.mean(x, axis=0), std, _init_layers(init_key, (x.shape[1], *widths)))
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, num_steps))

    def loss(layers, inputs, targets):
        logits = _logits(start._replace(layers=layers), inputs)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, targets))

    def step(carry, i):
        layers, opt_state = carry
        rows_key, noise_key = jax.random.split(jax.random.fold_in(fit_key, i))
        rows = jax.random.randint(rows_key, (batch_size,), 0, x.shape[0])
        inputs = x[rows] + input_noise * std * jax.random.normal(noise_key, (batch_size, x.shape[1]))
        updates, opt_state = optimizer.update(jax.grad(loss)(layers, inputs, labels[rows]), opt_state)
        return (optax.apply_updates(layers, updates), opt_state), None

    (layers, _), _ = jax.lax.scan(step, (start.layers, optimizer.init(start.layers)), jnp.arange(num_steps))
    return start._replace(layers=layers)


def _init_layers(rng_key, widths):
    """He-normal weights and zero biases."""
    keys = jax.random.split(rng_key, len(widths) - 1)
    normal = jax.nn.initializers.he_normal()
    return [(normal(k, (m, n)), jnp.zeros(n)) for k, m, n in zip(keys, widths[:-1], widths[1:], strict=True)]


@jax.jit
def _features(classifier, x):
    h = (x.reshape(x.shape[0], -1) - classifier.mean) / classifier.std
    for weights, bias in classifier.layers[:-1]:
        h = jax.nn.leaky_relu(h @ weights + bias, 0.2)
    return h


@jax.jit
def _logits(classifier, x):
    weights, bias = classifier.layers[-1]
    return _features(classifier, x) @ weights + bias
