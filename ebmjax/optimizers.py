"""Optimisers and learning-rate schedules of the papers, built from plain numbers."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import optax

SCHEDULES = ("constant", "cosine", "exponential", "geometric", "step")


def learning_rate_schedule(
    learning_rate: float,
    schedule: str = "constant",
    *,
    num_steps: int = 1,
    final_fraction: float = 0.05,
    decay_rate: float = 0.998,
    steps_per_epoch: int = 1,
    shared_epochs: int = 2,
    decay_epochs: Sequence[float] = (),
) -> optax.Schedule:
    """Learning rate as a function of the step.

    constant; cosine: to final_fraction · learning_rate at `num_steps`; exponential: × decay_rate per epoch, where the
    first `shared_epochs` have the first rate; geometric: × decay_rate every step, but not below final_fraction ·
    learning_rate; step: × decay_rate at the start of each of `decay_epochs`, counted from 0.

    shared_epochs: 2 in the latent EBM's code (its scheduler is stepped after the epoch, with the epoch's index), 1 in
    that of the VAE with an energy of x and z, 0 in the divergence triangle's, which decays before its first epoch.

    Raises ValueError for another name, for other shared_epochs, and for a step schedule whose decay_epochs are none, or
    not > 0 and ascending.
    """
    if schedule == "constant":
        return optax.constant_schedule(learning_rate)
    if schedule == "cosine":
        return optax.cosine_decay_schedule(learning_rate, num_steps, alpha=final_fraction)
    if schedule == "exponential":
        if shared_epochs not in (0, 1, 2):
            raise ValueError(f"shared_epochs = {shared_epochs} must be 0, 1 or 2")
        first = learning_rate if shared_epochs else learning_rate * decay_rate
        begin = steps_per_epoch if shared_epochs == 2 else 0
        return optax.exponential_decay(first, steps_per_epoch, decay_rate, transition_begin=begin, staircase=True)
    if schedule == "geometric":
        return optax.exponential_decay(learning_rate, 1, decay_rate, end_value=final_fraction * learning_rate)
    if schedule == "step":
        epochs = list(decay_epochs)
        if not epochs or epochs[0] <= 0 or epochs != sorted(set(epochs)):
            raise ValueError(f"schedule = step needs decay_epochs > 0 that ascend, such as (150, 175), got {epochs}")
        return optax.piecewise_constant_schedule(learning_rate, {int(n * steps_per_epoch): decay_rate for n in epochs})
    raise ValueError(f"unknown learning-rate schedule {schedule!r}; known: {', '.join(SCHEDULES)}")


def warmed_up(schedule: optax.Schedule, warmup_steps: int) -> optax.Schedule:
    """`schedule`, times (i + 1) / warmup_steps at steps i < warmup_steps. Raises ValueError for warmup_steps < 0."""
    if warmup_steps < 0:
        raise ValueError(f"warmup_steps = {warmup_steps} must be at least 0")
    return (lambda i: schedule(i) * jnp.minimum((i + 1) / warmup_steps, 1.0)) if warmup_steps else schedule


def adam(
    schedule: optax.Schedule, *, b1: float = 0.9, b2: float = 0.999, clip_norm: float = 0.0, weight_decay: float = 0.0
) -> optax.GradientTransformation:
    """Adam with an optional clip of the gradient's global norm (0: none).

    weight_decay: ≥ 0, of PyTorch's Adam: weight_decay · parameters is added to the clipped gradient.
    """
    optimizer = optax.adam(schedule, b1=b1, b2=b2)
    return clipped(
        optax.chain(optax.add_decayed_weights(weight_decay), optimizer) if weight_decay else optimizer, clip_norm
    )


def clipped(optimizer: optax.GradientTransformation, clip_norm: float) -> optax.GradientTransformation:
    """`optimizer` with gradients clipped to the global norm `clip_norm`; 0 for no clipping."""
    return optax.chain(optax.clip_by_global_norm(clip_norm), optimizer) if clip_norm else optax.chain(optimizer)


def clip_together(grads: dict, groups: tuple[str, ...], clip_norm: float) -> dict:
    """`grads` {group: gradient} with those of `groups` scaled alike, so that together their norm is at most clip_norm.

    clip_norm: > 0. Other groups stay as they are. For groups whose optimisers are separate.
    """
    norm = optax.global_norm([grads[group] for group in groups])
    scale = clip_norm / jnp.maximum(norm, clip_norm)
    return grads | {group: jax.tree.map(lambda leaf: scale * leaf, grads[group]) for group in groups}


def make_optimizers(groups: Mapping, num_steps: int, steps_per_epoch: int) -> dict[str, optax.GradientTransformation]:
    """One optimiser per parameter group from {group: {learning_rate, schedule, b1, b2, clip_norm, ...}}.

    groups: a mapping of mappings with the fields of `learning_rate_schedule` and `adam`, e.g. `config.optimizer`.
    Optional fields: name, "adam" (default) or "sgd" (without momentum), else ValueError; warmup_steps and weight_decay
    (of Adam), default 0; shared_epochs, default 2; decay_epochs, default ().
    """
    made = {}
    for group, fields in groups.items():
        schedule = learning_rate_schedule(
            fields["learning_rate"],
            fields["schedule"],
            num_steps=num_steps,
            final_fraction=fields["final_fraction"],
            decay_rate=fields["decay_rate"],
            steps_per_epoch=steps_per_epoch,
            shared_epochs=fields.get("shared_epochs", 2),
            decay_epochs=fields.get("decay_epochs", ()),
        )
        schedule = warmed_up(schedule, fields.get("warmup_steps", 0))
        name = fields.get("name", "adam")
        if name == "adam":
            options = {name: fields[name] for name in ("b1", "b2", "clip_norm")}
            made[group] = adam(schedule, **options, weight_decay=fields.get("weight_decay", 0.0))
        elif name == "sgd":
            made[group] = clipped(optax.sgd(schedule), fields["clip_norm"])
        else:
            raise ValueError(f"unknown optimizer.{group}.name = {name!r}; known: adam, sgd")
    return made
