"""Metrics of latent-variable models of sentences: perplexities, active units, KL, mutual information, noise.

Sentences are int32 rows `[N, L]` of tokens: words, EOS, PAD. Draws `[M, N, d]` are the ends of M short-run posterior
chains for each of N sentences, with different starts and noise. The density of their distribution q(z | x) is unknown;
estimators/likelihood.py computes that of an end given the noise of its chain, which is a different one.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.estimators.language_model import num_tokens
from ebmjax.objectives import gaussian_entropy, gaussian_log_prob, log_mean_exp
from ebmjax.types import EOS, PAD, Array

Rows = Array | np.ndarray
Score = Callable[[Rows], Array]
"""tokens[N, L] -> log p of each sentence in nats, `[N]`."""


def perplexity(log_likelihood: Rows, tokens: Rows) -> float:
    """exp of minus the mean log-likelihood per token, EOS counted and PAD not (`num_tokens`).

    log_likelihood: of whole sentences in nats, `[N]`. Tokens have equal weight: long sentences count more. A lower
    bound of the likelihood gives an upper bound of the perplexity.
    """
    return float(jnp.exp(-jnp.sum(log_likelihood) / jnp.sum(num_tokens(tokens))))


def cross_perplexities(
    fit: Callable[[Rows], Score], train: Rows, test: Rows, generated: Rows, num_forward: int | None = None
) -> dict[str, float]:
    """Perplexities between real and generated sentences, each under a language model trained on other sentences.

    forward: of `generated` under a model of `train`; low for fluent sentences, lowest for dull ones.
    reverse: of `test` under a model of `generated`; high if these are not fluent or lack variety.
    real: of `test` under the model of `train`, to compare both with.

    fit: trains a language model on sentences and returns its score function, with the same settings for both; pass as
    many `generated` sentences as there are in `train`. num_forward: the first so many of them are those of `forward`;
    None: all.

    Reference: Pang et al. 2020 (arXiv 2006.08205), Table 2.
    """
    of_real, of_generated, first = fit(train), fit(generated), generated[:num_forward]
    return {
        "forward_perplexity": perplexity(of_real(first), first),
        "reverse_perplexity": perplexity(of_generated(test), test),
        "real_perplexity": perplexity(of_real(test), test),
    }


def between_variance(draws: Array) -> Array:
    """Var_x(E_q[z | x]) of each dimension: `[M, N, d]` -> `[d]`, M ≥ 2.

    Unbiased: the variance of the means of M draws, less 1 / M of the variance within sentences, which those means
    contain. Without this correction a dimension that ignores x would count as active whenever M < 100. May be slightly
    negative.
    """
    within = jnp.mean(jnp.var(draws, axis=0, ddof=1), axis=0)
    return jnp.var(jnp.mean(draws, axis=0), axis=0, ddof=1) - within / len(draws)


def active_units(draws: Array, threshold: float = 1e-2) -> int:
    """The number of dimensions whose `between_variance` exceeds the threshold.

    For a dimension that ignores x, the standard error of `between_variance` is about sqrt(2 / N) Var_q / M: it must be
    well below the threshold.

    Reference: Burda et al. 2016 (arXiv 1509.00519), section 5.2, with the usual threshold.
    """
    return int(jnp.sum(between_variance(draws) > threshold))


def kl_to_prior(draws: Array, prior_energy: Array | None = None, *, diagonal: bool = False) -> Array:
    """KL(q(z | x) || p(z)) of each sentence in nats, by the Gaussian with the draws' covariance: `[M, N, d]` -> `[N]`.

    Unbiased for Gaussian q(z | x) and any M > d. For another q a lower bound, since the Gaussian has the most entropy
    of all distributions with its covariance. With `diagonal` (any M ≥ 2) lower still.

    prior_energy: -log p(z) of the draws, normalised, `[M, N]`; default that of N(0, I).
    """
    if prior_energy is None:
        prior_energy = -gaussian_log_prob(draws.reshape(-1, draws.shape[-1]), jnp.zeros(()), 1.0).reshape(
            draws.shape[:2]
        )
    return jnp.mean(prior_energy, axis=0) - gaussian_entropy(draws, diagonal=diagonal)


def fixed_noise_kl_to_prior(log_prob_start: Array, log_det: Array, prior_energy: Array) -> Array:
    """E_ε KL(q(z | x, ε) || p(z)) of chains whose noise ε is held fixed: each `[M, N]` -> `[N]` in nats.

    The published estimate of KL(q(z | x) || p(z)). The estimate is unbiased for the former, which exceeds the latter by
    the information that ε has on the chain's end. Without noise both are equal.

    Args:
        log_prob_start: log N(z_0; 0, I). log_det: log|det ∂z_K/∂z_0|, of `chain_log_abs_det_rows`. prior_energy:
            -log p(z_K), normalised.

    Reference: Pang et al. 2021 (arXiv 2106.02513), equations 16-18.
    """
    return jnp.mean(log_prob_start - log_det + prior_energy, axis=0)


def mutual_information(draws: Array) -> float:
    """A lower bound of I_q(x, z) = E_x KL(q(z | x) || q(z)) in nats: `[M, N, d]`, M ≥ 4, N ≥ 2.

    The mean of log f(x_i, z) - log mean_j f(x_j, z) over the second half of the draws (InfoNCE), where f(x, ·) is the
    Gaussian around the mean of x's draws in the first half, with their covariance within sentences, the same for all x.
    A bound in expectation for any q, since f does not depend on the z it is evaluated at; at most log N; tight for
    Gaussian q of one covariance. The mean of `kl_to_prior`, if exact, is an upper bound of I_q.

    Reference: van den Oord et al. 2018 (arXiv 1807.03748), section 2.3.
    """
    half = len(draws) // 2
    seen, fresh = draws[:half], draws[half:]
    means, dim = jnp.mean(seen, axis=0), draws.shape[-1]
    centred = (seen - means).reshape(-1, dim)
    covariance = centred.T @ centred / ((half - 1) * draws.shape[1]) * (1 + 1 / half)  # of fresh draws around `means`
    whiten = jnp.linalg.cholesky(jnp.linalg.inv(covariance + 1e-6 * jnp.trace(covariance) / dim * jnp.eye(dim)))
    means = means @ whiten

    def bound(z):
        z = z @ whiten
        squared = jnp.sum(z**2, axis=1)[:, None] - 2 * z @ means.T + jnp.sum(means**2, axis=1)
        return jnp.mean(-0.5 * jnp.diagonal(squared) - log_mean_exp(-0.5 * squared, axis=1))

    return float(jnp.mean(jax.lax.map(bound, fresh)))


def swap_words(rng_key: Array, tokens: Rows, num_swaps: int) -> Array:
    """Each sentence with `num_swaps` pairs of its words exchanged, one pair after the other: `[N, L]` -> `[N, L]`.

    Pairs are uniform over pairs of different positions. EOS, PAD and sentences of fewer than two words do not change.
    """
    tokens, rows = jnp.asarray(tokens), jnp.arange(len(tokens))
    num_words = jnp.sum((tokens != PAD) & (tokens != EOS), axis=1)
    for key in jax.random.split(rng_key, num_swaps):
        keys = jax.random.split(key)
        first = jax.random.randint(keys[0], num_words.shape, 0, jnp.maximum(num_words, 1))
        gap = jax.random.randint(keys[1], num_words.shape, 1, jnp.maximum(num_words, 2))
        second = (first + gap) % jnp.maximum(num_words, 1)
        tokens = tokens.at[rows, first].set(tokens[rows, second]).at[rows, second].set(tokens[rows, first])
    return tokens


def noisy_reconstruction_nll(
    rng_key: Array,
    encode: Callable[[Array, Rows], Array],
    log_prob: Callable[[Array, Rows], Array],
    tokens: Rows,
    num_swaps: int,
) -> Array:
    """-log p(x | z) in nats, `[N]`, of sentences x, with z inferred from x after exchanging `num_swaps` pairs of words.

    encode: (rng_key, tokens) -> z[N, d]. log_prob: (z, tokens) -> `[N]`. num_swaps: 0 for plain reconstruction.

    Reference: Pang et al. 2021 (arXiv 2106.02513), Table 4.
    """
    swap_key, encode_key = jax.random.split(rng_key)
    return -log_prob(encode(encode_key, swap_words(swap_key, tokens, num_swaps)), tokens)
