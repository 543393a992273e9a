"""Flow contrastive estimation: Gao, Nijkamp, Kingma, Xu, Dai, Wu, CVPR 2020 (arXiv 1912.00589).

    log p(x) = -E(x) - c,   r(x) = log p(x) - log q(x),   V = E_data[log σ(r(x))] + E_q[log σ(-r(x))]

An energy and its learned normaliser c classify data against a flow's samples: they maximise V. The flow minimises V,
through log q at data and through its reparameterised samples. If exp(-E - c) is the density of the data,
V = 2 JSD(data, q) - 2 log 2; at the joint optimum V = -2 log 2 and the accuracy is 1/2.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.energies import bind, marginal_labels
from ebmjax.estimators import likelihood
from ebmjax.flows import Flow, dequantize
from ebmjax.flows.base import latent_log_prob
from ebmjax.importance import WeightedMean
from ebmjax.methods.base import apply_gradients, create_state, labelled_part, pure, step_key
from ebmjax.objectives import Gate, make_rule, noise_contrastive, noise_contrastive_logit, open_gate
from ebmjax.types import Array, Batch, EnergyFn, Method, Metrics, PyTree, State


class Model(NamedTuple):
    """Both models and their alternation; see `flow_contrastive`. net: the energy's module, or that of class logits."""

    net: EnergyFn
    flow: Flow
    rule: Callable[[Gate, Array], Gate]
    label_weight: float
    num_levels: int | None

    def energy_fn(self, params: PyTree, x: Array) -> Array:
        """E(x) of the group "energy", `[B]`."""
        net = bind(self.net, params)
        return marginal_labels(net)(x) if self.label_weight else net(x)

    def log_prob(self, params: PyTree, x: Array) -> Array:
        """log p(x) = -E(x) - c with the learned c, `[B]` in nats."""
        return -self.energy_fn(params["energy"], x) - params["log_normalizer"]

    def data(self, rng_key: Array, x: Array) -> Array:
        """x as continuous data: images get noise over their grey levels."""
        return x if self.num_levels is None else dequantize(rng_key, x, self.num_levels)

    def logits(self, params: PyTree, x: Array, z: Array) -> tuple[Array, Array]:
        """r at data x and at the flow's samples g(z), each `[B]`; log q(g(z)) comes from decoding z."""
        noise, log_det = self.flow.decode(params["flow"], z)
        log_noise = self.flow.log_prob(params["flow"], x), latent_log_prob(z) - log_det
        energies = (self.energy_fn(params["energy"], y) for y in (x, noise))
        at_data, at_noise = (
            noise_contrastive_logit(e, params["log_normalizer"], q) for e, q in zip(energies, log_noise)
        )
        return at_data, at_noise


def value(model: Model, params: PyTree, x: Array, z: Array) -> tuple[Array, Metrics]:
    """V in nats, and metrics of the classifier: accuracy, and mean r at data and at the flow's samples."""
    at_data, at_noise = model.logits(params, x, z)
    loss, accuracy = noise_contrastive(at_data, at_noise)
    return -loss, {
        "value": -loss,
        "accuracy": accuracy,
        "logit_pos": jnp.mean(at_data),
        "logit_neg": jnp.mean(at_noise),
    }


def label_loss(model: Model, params: PyTree, batch: Batch) -> Array:
    """Cross-entropy in nats of the examples whose labels are known (`base.labelled_part`)."""
    x, label = labelled_part(batch)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(model.net(params["energy"], x), label))


def energy_update(model: Model, optimizers: Mapping, batch: Batch, state: State, x: Array, z: Array):
    """Raise V by a step of the energy and of c, with the flow held fixed."""

    def loss(learned):
        v, metrics = value(model, state.params | learned, x, z)
        if not model.label_weight:
            return -v, metrics
        cross_entropy = label_loss(model, learned, batch)
        return model.label_weight * cross_entropy - v, metrics | {"cross_entropy": cross_entropy}

    learned = {group: state.params[group] for group in ("energy", "log_normalizer")}
    grads, metrics = jax.grad(loss, has_aux=True)(learned)
    norms = {"grad_norm_energy": pytree.global_norm(grads["energy"]), "grad_norm_flow": jnp.zeros(())}
    return apply_gradients(state, optimizers, grads), metrics | norms


def flow_update(model: Model, optimizers: Mapping, batch: Batch, state: State, x: Array, z: Array):
    """Lower V by a step of the flow, through log q(x) and the samples g(z), with the energy held fixed."""
    loss = lambda params: value(model, state.params | {"flow": params}, x, z)
    grad, metrics = jax.grad(loss, has_aux=True)(state.params["flow"])
    if model.label_weight:
        metrics["cross_entropy"] = label_loss(model, state.params, batch)
    norms = {"grad_norm_energy": jnp.zeros(()), "grad_norm_flow": pytree.global_norm(grad)}
    return apply_gradients(state, optimizers, {"flow": grad}), metrics | norms


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the energy or of the flow, chosen by the gate, and the gate of the next step."""
    data_key, noise_key = jax.random.split(step_key(state))
    x = model.data(data_key, batch["x"])
    z = jax.random.normal(noise_key, (len(x), model.flow.dim))
    gate = state.extra["gate"]
    # A branch, not a choice between two results: only one of the updates is computed.
    updates = [partial(update, model, optimizers, batch) for update in (energy_update, flow_update)]
    state, metrics = jax.lax.cond(gate.update_energy, *updates, state, x, z)
    metrics["log_normalizer"] = state.params["log_normalizer"]
    metrics["num_energy_updates"] = gate.update_energy.astype(jnp.float32)
    extra = state.extra | {"gate": model.rule(gate, metrics["accuracy"])}
    return state._replace(step=state.step + 1, extra=extra), metrics


def energy_of(model: Model, state: State, x: Array) -> Array:
    """E(x), without c: `[B, *shape]` -> `[B]`."""
    return model.energy_fn(state.params["energy"], x)


def log_likelihood(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """log p(x) = -E(x) - c in nats, `[B]`, with the *learned* c: not a bound; compare c with `log_normalizer`."""
    return model.log_prob(state.params, x)


def log_ratio(model: Model, state: State, x: Array) -> Array:
    """r(x) = log p(x) - log q(x): `[B, *shape]` -> `[B]`."""
    return model.log_prob(state.params, x) - flow_log_prob(model, state, x)


def flow_log_prob(model: Model, state: State, x: Array) -> Array:
    """log q(x) in nats, `[B]`."""
    return model.flow.log_prob(state.params["flow"], x)


def log_normalizer(model: Model, state: State, rng_key: Array, num_samples: int = 10_000) -> WeightedMean:
    """log Z = log ∫ exp(-E(x)) dx in nats, by importance sampling with the flow."""

    def excess(z):  # E(g(z)) + log q(g(z)), the energy by which exp(-E) tilts N(0, I)
        x, log_det = model.flow.decode(state.params["flow"], z)
        return energy_of(model, state, x) + latent_log_prob(z) - log_det

    return likelihood.log_normalizer(rng_key, excess, model.flow.dim, num_samples)


def begin(model: Model, energy, flow_params: PyTree | None, optimizers: Mapping, rng_key: Array, batch: Batch) -> State:
    """The state at step 0: a fresh energy, a trained or fresh flow, and c such that mean r over both batches is 0."""
    flow = model.flow
    energy_key, flow_key, noise_key, state_key = jax.random.split(rng_key, 4)
    if batch["x"].shape[1:] != flow.shape:
        raise ValueError(f"the flow makes examples of shape {flow.shape}, the data have {batch['x'].shape[1:]}")
    data_key, noise_key = jax.random.split(noise_key)
    x = model.data(data_key, batch["x"])
    # A copy: the state is donated, and the trained flow may be used elsewhere.
    start = flow.init(flow_key, x) if flow_params is None else jax.tree.map(jnp.copy, flow_params)
    params = {"energy": energy.init(energy_key, x[:1])["params"], "flow": start, "log_normalizer": jnp.zeros(())}
    at_both = jnp.stack(model.logits(params, x, jax.random.normal(noise_key, (len(x), flow.dim))))
    params["log_normalizer"] = jnp.mean(at_both)
    return create_state(state_key, params, optimizers, {"gate": open_gate()})


def flow_contrastive(
    energy,
    flow: Flow,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    flow_params: PyTree | None = None,
    threshold: float = 0.6,
    decay: float = 0.0,
    energy_every: int = 0,
    label_weight: float = 0.0,
    num_levels: int | None = None,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, *shape] -> energy[B]; with `label_weight` > 0 -> class logits `[B, K]`, whose energy is
            that of p(x) = Σ_y p(x, y) ∝ Σ_y exp(logits[y]).
        flow: `ebmjax.flows.Flow`. flow_params: from training by maximum likelihood (paper); None starts from its init.
        optimizers: {"energy": ..., "log_normalizer": ..., "flow": ...}. A group without one is frozen: without "flow"
            and with a threshold above 1 this is noise-contrastive estimation.
        threshold: the energy is updated while the accuracy is below it, else the flow. decay, energy_every: see
            `objectives.next_gate`; 0 and 0 are the paper's rule. With a low threshold the energy gets few updates;
            `energy_every` prevents that.
        label_weight: ≥ 0, weight of the cross-entropy of the known labels in updates of the energy (semi-supervised).
        num_levels: grey levels of images (256), over which noise is added; None for tables.

    The initial c makes the mean of r over data and samples 0. Metrics: value (V), accuracy, logit_pos and logit_neg
    (mean r at data, at samples), log_normalizer (c), num_energy_updates, grad_norm_energy and grad_norm_flow (0 if not
    updated), cross_entropy with labels. `sample` draws from the flow. functions: energy, log_likelihood, log_ratio,
    flow_log_prob, log_normalizer (log Z by importance sampling); class_logits with labels. Raises ValueError for
    settings out of range, and `init` if the data's shape is not the flow's.
    """
    if label_weight < 0:
        raise ValueError(f"label_weight = {label_weight} must be ≥ 0")
    model = Model(pure(energy), flow, make_rule(threshold, decay, energy_every), label_weight, num_levels)

    def evaluate(state, rng_key, batch):
        return {"log_likelihood": log_likelihood(model, state, rng_key, model.data(rng_key, batch["x"]))}

    named = [log_likelihood, log_ratio, flow_log_prob, log_normalizer]
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named} | {
        "energy": partial(energy_of, model)
    }
    if label_weight:
        functions["class_logits"] = lambda state, x: model.net(state.params["energy"], x)
    sample = lambda state, rng_key, num: flow.sample(state.params["flow"], rng_key, num)
    init = partial(begin, model, energy, flow_params, optimizers)
    return Method(init, partial(train_step, model, optimizers), sample, evaluate, functions)
