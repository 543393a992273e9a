"""Maximum-likelihood learning of one energy: Nijkamp, Hill, Han, Zhu, Wu, AAAI 2020 (arXiv 1903.12370).

Every step compares data x⁺ with the ends x⁻ of chains that start in noise, at the data (contrastive divergence), or
from a bank of persistent chains. Two numbers describe the learning, whatever the start:

    d_s = (mean E(x⁺) - mean E(x⁻)) / T        in nats; it oscillates about 0 in every stable run
    r_s = mean ||∇E(x)|| along the chains      the strength of the gradient against the noise

The paper's potential is U = F / (ε² / 2) with steps x' = x - ∇F(x) + ε z. Here E = F, and the chains are
`mcmc.langevin` with step_size = ε and temperature T = ε² / 2. The paper's loss is that of U, and its learning rate for
SGD is multiplied by ε² / 2; this equals the loss of E with the unmultiplied learning rate, as here, for any ε.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import optax

from ebmjax.mcmc import bank as banks
from ebmjax.methods.data_space import (
    Model,
    common_functions,
    evaluate,
    fresh,
    init_state,
    make_model,
    positives,
    run,
    run_from_bank,
    sample,
    sampling_functions,
    update,
)
from ebmjax.types import Batch, Chain, Method, Metrics, State

INITIAL = ("noise", "data", "bank")


def train_step(
    model: Model,
    optimizers: Mapping,
    initial: str,
    bank: banks.Bank | None,
    reinitialise: float,
    state: State,
    batch: Batch,
) -> tuple[State, Metrics]:
    """Chains from their starts, one update of the energy, and writing the chains' ends back into the bank."""
    x_pos, start_key, chain_key = positives(model, state, batch)
    if bank is None:
        start = x_pos if initial == "data" else fresh(model, start_key, len(x_pos))
        return update(model, optimizers, state, x_pos, *run(model, state.params["energy"], chain_key, start))
    x_neg, info, store = run_from_bank(model, bank, reinitialise, state, start_key, chain_key)
    state, metrics = update(model, optimizers, state, x_pos, x_neg, info)
    return state._replace(extra=state.extra | {"chains": store}), metrics


def anatomy(
    energy,
    *,
    chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    shape: Sequence[int],
    initial: str = "noise",
    noise: str = "uniform",
    initial_scale: float = 1.0,
    bank: banks.Bank | None = None,
    reinitialise: float = 0.0,
    temperature: float = 1.0,
    data_noise: float = 0.0,
    energy_l2: float = 0.0,
    gradient_penalty: float = 0.0,
    fresh_steps: int = 0,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, *shape] -> energy[B].
        chain: from the starts to x⁻ (paper: Langevin, 100 to 500 steps).
        optimizers: {"energy": ...}.
        shape: of one example; checked against the data by `init`.
        initial: "noise" (fresh for every step), "data" (the noisy batch itself) or "bank" (persistent chains).
        noise, initial_scale: of fresh chains, U(-scale, scale) ("uniform") or N(0, scale²) ("normal").
        bank: for "bank" only: `mcmc.bank.make_bank(num_chains, chains_per_step)`, filled with noise by `init`. The
            paper keeps one chain per training image, JEM and IGEBM a pool of 10,000. Every step moves
            chains_per_step distinct chains; their number may differ from the batch size.
        reinitialise: probability in [0, 1] that a chain of the bank starts afresh (paper: 0; JEM, IGEBM: 0.05).
        temperature: T > 0 of the chain, for metrics (d_s = energy_gap / T) and functions; no update depends on it.
        data_noise: ≥ 0, standard deviation added to x⁺ (paper: 2 ε; without it MNIST's constant background, which no
            chain with noise ε can match, makes d_s grow without bound).
        energy_l2, gradient_penalty: ≥ 0, weights of (mean E(x⁺)² + mean E(x⁻)²) and mean ||∇E(x⁺)||² / 2; 0 in the
            paper.
        fresh_steps: ≥ 0, of the chains of `sample`, which then start in noise; 0: they are as in training, from a bank
            if there is one.

    The loss is mean E(x⁺) - mean E(x⁻) + penalties. Metrics: see `data_space.update`. r_s averages ||∇E|| *before*
    each of the K steps, as the paper's code does, that is at x_0 ... x_{K-1}; `Info.grad_norm` of a kernel is at
    x_1 ... x_K.

    Parameter group: "energy". The bank's store is `state.extra["chains"]`, changed only by `train_step`. functions:
    energy; temperature (state); starts (state, key, num); fresh (state, key, num), noise even with a bank; run (state,
    key, x, num_steps=None) -> the chains' ends; with a bank num_chains and continue_chains
    (`data_space.sampling_functions`).
    `short_run` is the case initial = "noise". Raises ValueError for settings that do not fit together.
    """
    if initial not in INITIAL:
        raise ValueError(f"initial = {initial!r} must be one of {', '.join(INITIAL)}")
    if (bank is None) == (initial == "bank"):
        raise ValueError(f"initial = {initial!r} with bank = {bank}: pass a bank if and only if initial = 'bank'")
    if fresh_steps < 0:
        raise ValueError(f"fresh_steps = {fresh_steps} must be ≥ 0")
    if not 0 <= reinitialise <= 1:
        raise ValueError(f"reinitialise = {reinitialise}, a probability, must lie in [0, 1]")
    model = make_model(
        energy,
        chain,
        shape,
        noise,
        initial_scale=initial_scale,
        temperature=temperature,
        data_noise=data_noise,
        energy_l2=energy_l2,
        gradient_penalty=gradient_penalty,
    )

    def init(rng_key, batch):
        state_key, bank_key = jax.random.split(rng_key)
        store = None if bank is None else banks.fill(bank, fresh(model, bank_key, bank.num_chains))
        return init_state(model, energy, optimizers, state_key, batch, store)

    step = partial(train_step, model, optimizers, initial, bank, reinitialise)
    functions = common_functions(model) | sampling_functions(model, bank, fresh_steps)
    return Method(init, step, partial(sample, model, bank, fresh_steps), partial(evaluate, model), functions)
