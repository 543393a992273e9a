"""Energy that tilts a frozen flow, sampled in the flow's latent space: Nijkamp et al., ICLR 2022 (arXiv 2006.06897).

    p(x) = exp(-E(x)) q(x) / Z,   Z = E_q[exp(-E(x))],   q the distribution of x = g(z) for z ~ N(0, I)

Pulled back to z the model is p(z) ∝ exp(-U(z)), U(z) = E(g(z)) + ||z||² / 2. The Jacobian cancels: chains need only the
decoder, and where E is small they sample nearly a standard normal. The same U applies to a decoder without a density
(the generator of a VAE). The backbone is trained beforehand; the energy corrects it.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.mcmc import bank, run_chain
from ebmjax.methods.base import apply_gradients, create_state, pure, step_key
from ebmjax.methods.tilted_flow import Backbone, Model, decode, energy_of, functions_of
from ebmjax.objectives import contrastive, noise_contrastive, noise_contrastive_logit
from ebmjax.types import Array, Batch, Chain, Info, Method, Metrics, PyTree, State

OBJECTIVES = ("likelihood", "noise_contrastive")


def run(model: Model, state: State, rng_key: Array, z: Array) -> tuple[Array, PyTree, Info]:
    """The chain from z `[B, dim]`: (its ends, the kernel's adapted state if common to all chains, `Info`)."""
    kernel = model.chain.make_kernel(model.latent(state.params))
    adapt = state.extra.get("adapt")
    end, info, _ = run_chain(kernel, rng_key, z, model.chain.num_steps, adapt=adapt, unroll=model.chain.unroll)
    return end.position, end.adapt, info


def starts(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """Starts of chains outside training, `[num, dim]`: persistent chains drawn with replacement, or N(0, I)."""
    if model.bank is None:
        return jax.random.normal(rng_key, (num, model.backbone.dim))
    index = jax.random.randint(rng_key, (num,), 0, model.bank.num_chains)
    return state.extra["chains"][bank.row_of(model.bank, index)]


def move_chains(model: Model, state: State, rng_key: Array, num: int) -> tuple[Array, dict, Info]:
    """(ends z of this step's chains, the new `extra`, `Info`)."""
    start_key, chain_key = jax.random.split(rng_key)
    extra = dict(state.extra)
    if model.bank is None:
        z, adapt, info = run(model, state, chain_key, jax.random.normal(start_key, (num, model.backbone.dim)))
    else:
        index = bank.draw(model.bank, start_key)
        z, adapt, info = run(model, state, chain_key, bank.read(model.bank, extra["chains"], index))
        extra["chains"] = bank.write(model.bank, extra["chains"], index, z)
    if "adapt" in extra:
        extra["adapt"] = adapt
    return z, extra, info


def likelihood_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Chains in z with the current energy, then one update: lower E at data x⁺, raise it at x⁻ = g(z⁻)."""
    data_key, chain_key = jax.random.split(step_key(state))
    x_pos = model.data(data_key, batch)
    z, extra, info = move_chains(model, state, chain_key, len(x_pos))
    # The learning gradient does not pass through the chain.
    x_neg = jax.lax.stop_gradient(model.decode(state.params, z))

    def loss(params):
        energies = model.energy_fn(params, x_pos), model.energy_fn(params, x_neg)
        return contrastive(*energies, energy_l2=model.energy_l2), [jnp.mean(e) for e in energies]

    grad, (energy_pos, energy_neg) = jax.grad(loss, has_aux=True)(state.params["energy"])
    metrics = {
        "energy_gap": energy_pos - energy_neg,
        "energy_pos": energy_pos,
        "energy_neg": energy_neg,
        "acceptance_rate": jnp.mean(info.acceptance_rate),
        "latent_mean_square": jnp.mean(jnp.square(z)),  # 1 for N(0, I); it grows when chains run away
        "chain_grad_norm": jnp.mean(info.grad_norm),
        "chain_spread": pytree.spread(z),
        "grad_norm_energy": pytree.global_norm(grad),
        "num_nonfinite": jnp.sum(info.num_nonfinite),
    }
    state = apply_gradients(state, optimizers, {"energy": grad})
    return state._replace(step=state.step + 1, extra=extra), metrics


def contrastive_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the classifier of data against the backbone's samples: its logit is r = -E - c, as q cancels."""
    data_key, noise_key = jax.random.split(step_key(state))
    x_pos = model.data(data_key, batch)
    x_neg = model.decode(state.params, jax.random.normal(noise_key, (len(x_pos), model.backbone.dim)))

    def loss(params):
        energies = [model.energy_fn(params["energy"], x) for x in (x_pos, x_neg)]
        logits = [noise_contrastive_logit(e, params["log_normalizer"], jnp.zeros_like(e)) for e in energies]
        value, accuracy = noise_contrastive(*logits)
        penalty = model.energy_l2 * sum(jnp.mean(jnp.square(e)) for e in energies)
        return value + penalty, (value, accuracy, *(jnp.mean(e) for e in energies))

    learned = {group: state.params[group] for group in ("energy", "log_normalizer")}
    grads, (value, accuracy, energy_pos, energy_neg) = jax.grad(loss, has_aux=True)(learned)
    metrics = {
        "loss": value,
        "accuracy": accuracy,
        "energy_gap": energy_pos - energy_neg,
        "energy_pos": energy_pos,
        "energy_neg": energy_neg,
        "log_normalizer": state.params["log_normalizer"],
        "grad_norm_energy": pytree.global_norm(grads["energy"]),
    }
    state = apply_gradients(state, optimizers, grads)
    return state._replace(step=state.step + 1), metrics


def sample_latent(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """Ends z `[num, dim]` of the training chain, from persistent chains or from N(0, I)."""
    start_key, chain_key = jax.random.split(rng_key)
    return run(model, state, chain_key, starts(model, state, start_key, num))[0]


def check_settings(backbone: Backbone, optimizers: Mapping, chains, objective: str, energy_l2: float) -> None:
    """Raise ValueError for settings of `flow_backbone` that do not fit together."""
    if objective not in OBJECTIVES:
        raise ValueError(f"objective = {objective!r} must be one of {', '.join(OBJECTIVES)}")
    contrasted = objective == "noise_contrastive"
    if backbone.group in optimizers or ("log_normalizer" in optimizers) != contrasted:
        raise ValueError(
            f"optimizers for {sorted(optimizers)} do not fit objective = {objective!r}: the backbone is frozen"
        )
    if contrasted and chains is not None:
        raise ValueError("objective = 'noise_contrastive' runs no chains in training: leave `chains` out")
    if energy_l2 < 0:
        raise ValueError(f"energy_l2 = {energy_l2} must be ≥ 0")


def begin(model: Model, energy, optimizers: Mapping, contrasted: bool, rng_key: Array, batch: Batch) -> State:
    """The state at step 0: a fresh energy, the backbone's parameters, chains from N(0, I), their adapted state."""
    backbone, chains = model.backbone, model.bank
    if batch["x"].shape[1:] != backbone.shape:
        raise ValueError(f"the backbone makes examples of shape {backbone.shape}, the data have {batch['x'].shape[1:]}")
    params_key, chains_key, state_key = jax.random.split(rng_key, 3)
    params = {"energy": energy.init(params_key, jnp.zeros((1, *backbone.shape)))["params"]}
    # A copy: the state is donated, and the backbone's parameters may be used elsewhere.
    params[backbone.group] = jax.tree.map(jnp.copy, backbone.params)
    if contrasted:
        return create_state(state_key, params | {"log_normalizer": jnp.zeros(())}, optimizers)
    z = jax.random.normal(chains_key, (2 if chains is None else chains.num_chains, backbone.dim))
    extra = {} if chains is None else {"chains": bank.fill(chains, z)}
    adapt = model.chain.make_kernel(model.latent(params)).init(z[:2]).adapt
    if jax.tree.leaves(adapt) and not any(leaf.ndim for leaf in jax.tree.leaves(adapt)):
        extra["adapt"] = adapt
    return create_state(state_key, params, optimizers, extra)


def flow_backbone(
    energy,
    backbone: Backbone,
    *,
    chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    chains: bank.Bank | None = None,
    objective: str = "likelihood",
    energy_l2: float = 0.0,
    num_levels: int | None = None,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module x[B, *shape] -> energy[B]. -E(g(z)) must grow less than ||z||² / 2, or Z is infinite, which
            shows in a growing latent_mean_square; `energy_l2` helps.
        backbone: `backbone_of_flow(flow, params)` or `backbone_of_decoder(module, params, latent_dim)`.
        chain: of z (paper: HMC with a few leapfrog steps, its step size following a target acceptance:
            `Chain(partial(adapt_step_size, make_kernel=partial(hmc, num_leapfrog=3), step_size=0.1, target=0.65,
            rule=sign_rule()), 3)`). The kernel's adapted state is kept in `extra["adapt"]`, if common to all chains.
        optimizers: {"energy": ...}, for "noise_contrastive" {"energy": ..., "log_normalizer": ...}.
        chains: persistent chains, `mcmc.bank.make_bank(num_chains, chains_per_step)`, started from N(0, I) and kept in
            `extra["chains"]`; None starts every step afresh from N(0, I).
        objective: "likelihood", or "noise_contrastive": E and c = log Z learned by classifying data against the
            backbone's samples, without chains.
        energy_l2: ≥ 0, weight of mean E(x⁺)² + mean E(x⁻)².
        num_levels: grey levels of images (256), over which noise is added as in the flow's training; None for tables.

    Parameter groups: "energy"; the backbone's, "flow" or "generator", which never changes; and "log_normalizer" (c, a
    scalar) with "noise_contrastive". functions: energy (of x, the tilt), latent_energy, data_energy, decode,
    sample_latent, log_normalizer, annealed_log_normalizer, log_likelihood. data_energy and log_likelihood need a flow.
    Raises ValueError for settings that do not fit, and `init` if the data's shape is not the backbone's.
    """
    check_settings(backbone, optimizers, chains, objective, energy_l2)
    model = Model(pure(energy), backbone, chain, chains, energy_l2, num_levels)
    contrasted = objective == "noise_contrastive"

    def evaluate(state, rng_key, batch):
        return {"energy": energy_of(model, state, model.data(rng_key, batch))}

    return Method(
        partial(begin, model, energy, optimizers, contrasted),
        partial(contrastive_step if contrasted else likelihood_step, model, optimizers),
        lambda state, rng_key, num: decode(model, state, sample_latent(model, state, rng_key, num)),
        evaluate,
        functions_of(model) | {"sample_latent": partial(sample_latent, model)},
    )
