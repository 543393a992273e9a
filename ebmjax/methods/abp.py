"""Alternating back-propagation: Han, Lu, Zhu, Wu, AAAI 2017 (arXiv 1606.08571).

    p(z) = N(0, I),   p(x | z) = N(g(z), σ² I)

A generator learned without an encoder: Langevin steps infer z of each example of the batch, and a gradient step of
||x - g(z)||² updates the generator (Algorithm 1). Each training example has a persistent chain, continued once per
epoch. With `bank=None` every chain starts afresh instead: short-run inference (Nijkamp et al. 2020, arXiv 1912.01909),
which treats new data exactly like training data.

Entries of x may be missing: if a batch has a "mask", both steps use p(x_observed | z), whose sum of squares is over the
observed entries. What a chain's end decodes to there is the model's recovery of them.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.mcmc import bank as banks
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import acceptance, apply_gradients, create_state, step_key
from ebmjax.methods.latent_model import Model, generator_gradient, init_generator, make_model
from ebmjax.methods.latent_space import common_functions, evaluate, sample
from ebmjax.types import Array, Batch, Chain, Info, Method, Metrics, PyTree, State


def infer(
    model: Model, chain: Chain, bank: banks.Bank | None, state: State, rng_key: Array, batch: Batch
) -> tuple[PyTree, Info]:
    """z of the batch `[B, d]`: the ends of chains from the bank, or from fresh noise without one."""
    x = batch["x"]
    potential = model.posterior(state.params, x, batch.get("mask"))
    if bank is None:
        return model.run(chain, potential, rng_key, len(x))
    chain_key = jax.random.split(rng_key)[1]  # as in a cold start, whose first half draws the noise
    start = banks.read(bank, state.extra["chains"], batch["index"])
    end, info, _ = sample_chain(chain, potential, chain_key, start)
    return end.position, info


def train_step(
    model: Model, chain: Chain, bank: banks.Bank | None, optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """Inferential back-propagation, learning back-propagation, and writing the chains' ends back into the bank."""
    infer_key = jax.random.split(step_key(state))[0]
    # The learning gradient does not pass through the chain.
    z, info = jax.lax.stop_gradient(infer(model, chain, bank, state, infer_key, batch))
    mse, grad = generator_gradient(model, state.params, z, batch["x"], mask=batch.get("mask"))
    metrics = {
        "reconstruction_mse": mse,
        "posterior_grad_norm": jnp.mean(info.grad_norm),
        "posterior_spread": pytree.spread(z),
        "latent_rms": jnp.sqrt(jnp.mean(jnp.square(pytree.ravel_rows(z)[0]))),
        "grad_norm_generator": pytree.global_norm(grad),
        "num_nonfinite": jnp.sum(info.num_nonfinite),
    } | acceptance("posterior", chain, info)
    state = apply_gradients(state, optimizers, {"generator": grad})
    if bank is not None:
        store = banks.write(bank, state.extra["chains"], batch["index"], z)
        state = state._replace(extra=state.extra | {"chains": store})
    return state._replace(step=state.step + 1), metrics


def stored_latents(bank: banks.Bank, state: State, index: Array) -> PyTree:
    """z `[B, d]`: current positions of the chains of training examples `index` (int32 `[B]`, in any order)."""
    return jax.tree.map(lambda leaf: leaf[banks.row_of(bank, index)], state.extra["chains"])


def abp(
    generator,
    *,
    chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    bank: banks.Bank | None = None,
    encode_chain: Chain | None = None,
    refine_chain: Chain | None = None,
) -> Method:
    """Build the method.

    Args:
        generator: Flax module z[B, latent_dim] -> x[B, ...], in the range of the data ([-1, 1] for images).
        chain: of the posterior, in training (Langevin, about ten steps).
        optimizers: {"generator": ...}.
        sigma: > 0, standard deviation of the observation noise in units of x.
        bank: `mcmc.bank.make_bank(num_examples, batch_size)`, one chain per training example, filled with N(0, I) by
            `init` and indexed by the batch's "index". None: every chain starts afresh from N(0, I).
        encode_chain: for data without a stored chain, from N(0, I); with a bank it should be longer than `chain`.
            Default: `chain`.
        refine_chain: run by `encode` after it, usually noise-free; never in training.

    A batch may have a "mask", bool like "x", true where an entry is observed (`methods.wrappers.concealed`); the metric
    reconstruction_mse is then per observed entry.

    Parameter group: "generator"; the bank's store is `state.extra["chains"]`, changed only by `train_step`.
    functions: decode, encode, reconstruct, inpaint, sample_latent, interpolate, log_likelihood (whose proposal is
    encode_chain), and with a bank stored_latents (state, index). Raises ValueError as `latent_ebm` does.
    """
    model = make_model(
        generator,
        sigma=sigma,
        latent_dim=latent_dim,
        posterior_chain=encode_chain or chain,
        refine_chain=refine_chain,
    )

    def init(rng_key, batch):
        generator_key, bank_key, state_key = jax.random.split(rng_key, 3)
        params = {"generator": init_generator(model, generator, generator_key, batch["x"])}
        extra = {}
        if bank is not None:
            extra["chains"] = banks.fill(bank, model.fresh(bank_key, bank.num_chains))
        return create_state(state_key, params, optimizers, extra)

    functions = common_functions(model)
    if bank is not None:
        functions["stored_latents"] = partial(stored_latents, bank)
    step = partial(train_step, model, chain, bank, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, model), functions)
