"""A classifier trained only on the labelled examples: the baseline of semi-supervised methods.

    minimise the mean of -log softmax(f(x + σ ε))_y over labelled (x, y),   ε ~ N(0, I)

Noise on the inputs keeps a perceptron from memorising a hundred labelled examples. A badly tuned baseline flatters the
methods compared with it: tune σ.

It is the supervised row in the tables of arXiv 2010.09359 and 2108.11556 (symbol-vector coupling), and of
semi-supervised VERA (arXiv 2010.04230). As an energy-based model of y given x: E(y | x) = -f(x)_y.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import apply_gradients, create_state, labelled_part, learning, pure, step_key
from ebmjax.types import Array, Method


def classifier(
    net,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    input_noise: float = 0.0,
    features: Callable[[Array], Array] = lambda x: x,
) -> Method:
    """Build the method.

    Args:
        net: Flax module features(x)[B, ...] -> logits[B, K]. Its dropout (`base.learning`) is on while it learns.
        optimizers: {"classifier": ...}.
        input_noise: σ ≥ 0, in units of `features`.
        features: x[B, ...] -> floats, row by row, to which the noise is added, e.g. a bag of words of sentences.

    Parameter group: "classifier". functions: class_logits (state, x) -> `[B, K]`. `evaluate` gives {"accuracy",
    "cross_entropy"}, `[B]` each. Raises ValueError for σ < 0; `sample` always does, `init` for a data set without
    labels.
    """
    if input_noise < 0:
        raise ValueError(f"input_noise = {input_noise}, a standard deviation, must be at least 0")
    apply = lambda params, x: pure(net)(params, features(x))

    def init(rng_key, batch):
        net_key, state_key = jax.random.split(rng_key)
        x, _ = labelled_part(batch)
        return create_state(state_key, {"classifier": net.init(net_key, features(x[:1]))["params"]}, optimizers)

    def train_step(state, batch):
        x, labels = labelled_part(batch)
        seen = features(x)
        seen = seen + input_noise * jax.random.normal(step_key(state), seen.shape) if input_noise else seen

        def loss(params):
            return mean_figures(learning(net, jax.random.fold_in(step_key(state), 1))(params, seen), labels)

        (_, metrics), grad = jax.value_and_grad(loss, has_aux=True)(state.params["classifier"])
        metrics["grad_norm_classifier"] = pytree.global_norm(grad)
        state = apply_gradients(state, optimizers, {"classifier": grad})
        return state._replace(step=state.step + 1), metrics

    def evaluate(state, rng_key, batch):
        return figures(apply(state.params["classifier"], batch["x"]), batch["label"])

    def sample(state, rng_key, num):
        raise ValueError("a classifier has no samples")

    functions = {"class_logits": lambda state, x: apply(state.params["classifier"], x)}
    return Method(init, train_step, sample, evaluate, functions)


def figures(logits, labels):
    """{"accuracy", "cross_entropy" in nats}, `[B]` each, of logits `[B, K]`."""
    correct = jnp.argmax(logits, axis=-1) == labels
    cross_entropy = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return {"accuracy": correct.astype(jnp.float32), "cross_entropy": cross_entropy}


def mean_figures(logits, labels):
    """(mean cross entropy, means of `figures`)."""
    means = {name: jnp.mean(value) for name, value in figures(logits, labels).items()}
    return means["cross_entropy"], means
