# ---
# jupyter: {jupytext: {text_representation: {format_name: percent}}}
# ---
# %% [markdown]
# # The toy of the hypernetwork paper
# Deutsch 2018 (arXiv 1801.01952): a network turns one number z ~ U[-1, 1] into a point y of the plane, which stands for
# the weights of a classifier; a mixture of ten Gaussians f(y) stands for its accuracy. Minimised is
#
#     -E f(y) - λ H[y] + γ E ||y||²,   with the entropy H of a curve (d = 1), from nearest neighbours in a batch of 5.
#
# With λ = 2.2 the curve runs through the bumps of f; without it all z give one point. The settings are those of the
# official code; the mixture and the weights are drawn anew. Run it as a script or open it as a notebook: it draws
# hypernetwork_toy.png.

# %%
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebmjax.objectives import knn_entropy

NUM_BUMPS, LIMIT, BATCH_SIZE, NUM_STEPS = 10, 9.0, 5, 30_000
draw = np.random.RandomState(0).uniform
CENTRES, SD, SHARE = draw(-5, 5, (NUM_BUMPS, 2)), draw(1.0, 1.1, NUM_BUMPS), draw(1, 3, NUM_BUMPS)


# %% What stands for the accuracy, and the network 1-30-10-10-2
def reward(y):
    """f of points `[N, 2]`: `[N]`. As in the official code a bump is 2π sd² times its share high."""
    square = jnp.sum(jnp.square(y[:, None] - CENTRES), axis=2)
    return jnp.sum(SHARE / SHARE.sum() * 2 * jnp.pi * SD**2 * jnp.exp(-square / (2 * SD**2)), axis=1)


class Curve(nn.Module):
    """z`[N, 1]` -> y`[N, 2]`."""

    @nn.compact
    def __call__(self, z):
        """Three hidden layers of tanh, and a linear one."""
        kernel_init = nn.initializers.variance_scaling(6.0, "fan_in", "truncated_normal")
        for width in (30, 10, 10):
            z = nn.tanh(nn.Dense(width, kernel_init=kernel_init)(z))
        return nn.Dense(2, kernel_init=kernel_init)(z)


# %% Training: Adam with 1e-3, times .99996 a step
@partial(jax.jit, static_argnums=1)
def train(rng_key, diversity):
    """Parameters of a curve learned with λ = `diversity`."""
    optimizer = optax.adam(optax.exponential_decay(1e-3, 1, 0.99996))
    params = Curve().init(rng_key, jnp.zeros((1, 1)))

    def loss(params, z):
        y = Curve().apply(params, z)
        return -jnp.mean(reward(y)) - diversity * knn_entropy(y, dim=1) + 0.05 * jnp.mean(jnp.sum(y**2, axis=1))

    def step(carry, i):
        params, opt_state = carry
        z = jax.random.uniform(jax.random.fold_in(rng_key, i), (BATCH_SIZE, 1), minval=-1.0)
        updates, opt_state = optimizer.update(jax.grad(loss)(params, z), opt_state)
        return (optax.apply_updates(params, updates), opt_state), None

    return jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(NUM_STEPS))[0][0]


# %% The comparison: where the curve is, and how long
z = jnp.linspace(-1, 1, 400)[:, None]
curves = {}
for diversity in (2.2, 0.0):
    y = curves[diversity] = np.asarray(Curve().apply(train(jax.random.key(0), diversity), z))
    length, near = np.linalg.norm(np.diff(y, axis=0), axis=1).sum(), np.linalg.norm(y[:, None] - CENTRES, axis=2) < 1
    print(
        f"λ = {diversity}: mean reward {reward(y).mean():.2f}, length {length:.1f}, through {near.any(0).sum()} of "
        f"{NUM_BUMPS} bumps"
    )

uniform = reward(draw(-5, 5, (10_000, 2))).mean()
print(f"mean reward of uniform points of [-5, 5]²: {uniform:.2f}")
one, many = curves[0.0], curves[2.2]
assert np.ptp(one, axis=0).max() < 0.5 < 10 < np.ptp(many, axis=0).sum()  # a point against a curve
assert reward(many).mean() > uniform  # ... that keeps to the bumps


# %% The picture
def save(path):
    """f in the plane, and the curve coloured by z."""
    from ebmjax.viz import figures

    figure, (axis,) = figures.panels(1, 1, 5, 5)
    axes = np.linspace(-LIMIT, LIMIT, 200)
    grid = np.stack(np.meshgrid(axes, axes), axis=-1).reshape(-1, 2)
    extent = (-LIMIT, LIMIT, -LIMIT, LIMIT)
    axis.imshow(np.asarray(reward(grid)).reshape(200, 200), origin="lower", extent=extent, cmap="Oranges")
    axis.scatter(*many.T, c=z[:, 0], s=4, cmap="winter")
    axis.scatter(*one.mean(0), marker="x", color="black")
    figures.save(figure, path, "a curve of solutions (x: without the entropy)")


if __name__ == "__main__":
    save("hypernetwork_toy.png")
