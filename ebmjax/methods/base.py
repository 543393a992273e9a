"""Common parts of all methods: a fresh state, the key of a step, an optimiser update per parameter group."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax.importance import WeightedMean
from ebmjax.types import Array, Batch, Chain, EnergyFn, Info, Metrics, PyTree, State


def create_state(
    rng_key: Array,
    params: dict[str, PyTree],
    optimizers: Mapping[str, optax.GradientTransformation],
    extra: dict[str, PyTree] | None = None,
) -> State:
    """A state at step 0 with optimiser states for the groups that have an optimiser; other groups are frozen."""
    unknown = set(optimizers) - set(params)
    if unknown:
        raise ValueError(f"optimizers for {sorted(unknown)}, but the parameter groups are {sorted(params)}")
    opt_state = {group: optimizer.init(params[group]) for group, optimizer in optimizers.items()}
    return State(jnp.zeros((), jnp.int32), params, opt_state, {}, extra or {}, rng_key)


def step_key(state: State) -> Array:
    """The key of this training step, a function of only the run's key and the step: resuming is bit-exact."""
    return jax.random.fold_in(state.rng_key, state.step)


def apply_gradients(
    state: State, optimizers: Mapping[str, optax.GradientTransformation], grads: dict[str, PyTree]
) -> State:
    """Update the groups in `grads`, each by its own optimiser; groups without one, and `step`, stay as they are."""
    params, opt_state = dict(state.params), dict(state.opt_state)
    for group, optimizer in optimizers.items():
        if group not in grads:
            continue
        updates, opt_state[group] = optimizer.update(grads[group], opt_state[group], params[group])
        params[group] = optax.apply_updates(params[group], updates)
    return state._replace(params=params, opt_state=opt_state)


def pure(module) -> EnergyFn:
    """The stateless apply of a Flax module: (params, x) -> y."""
    return lambda params, x: module.apply({"params": params}, x)


def learning(module, rng_key: Array) -> EnergyFn:
    """The apply of a Flax module while it learns: with dropout by the key, if the module has a rate `dropout` > 0, else
    `pure`. Chains and evaluation use `pure`, which has no dropout."""
    if getattr(module, "dropout", 0.0) == 0:
        return pure(module)
    return lambda params, x: module.apply({"params": params}, x, rngs={"dropout": rng_key})


class Net(NamedTuple):
    """A Flax module. If it has stateful layers (collection "batch_stats"), it takes `train`, and then updates them."""

    module: Any

    def init(self, rng_key: Array, *inputs: Array) -> tuple[PyTree, PyTree]:
        """(parameters, statistics), the latter {} without stateful layers."""
        variables = self.module.init(rng_key, *inputs)
        return variables["params"], variables.get("batch_stats", {})

    def __call__(self, params: PyTree, stats: PyTree, *inputs: Array, train: bool = False) -> tuple[Any, PyTree]:
        """(outputs, statistics after it)."""
        if not stats:
            return self.module.apply({"params": params}, *inputs), stats
        variables = {"params": params, "batch_stats": stats}
        if not train:
            return self.module.apply(variables, *inputs), stats
        outputs, updated = self.module.apply(variables, *inputs, train=True, mutable=["batch_stats"])
        return outputs, updated["batch_stats"]


def acceptance(name: str, chain: Chain | None, info: Info) -> Metrics:
    """{"<name>_acceptance": mean over chains and steps of the probability that a proposal is accepted}, by which the
    training notices chains that never move; {} for a chain of 0 steps, which proposes nothing."""
    return {f"{name}_acceptance": jnp.mean(info.acceptance_rate)} if chain is not None and chain.num_steps else {}


def labelled_part(batch: Batch) -> tuple[Array, Array]:
    """(x `[B, ...]`, label int32 `[B]`) of the examples whose labels are known: batch["labelled"] if only some are
    (`data.labelled`), else the whole batch. Raises ValueError for a data set without labels."""
    if "labelled" in batch:
        return batch["labelled"]["x"], batch["labelled"]["label"]
    if "label" not in batch:
        raise ValueError("this method needs labels, and the data set has none")
    return batch["x"], batch["label"]


def likelihood_functions(estimate: Callable[..., WeightedMean]) -> dict[str, Callable]:
    """log_likelihood, `[B]` in nats, and log_likelihood_estimate, the `WeightedMean` that it comes from."""
    log_likelihood = lambda *args, **options: estimate(*args, **options).log_mean
    return {"log_likelihood": log_likelihood, "log_likelihood_estimate": estimate}
