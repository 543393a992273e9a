"""A classifier as an energy, learned with chains: JEM, Grathwohl et al., ICLR 2020 (arXiv 1912.03263).

    p(x) ∝ exp(-E(x) / T),   E(x) = -log Σ_y exp(logits(x)[y]),   p(y | x) = softmax(logits(x))[y]

    minimise  E(x⁺) - E(x⁻)  +  weight · mean -log p(y | x)

x⁻ are the ends of short Langevin chains from a pool of persistent ones, some of which start afresh in noise. It is the
baseline of VERA, which replaces the chains by a generator. With the usual settings training may diverge at any time:
the energy sharpens faster than the chains can follow.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import optax

from ebmjax.energies import bind, marginal_labels
from ebmjax.mcmc import bank as banks
from ebmjax.methods.base import labelled_part, learning, pure, step_key
from ebmjax.methods.data_space import (
    Model,
    common_functions,
    evaluate,
    fresh,
    init_state,
    make_model,
    positives,
    run_from_bank,
    sample,
    sampling_functions,
    update,
)
from ebmjax.objectives import LabelWeights, label_terms
from ebmjax.types import Array, Batch, Chain, EnergyFn, Method, Metrics, State

LABELS = LabelWeights(1.0)


def train_step(
    model: Model,
    net: Callable[[Array], EnergyFn],
    labels: LabelWeights,
    optimizers: Mapping,
    bank: banks.Bank,
    reinitialise: float,
    state: State,
    batch: Batch,
) -> tuple[State, Metrics]:
    """Chains from the pool, one update from them and the labels, and writing the chains' ends back into the pool.

    net: key of dropout -> the logits while they learn (`base.learning`); the chains have none.
    """
    x_pos, start_key, chain_key = positives(model, state, batch)
    x, y = labelled_part(batch)
    if model.data_noise:
        x = x + model.data_noise * jax.random.normal(jax.random.fold_in(step_key(state), 3), x.shape, x.dtype)
    x_neg, info, store = run_from_bank(model, bank, reinitialise, state, start_key, chain_key)
    logits = net(jax.random.fold_in(step_key(state), 4))  # one mask of dropout for all terms
    further = lambda params: label_terms(labels, bind(logits, params), x_pos, (x, y))
    energy = lambda params, x: marginal_labels(bind(logits, params))(x)
    state, metrics = update(model._replace(energy_fn=energy), optimizers, state, x_pos, x_neg, info, further)
    return state._replace(extra=state.extra | {"chains": store}), metrics


def jem(
    net,
    *,
    chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    shape: Sequence[int],
    bank: banks.Bank,
    labels: LabelWeights = LABELS,
    reinitialise: float = 0.05,
    noise: str = "uniform",
    initial_scale: float = 1.0,
    temperature: float = 1.0,
    data_noise: float = 0.03,
    energy_l2: float = 0.0,
    gradient_penalty: float = 0.0,
    fresh_steps: int = 0,
) -> Method:
    """Build the method.

    Args:
        net: Flax module x[B, *shape] -> logits[B, C]. Its dropout (`base.learning`) is on in the update alone.
        chain: from the pool to x⁻ (paper: Langevin, 20 steps of gradient step 1 and noise .01, which are step_size .01
            and temperature 5e-5).
        optimizers: {"energy": ...} (paper: Adam, 1e-4).
        shape: of one example; checked against the data by `init`.
        bank: `mcmc.bank.make_bank(num_chains, chains_per_step)`, filled with noise by `init` (paper: 10,000 chains).
        labels: weights of the cross-entropy of labelled examples, and of the entropy of p(y | x) at all data.
        reinitialise: probability in [0, 1] that a chain starts afresh.
        noise, initial_scale: of fresh chains, U(-scale, scale) ("uniform") or N(0, scale²) ("normal").
        temperature: T > 0 of the chain, for metrics (d_s = energy_gap / T) and functions; no update depends on it.
        data_noise: ≥ 0, standard deviation of noise on data, labelled or not.
        energy_l2, gradient_penalty: ≥ 0, see `data_space.Model` (paper: 0; against divergence its authors recommend
            energy_l2 = .1).
        fresh_steps: ≥ 0, of the chains of `sample`, which then start in noise; 0: `sample` goes on from chains of the
            pool, and there are as many different samples as chains in it.

    Parameter group: "energy". The pool is `state.extra["chains"]`. Metrics: those of `data_space.update`, and
    cross_entropy, accuracy (of the labelled examples), label_entropy. functions: energy, temperature, fresh, run,
    class_logits, and those of `data_space.sampling_functions`. Raises ValueError for settings out of range, and `init`
    for data of another shape.
    """
    if not 0 <= reinitialise <= 1:
        raise ValueError(f"reinitialise = {reinitialise}, a probability, must lie in [0, 1]")
    if fresh_steps < 0:
        raise ValueError(f"fresh_steps = {fresh_steps} must be ≥ 0")
    if min(labels) < 0:
        raise ValueError(f"weights of labels must be ≥ 0, got {tuple(labels)}")
    logits_fn: EnergyFn = pure(net)
    model = make_model(
        net,
        chain,
        shape,
        noise,
        initial_scale=initial_scale,
        temperature=temperature,
        data_noise=data_noise,
        energy_l2=energy_l2,
        gradient_penalty=gradient_penalty,
    )._replace(energy_fn=lambda params, x: marginal_labels(bind(logits_fn, params))(x))

    def init(rng_key, batch):
        state_key, bank_key = jax.random.split(rng_key)
        labelled_part(batch)  # raises for data without labels
        return init_state(
            model, net, optimizers, state_key, batch, banks.fill(bank, fresh(model, bank_key, bank.num_chains))
        )

    def class_logits(state: State, x: Array) -> Array:
        return logits_fn(state.params["energy"], x)

    step = partial(train_step, model, partial(learning, net), labels, optimizers, bank, reinitialise)
    functions = common_functions(model) | sampling_functions(model, bank, fresh_steps) | {"class_logits": class_logits}
    return Method(init, step, partial(sample, model, bank, fresh_steps), partial(evaluate, model), functions)
