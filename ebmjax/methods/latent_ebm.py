"""Latent-space energy-based prior: Pang, Han, Nijkamp, Zhu, Wu, NeurIPS 2020 (arXiv 2006.08205).

    p(x, z) = p_α(z) p_β(x | z),   p_α(z) = exp(-E_α(z)) N(z; 0, I) / Z(α),   p_β(x | z) = N(g_β(z), σ² I)   (eqs. 1-3)

or, for sentences, p_β(x | z) = Π_t p_β(x_t | x_<t, z) by a recurrent decoder. A small energy tilts the Gaussian prior
of a generator. Both are learned by maximum likelihood with two short Langevin chains per step, one of the prior and
one of the posterior, each from fresh N(0, I) noise (Algorithm 1).
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import acceptance, apply_gradients, create_state, pure, step_key
from ebmjax.methods.latent_model import Model, generator_gradient, init_generator, make_model
from ebmjax.methods.latent_space import common_functions, evaluate, sample
from ebmjax.objectives import contrastive
from ebmjax.types import Batch, Chain, Method, Metrics, State


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Both chains with the current parameters, then one update of the generator and one of the energy."""
    x, params, energy_fn = batch["x"], state.params, model.energy_fn
    posterior_chain, prior_chain = model.posterior_chain, model.prior_chain
    assert posterior_chain is not None
    (pos_start, pos_key), (neg_start, neg_key) = map(jax.random.split, jax.random.split(step_key(state)))
    # Samples are held fixed in both updates: the learning gradients, eqs. (7) and (8), do not pass through chains.
    start = model.fresh(pos_start, len(x))  # every chain, at every step; `Model.run` does the same for `encode`
    pos_end, pos, _ = sample_chain(posterior_chain, model.posterior(params, x), pos_key, start)
    z_pos, pos = jax.lax.stop_gradient((pos_end.position, pos))

    dropout_key = jax.random.fold_in(step_key(state), 2)  # of text decoders; split gave 0 and 1 to the chains
    error, grad = generator_gradient(model, params, z_pos, x, dropout_key)  # eq. (8)
    grads = {"generator": grad}
    metrics = {model.observation.metric: error, "posterior_grad_norm": jnp.mean(pos.grad_norm)}
    metrics |= {"posterior_spread": pytree.spread(z_pos)} | acceptance("posterior", posterior_chain, pos)
    num_nonfinite = jnp.sum(pos.num_nonfinite)

    if energy_fn is not None and prior_chain is not None:
        start = model.fresh(neg_start, len(x))
        neg_end, neg, _ = sample_chain(prior_chain, model.prior(params), neg_key, start)
        z_neg, neg = jax.lax.stop_gradient((neg_end.position, neg))

        def gap(p):
            energies = energy_fn(p, z_pos), energy_fn(p, z_neg)
            return contrastive(*energies), [jnp.mean(e) for e in energies]

        # Eq. (7): lower the energy of posterior samples, raise that of prior samples.
        (gap, means), grads["energy"] = jax.value_and_grad(gap, has_aux=True)(params["energy"])
        metrics |= {"energy_gap": gap, "energy_pos": means[0], "energy_neg": means[1]}
        metrics |= {"prior_grad_norm": jnp.mean(neg.grad_norm), "prior_spread": pytree.spread(z_neg)}
        metrics |= acceptance("prior", prior_chain, neg)
        num_nonfinite += jnp.sum(neg.num_nonfinite)

    metrics |= {f"grad_norm_{group}": pytree.global_norm(grad) for group, grad in grads.items()}
    state = apply_gradients(state, optimizers, grads)
    return state._replace(step=state.step + 1), metrics | {"num_nonfinite": num_nonfinite}


def latent_ebm(
    energy,
    generator,
    *,
    prior_chain: Chain,
    posterior_chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float | None = None,
    latent_dim: int,
    length: int | None = None,
    refine_chain: Chain | None = None,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module z[B, latent_dim] -> energy[B]; or None, which fixes the prior to N(0, I): the paper's
            baseline, a plain generator trained by short-run inference.
        generator: Flax module z[B, latent_dim] -> x[B, ...], in the range of the data ([-1, 1] for images); or a
            decoder of sentences, `nets.TextDecoder`.
        prior_chain, posterior_chain: short-run chains (paper: Langevin, 60 steps of 0.4; 20 to 40 steps of 0.1).
        optimizers: {"energy": ..., "generator": ...}; without "energy" if `energy` is None.
        sigma: > 0, standard deviation of the observation noise in units of x (paper: 0.3); None for sentences.
        length: of the rows of tokens that `sample` makes; for sentences only, use the length of the data's rows.
        refine_chain: run by `encode` after the posterior chain, usually noise-free; never in training.

    Parameter groups: "energy", "generator". functions: energy, decode, encode, reconstruct, sample_latent,
    interpolate, log_likelihood; for sentences energy, encode, sample_latent, log_likelihood, token_log_prob, start,
    step (`latent_space.text_functions`). Raises ValueError if sigma is not > 0, and `init` if the shape of the
    generator's examples is not the data's.
    """
    model = make_model(
        generator,
        sigma=sigma,
        length=length,
        latent_dim=latent_dim,
        posterior_chain=posterior_chain,
        refine_chain=refine_chain,
        energy_fn=None if energy is None else pure(energy),
        prior_chain=None if energy is None else prior_chain,
    )

    def init(rng_key, batch):
        keys = jax.random.split(rng_key, 3)
        params = {"generator": init_generator(model, generator, keys[0], batch["x"])}
        if energy is not None:
            params["energy"] = energy.init(keys[1], jnp.zeros((1, latent_dim)))["params"]
        return create_state(keys[2], params, optimizers)

    step = partial(train_step, model, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, model), common_functions(model))
