"""The types of the package: energies, kernels, chains, states and methods.

One convention holds everywhere (docs/conventions.md; pinned by closed forms in tests/mcmc/test_langevin.py):

- p(x) ∝ exp(-E(x) / T). Networks output energies; a paper's f is -E. Normalised densities are called `log_prob`.
- Langevin: x' = x - s² / (2T) ∇E(x) + s ε, with `step_size` = s, the standard deviation of the noise,
  and `temperature` = T. A recipe x' = x - a ∇E + b ε of a paper is s = b, T = b² / (2a).
- The first axis `[B, ...]` is the example, and the chain. Keys are typed (`jax.random.key`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Array = jax.Array
PyTree = Any
Metrics = dict[str, Array]

PAD, UNK, BOS, EOS = range(4)
"""The first tokens of every vocabulary: padding, an unknown word, beginning and end of a sentence. A row of tokens is
words, EOS, PAD ...; tokens != PAD is the mask of those that count. BOS is never stored: decoders prepend it."""

EnergyFn = Callable[[PyTree, PyTree], Array]
"""(params, x[B, ...]) -> energy[B]. Row i of the result depends on example i alone."""

Potential = Callable[[PyTree], Array]
"""x[B, ...] -> energy[B]: an `EnergyFn` with parameters bound. x may be a pytree, as may every position below."""


class ChainState(NamedTuple):
    """The positions of B chains, with energies, gradients and the kernel's adapted state.

    position: pytree of `[B, ...]`, at least float32.
    energy: `[B]`, the potential at `position`, at least float32.
    grad: pytree like `position`, its gradient there (`()` for kernels that need none; where the gradient at a start is
        not finite, 0).
    step: int32 scalar, transitions made since `init`; schedules are functions of it.
    adapt: state of an adapting kernel (a log step size, averages), else `()`.

    Only `position` and `adapt` are kept across training steps: the parameters have changed, so `Kernel.init` evaluates
    energy and gradient afresh.
    """

    position: PyTree
    energy: Array
    grad: PyTree
    step: Array
    adapt: PyTree = ()


class Info(NamedTuple):
    """The report of one transition, each `[B]`.

    energy: at the new position. grad_norm: Euclidean norm of its gradient (0 where a kernel has none).
    acceptance_rate: probability of acceptance in [0, 1]; for unadjusted kernels 1, or 0 where rejected.
    num_nonfinite: 1 where the proposal had a non-finite energy or gradient and was rejected for it.

    Kernels that move along trajectories of a Hamiltonian H report two more; of others `run_chain` makes them 0.

    num_divergent: 1 where H rose by more than 1000 along the trajectory, or became NaN (`metropolis.with_trajectory`).
    hamiltonian: H at the start of the trajectory, with its fresh momentum: what E-BFMI is computed from.
    """

    energy: Array
    grad_norm: Array
    acceptance_rate: Array
    num_nonfinite: Array
    num_divergent: Array | tuple[()] = ()
    hamiltonian: Array | tuple[()] = ()


class Kernel(NamedTuple):
    """A Markov transition of B chains at once: the interface of blackjax's kernels, batched.

    init: (position) -> ChainState. step: (rng_key, ChainState) -> (ChainState, Info).
    adjusted: whether steps are Metropolis steps, whose acceptance rate a step size can follow; if not, all finite
        proposals are accepted.
    trajectory: of `hmc`, (rng_key, ChainState) -> (ChainState, Info, `mcmc.hmc.Trajectory`): the same as `step`, and
        where the trajectory ended, from which ChEES learns its length.
    """

    init: Callable[[PyTree], ChainState]
    step: Callable[[Array, ChainState], tuple[ChainState, Info]]
    adjusted: bool = True
    trajectory: Callable[[Array, ChainState], tuple[ChainState, Info, Any]] | None = None


class Online(NamedTuple):
    """A statistic of B chains that is renewed in every transition, as three pure functions (`mcmc.online`).

    init: (ChainState, Info, num_steps) -> carry, before the first transition, with an `Info` of zeros.
    update: (carry, ChainState, Info) -> carry, after every transition. finish: (carry) -> pytree of `[B, ...]`.
    """

    init: Callable[[ChainState, Info, int], PyTree]
    update: Callable[[PyTree, ChainState, Info], PyTree]
    finish: Callable[[PyTree], PyTree]


class Chain(NamedTuple):
    """The sampler of a method: a kernel builder for the current potential, and the number of transitions.

    make_kernel: (Potential) -> Kernel, called inside the train step, so parameters stay traced; typically
        `functools.partial(mcmc.langevin, step_size=0.1)`.
    num_steps: transitions, ≥ 0. unroll: of the `lax.scan` (a few is faster for tiny potentials, slower to compile).
    """

    make_kernel: Callable[[Potential], Kernel]
    num_steps: int
    unroll: int = 1


class State(NamedTuple):
    """The complete state of a training run: a pytree.

    step: int32 scalar. params, opt_state: one entry per parameter group, {"energy": ..., "generator": ...}.
    ema: averaged params of the same groups, or {}. extra: {"chains", "stats", "gate", ...} of the method.
    rng_key: fixed for the run; the key of a step is `fold_in(rng_key, step)`, so a resumed run is bit-exact.
    """

    step: Array
    params: dict[str, PyTree]
    opt_state: dict[str, PyTree]
    ema: dict[str, PyTree]
    extra: dict[str, PyTree]
    rng_key: Array


Batch = dict[str, Any]
"""{"x": [B, ...], "index": int32 [B] rows of the training set, optional "label", "mask", "length"}; if only some labels
are known, "labelled": {"x": [B, ...], "label": [B]}, other examples, in place of "label". With a validation part,
"valid": {"x", "label"}, all of it."""


class Method(NamedTuple):
    """A learning method: pure functions of `State`, made by one builder per paper in `ebmjax.methods`.

    init: (rng_key, batch) -> State; the batch is the first one of the training.
    train_step: (State, batch) -> (State, metrics), scalars.
    sample: (State, rng_key, num) -> x[num, ...]. evaluate: (State, rng_key, batch) -> metrics, each `[B]` or scalar.
    functions: {name: pure function, State first}: those of energy, log_likelihood, encode, decode, reconstruct,
        score, class_logits ... that the method has. temperature (state) -> T of the chains with which `energy` was
        learned: the model is exp(-energy / T); T = 1 if there is no such function.
    """

    init: Callable[[Array, Batch], State]
    train_step: Callable[[State, Batch], tuple[State, Metrics]]
    sample: Callable[[State, Array, int], Array]
    evaluate: Callable[[State, Array, Batch], Metrics]
    functions: dict[str, Callable]
