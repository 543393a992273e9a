"""The layers of a generator: pictures and figures in which one layer's latents change and the others stay."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import sample_in_batches
from ebmjax.report.results import OWN, Figures
from ebmjax.viz import pictures


def names(z) -> list[str]:
    """The layers from the top, zL, to z1, next to the data."""
    return [f"z{layer}" for layer in range(len(z), 0, -1)]


def traversals(run, num: int = 10) -> dict:
    """{picture: caption}: each row moves one layer from one draw of its prior to another, the others held at a draw;
    {} for tables."""
    method, state = run.trained
    if len(run.dataset.x_train.shape) != 4:
        return {}
    start, end = (method.functions["sample_latent"](state, jax.random.fold_in(run.rng_key, i), 1) for i in range(2))
    path = jax.jit(method.functions["interpolate"], static_argnums=3)
    rows = [path(state, start, start | {layer: end[layer]}, num) for layer in names(start)]
    where = run.workdir / "layers.png"
    title = "one layer varied at a time: " + ", ".join(names(start)) + " from top to bottom"
    pictures.save_interpolations(np.concatenate(rows), where, title=title)
    return {where: ""}


def variances(run, num: int) -> Figures:
    """{OWN: {"variance_z<l>": mean over pixels of the variance of g(z) when layer l alone is drawn anew}}: half the
    mean squared difference of `num` pairs of decodings."""
    method, state = run.trained

    def squares(key, num):
        first, second = (method.functions["sample_latent"](state, k, num) for k in jax.random.split(key))
        decode = partial(method.functions["decode"], state)
        x = decode(first)
        half_square = lambda y: jnp.mean(jnp.square(x - y).reshape(num, -1), axis=1) / 2
        return {layer: half_square(decode(first | {layer: second[layer]})) for layer in first}

    found = sample_in_batches(jax.jit(squares, static_argnums=1), run.rng_key, num, run.config.evaluate.batch_size)
    return {OWN: {f"variance_{layer}": float(np.mean(found[layer])) for layer in names(found)}}


PROTOCOL = (
    "variance_z<l>: mean over pixels of the variance of samples when the latents of layer l alone are drawn anew; z1 "
    "is next to the data."
)
