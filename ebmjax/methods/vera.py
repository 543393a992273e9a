"""VERA, an energy trained against a generator: Grathwohl, Kelly, Hashemi, Norouzi, Swersky, Duvenaud, ICLR 2021 (arXiv
2010.04230).

    log Z = max_q  E_q[-E(x)] + H(q),   q: x = g(z) + σ ε,   z ~ N(0, I), ε ~ N(0, I)

Maximum likelihood of p(x) = exp(-E(x)) / Z thus becomes a game: the energy is lowered at data and raised at the
generator's samples; the generator lowers the energy of its samples and raises their entropy, whose gradient is
estimated by importance sampling (`objectives.entropy_gradient`). If the energy's network gives class logits,
E(x) = -log Σ_y exp(logits[y]), it is also a classifier (JEM), learned from few labels.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.energies import bind, marginal_labels
from ebmjax.flows import dequantize
from ebmjax.methods.base import Net, apply_gradients, create_state, labelled_part, learning, pure, step_key
from ebmjax.methods.entropy_sampler import Sampler, check_sampler, init_sampler, running_statistics
from ebmjax.objectives import LabelWeights, contrastive, gradient_penalty, label_terms
from ebmjax.objectives.entropy_gradient import entropy_surrogate
from ebmjax.types import Array, Batch, Chain, EnergyFn, Method, Metrics, Potential, PyTree, State


class Model(NamedTuple):
    """The energy's network (of logits, if labels are used), the generator, and the settings; see `vera`.

    learning_net: key of dropout -> the network while it learns (`base.learning`).
    """

    net: EnergyFn
    learning_net: Callable[[Array], EnergyFn]
    sampler: Sampler
    entropy_weight: float
    gradient_penalty: float
    energy_l2: float
    data_noise: float
    labels: LabelWeights | None
    num_levels: int | None

    def outputs(self, params: PyTree, rng_key: Array | None) -> Callable[[Array], Array]:
        """The network with the group "energy", and with its dropout by the key, if there is one."""
        return bind(self.net if rng_key is None else self.learning_net(rng_key), params)

    def energy(self, params: PyTree, rng_key: Array | None = None) -> Potential:
        """E, of the group "energy": `[B, ...]` -> `[B]`. rng_key: of dropout while E learns, or its sampler from it."""
        net = self.outputs(params, rng_key)
        return net if self.labels is None else marginal_labels(net)

    def data(self, rng_key: Array, x: Array) -> Array:
        """x as used in training: dequantised if it has grey levels, and with Gaussian noise if data_noise > 0."""
        level_key, noise_key = jax.random.split(rng_key)
        x = x if self.num_levels is None else dequantize(level_key, x, self.num_levels)
        return x + self.data_noise * jax.random.normal(noise_key, x.shape, x.dtype) if self.data_noise else x


def energy_update(
    model: Model, optimizers: Mapping, state: State, rng_key: Array, batch: Batch, x_neg: Array
) -> tuple[State, Metrics]:
    """Lower E at data and raise it at the fixed samples; adds the penalty and the loss of the labels."""
    data_key, label_key = jax.random.split(rng_key)
    pos_key, neg_key = (jax.random.fold_in(rng_key, i) for i in (2, 3))  # of dropout: one pass of data, one of samples
    x_pos = model.data(data_key, batch["x"])
    labelled = None
    if model.labels is not None:
        x, labels = labelled_part(batch)
        labelled = model.data(label_key, x), labels

    def loss(params):
        energy = model.energy(params, pos_key)
        energy_pos, energy_neg = energy(x_pos), model.energy(params, neg_key)(x_neg)
        value = contrastive(energy_pos, energy_neg, energy_l2=model.energy_l2)
        metrics = {"energy_pos": jnp.mean(energy_pos), "energy_neg": jnp.mean(energy_neg)}
        if model.gradient_penalty:  # only at data
            metrics["gradient_penalty"] = gradient_penalty(energy, x_pos)
            value += model.gradient_penalty * metrics["gradient_penalty"]
        if model.labels is not None and labelled is not None:
            term, more = label_terms(model.labels, model.outputs(params, pos_key), x_pos, labelled)
            value, metrics = value + term, metrics | more
        return value, metrics

    grad, metrics = jax.grad(loss, has_aux=True)(state.params["energy"])
    metrics["energy_gap"] = metrics["energy_pos"] - metrics["energy_neg"]
    metrics["grad_norm_energy"] = pytree.global_norm(grad)
    return apply_gradients(state, optimizers, {"energy": grad}), metrics


def generator_update(
    model: Model, optimizers: Mapping, state: State, rng_key: Array, z: Array, noise: Array
) -> tuple[State, Metrics]:
    """Lower E at the samples of (z, ε) and raise their entropy; then update the proposal's scale by its bound."""
    sampler, energy = model.sampler, model.energy(state.params["energy"], jax.random.fold_in(rng_key, 2))
    score_key, proposal_key = jax.random.split(rng_key)
    decode, stats = sampler.decode(state, z), running_statistics(state)
    x = sampler.draw(state, z, noise, decode)
    c, metrics, extra, grads = None, {}, state.extra, {}
    if model.entropy_weight:
        c, memory, metrics = sampler.score(state, decode, score_key, x, z)
        extra = extra if sampler.posterior_chain is None else extra | {"posterior": memory}

    def loss(params):
        x, new_stats = sampler.draw_learning(params, stats, z, noise)
        entropy = 0.0 if c is None else entropy_surrogate(c, x)  # c is a constant, x is not
        return jnp.mean(energy(x)) - model.entropy_weight * entropy, new_stats

    grads["generator"], new_stats = jax.grad(loss, has_aux=True)(state.params["generator"])
    if new_stats:
        extra = extra | {"stats": {"generator": new_stats}}
    if "proposal" in state.params:
        grads["proposal"] = sampler.proposal_gradient(state, decode, proposal_key, x, z)
    metrics |= {"grad_norm_generator": pytree.global_norm(grads["generator"]), "sample_spread": pytree.spread(x)}
    state = apply_gradients(state._replace(extra=extra), optimizers, grads)
    return state._replace(params=state.params | {"generator": sampler.clamp(state.params["generator"])}), metrics


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Samples of the generator, an update of the energy, and one of the generator with the new energy."""
    draw_key, data_key, update_key = jax.random.split(step_key(state), 3)
    z, noise = model.sampler.fresh(draw_key, batch["x"])
    x_neg = model.sampler.draw(state, z, noise, model.sampler.decode(state, z))
    state, metrics = energy_update(model, optimizers, state, data_key, batch, x_neg)
    state, more = generator_update(model, optimizers, state, update_key, z, noise)
    metrics |= more | {"sigma": jnp.exp(state.params["generator"]["log_sigma"])}
    return state._replace(step=state.step + 1), metrics


def sample(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """x = g(z) + σ ε, draws of q: `[num, ...]`."""
    z_key, noise_key = jax.random.split(rng_key)
    mean = generate(model, state, jax.random.normal(z_key, (num, model.sampler.latent_dim)))
    return mean + jnp.exp(state.params["generator"]["log_sigma"]) * jax.random.normal(noise_key, mean.shape)


def generate(model: Model, state: State, z: Array) -> Array:
    """g(z): `[B, d]` -> `[B, ...]`."""
    return model.sampler.decode(state)(z)


def energy_of(model: Model, state: State, x: Array) -> Array:
    """E(x): `[B, ...]` -> `[B]`."""
    return model.energy(state.params["energy"])(x)


def check(model: Model) -> None:
    """Raise ValueError, one line, for settings out of range."""
    check_sampler(model.sampler)
    for name in ("entropy_weight", "gradient_penalty", "energy_l2", "data_noise"):
        if getattr(model, name) < 0:
            raise ValueError(f"{name} = {getattr(model, name)} must be ≥ 0")
    if model.labels is not None and min(model.labels) < 0:
        raise ValueError(f"weights of labels must be ≥ 0, got {tuple(model.labels)}")


def vera(
    energy,
    generator,
    *,
    latent_dim: int,
    optimizers: Mapping[str, optax.GradientTransformation],
    num_samples: int = 20,
    sigma: float = 0.01,
    sigma_range: tuple[float, float] = (0.01, 0.3),
    entropy_weight: float = 1.0,
    gradient_penalty: float = 0.1,
    energy_l2: float = 0.0,
    data_noise: float = 0.0,
    labels: LabelWeights | None = None,
    num_levels: int | None = None,
    posterior_chain: Chain | None = None,
    num_burn_in: int = 0,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, ...] -> energy[B]; with `labels` -> logits[B, C]. Its dropout (`base.learning`) is on
            in the updates of both networks, and off in functions.
        generator: Flax module z[B, latent_dim] -> x[B, ...], perhaps with batch normalisation (`base.Net`), which takes
            the field `momentum`; its running statistics are extra["stats"]["generator"].
        optimizers: {"energy", "generator", "proposal"}: paper: Adam with betas (0, .9), the last with (.9, .999).
        num_samples: K ≥ 1 of the importance sampling.
        sigma, sigma_range: the generator's noise σ at the start, and the range it is clamped to after every step.
        entropy_weight: λ ≥ 0 of H(q) (paper: 1 for tables, 1e-4 for images). Only λ = 1 is maximum likelihood; at 0
            the generator collapses onto modes of p.
        gradient_penalty: γ ≥ 0 of mean ||∇E||² / 2 at data. energy_l2: ≥ 0, of mean E² at data and at samples.
        data_noise: ≥ 0, standard deviation of noise on data, labelled or not.
        labels: weights of the cross-entropy of batch["labelled"] = {"x", "label"}, or of a batch with "label", and of
            the entropy of p(y | x) at all data. None: no classes.
        num_levels: grey levels of images (256), to whose width uniform noise is added; None for no such noise.
        posterior_chain: of q(z | x) from the z that made x, instead of importance sampling (the HMC variant: 4
            transitions of 5 leapfrog steps, 2 of them `num_burn_in`). Its adapted state is kept in extra["posterior"].

    Parameter groups: "energy", "generator" ({"net", "log_sigma"}) and "proposal" (log of its scale, `[latent_dim]`),
    without the last if there is a posterior chain or no entropy. Metrics: energy_pos, energy_neg, energy_gap,
    gradient_penalty (before its weight), sigma, proposal_scale, effective_samples in [1, K], sample_spread; with
    labels cross_entropy, accuracy, label_entropy. `sample` draws from the generator with its noise. functions: energy,
    generate (state, z), draw (state, z, noise); class_logits with labels. Raises ValueError for settings out of range,
    and `init` if the shape of the generator's examples is not the data's.
    """
    sampler = Sampler(Net(generator), latent_dim, num_samples, sigma_range, posterior_chain, num_burn_in)
    settings = (entropy_weight, gradient_penalty, energy_l2, data_noise, labels, num_levels)
    model = Model(pure(energy), partial(learning, energy), sampler, *settings)
    check(model)

    def init(rng_key, batch):
        energy_key, generator_key, state_key = jax.random.split(rng_key, 3)
        learn = entropy_weight > 0
        params, extra = init_sampler(sampler, sigma, generator_key, batch["x"], learn)
        params["energy"] = energy.init(energy_key, batch["x"][:1])["params"]
        return create_state(state_key, params, {g: o for g, o in optimizers.items() if g in params}, extra)

    functions: dict[str, Callable] = {
        "energy": partial(energy_of, model),
        "generate": partial(generate, model),
        "draw": lambda state, z, noise: sampler.draw(state, z, noise),
    }
    if labels is not None:
        functions["class_logits"] = lambda state, x: model.net(state.params["energy"], x)
    evaluate = lambda state, rng_key, batch: {"energy": energy_of(model, state, batch["x"])}
    return Method(init, partial(train_step, model, optimizers), partial(sample, model), evaluate, functions)
