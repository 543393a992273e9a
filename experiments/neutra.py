"""NeuTra HMC (Hoffman et al. 2019, arXiv 1903.03704): learn a flow by reverse KL, run HMC in its latent space.

It needs only the target's energy. For comparison HMC runs on the same target in data space, with at least as many
gradients. Chains start from N(0, I), where the flow was trained; further out (--config.start_scale=2) chains may get
stuck, and the loss gives no warning (figures: configs/neutra/funnel.py).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebmjax.energies import TARGETS, pullback
from ebmjax.flows import autoregressive
from ebmjax.optimizers import adam, learning_rate_schedule
from ebmjax.training import cli
from ebmjax.training.config import choose
from ebmjax.training.hosts import print_once
from ebmjax.training.workdir import begin
from experiments.measure.chains import DATA_SPACE, exact_draws, open_chains, run_arm, write

DEFAULT_CONFIG = "configs/neutra/funnel.py"
LIMITS = {"flow.num_layers": 1, "flow.hidden": 1, "train.num_steps": 1, "train.batch_size": 2}
SAMPLERS = ("sampler", "data_space")


def train_flow(flow, energy, settings, rng_key):
    """Parameters that minimise E_z[E(g(z)) - log|det ∂g/∂z|], and its course `[num_steps]`, in nats.

    The loss is KL(q || p) - log Z + (dim / 2) log 2πe, which is the entropy of z.
    """
    init_key, step_key = jax.random.split(rng_key)
    schedule = learning_rate_schedule(settings.learning_rate, "cosine", num_steps=settings.num_steps)
    optimizer = adam(schedule, clip_norm=settings.clip_norm)
    normal = lambda key: jax.random.normal(key, (settings.batch_size, flow.dim))
    loss = lambda params, z: jnp.mean(pullback(energy, partial(flow.decode, params))(z))

    def step(carry, i):
        params, opt_state = carry
        value, grad = jax.value_and_grad(loss)(params, normal(jax.random.fold_in(step_key, i)))
        updates, opt_state = optimizer.update(grad, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), value

    @jax.jit
    def fit():
        params = flow.init(init_key, normal(init_key))
        (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(settings.num_steps))
        return params, losses

    return fit()


def with_first_coordinate(arm):
    """The arm with figures of coordinate 0, a funnel's v."""
    return arm._replace(figures=arm.figures | {"rhat_v": arm.summary["rhat"][0], "sd_v": arm.summary["sd"][0]})


def neutra(arguments):
    """Train the flow, run both arms, print the tables, draw, write results.json."""
    opened = config, workdir, command = open_chains("neutra", arguments, LIMITS, SAMPLERS)
    target = choose(TARGETS, config.target.name, "target.name")()
    fields = config.flow
    flow = autoregressive(target.dim, num_layers=fields.num_layers, hidden=fields.hidden, scale=fields.scale)
    begin(workdir, config, command)
    print_once(f"neutra: {config.sampler.name} on {target.name}, {config.num_chains} chains, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 4)
    params, losses = train_flow(flow, target.energy, config.train, keys[0])
    transport = partial(flow.decode, params)
    # An estimate of KL(q || p), by the mean loss over the last tenth of the training.
    entropy = 0.5 * target.dim * np.log(2 * np.pi * np.e)
    kl = float(jnp.mean(losses[-max(len(losses) // 10, 1) :])) + target.log_z - entropy
    plain = config.copy_and_resolve_references()
    plain.sampler = config.data_space
    arms = {
        "neural transport": with_first_coordinate(run_arm(config, target, transport, keys[1])),
        DATA_SPACE: with_first_coordinate(run_arm(plain, target, None, keys[2])),
    }
    if np.isfinite(target.log_z):
        arms["neural transport"].figures["kl_flow_target"] = kl
    note = (
        f"Flow: {fields.num_layers} affine IAF layers, reverse KL, {config.train.num_steps} steps; kl_flow_target: KL "
        "from the flow to the target, nats, from the loss at the end. _v: coordinate 0. data_space: HMC in data space, "
        f"{gradients(plain.sampler)} gradients a transition against {gradients(config.sampler)} of the flow's."
    )
    write(opened, target, arms, exact_draws(target, keys[3]), note)


def gradients(sampler):
    """Gradients per transition, on average."""
    return sampler.options.get(sampler.name, {}).get("num_leapfrog", 1)


if __name__ == "__main__":
    with cli.arguments_of("neutra", DEFAULT_CONFIG, doc=__doc__) as arguments:
        neutra(arguments)
