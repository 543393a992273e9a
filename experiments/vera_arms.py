"""What the VERA experiment trains: the method on several draws of the labels at once, and what it is compared with."""

import jax
import jax.numpy as jnp

from ebmjax.mcmc import Chain, adapt_step_size, hmc, sign_rule
from ebmjax.methods import classifier, jem, vera
from ebmjax.nets import ACTIVATIONS, INITIALISATIONS, MLPLogits, WideResNet
from ebmjax.objectives import LabelWeights
from ebmjax.training.config import ConfigError, choose, require
from ebmjax.training.optimizers import make_optimizers
from ebmjax.training.replicas import replicated
from ebmjax.types import Method
from experiments.pieces import chain_starts, make_chain, make_generator

LOWEST = {
    "labels.per_class": 0,
    "labels.num_seeds": 1,
    "labels.weight": 0,
    "labels.entropy_weight": 0,
    "model.latent_dim": 1,
    "model.energy.widths": 1,
    "model.generator.widths": 1,
    "model.posterior.num_samples": 1,
    "supervised.input_noise": 0,
    "supervised.optimizer.learning_rate": 0,
    "jem.optimizer.learning_rate": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.refine_steps": 0,
}
TOO_LARGE = 1e8
"""An energy gap above which a training has diverged, as in JEM's code."""


def make_net(config, data_spec):
    """The net of class logits, config.model.energy: name "mlp" (widths, activation, init) or "wide_resnet" (depth,
    widen, slope; images whose sides are multiples of 4)."""
    if data_spec.num_classes is None:
        raise ConfigError(f"data.name = {data_spec.name}: classes are to be learned, and this data set has no labels")
    fields, num = config.model.energy, data_spec.num_classes
    choose(ACTIVATIONS, fields.activation, "model.energy.activation")
    choose(INITIALISATIONS, fields.init, "model.energy.init")
    nets = {
        "mlp": lambda: MLPLogits((*fields.widths, num), fields.activation, fields.init),
        "wide_resnet": lambda: WideResNet(num, fields.depth, fields.widen, fields.slope),
    }
    make = choose(nets, fields.name, "model.energy.name")
    if fields.name == "wide_resnet" and (len(data_spec.shape) != 3 or data_spec.shape[0] % 4 or data_spec.shape[1] % 4):
        raise ConfigError(
            f"model.energy.name = wide_resnet needs images with sides of 4 n pixels, not {data_spec.shape}"
        )
    return make()


def posterior_options(config) -> dict:
    """Keyword arguments of `vera` from config.model.posterior: name "importance" or "hmc", num_samples of them."""
    fields = config.model.posterior
    if choose({"importance": False, "hmc": True}, fields.name, "model.posterior.name"):

        def kernel(potential):
            make = lambda potential, step_size: hmc(potential, step_size=step_size, num_leapfrog=5)
            first, rule = 1.0 / config.model.latent_dim, sign_rule(0.02)
            return adapt_step_size(potential, make_kernel=make, step_size=first, target=0.67, rule=rule)

        return {"posterior_chain": Chain(kernel, 2 * fields.num_samples), "num_burn_in": fields.num_samples}
    return {"num_samples": fields.num_samples}


def optimizer_of(config, group: str, fields, data_spec):
    """{group: the optimiser of `fields`}."""
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    return make_optimizers({group: fields}, config.train.num_steps, steps_per_epoch)


def make_vera(config, data_spec, entropy_weight: float | None = None) -> Method:
    """The method of a config, or the same with another weight of the entropy."""
    fields, labels = config.model, config.labels
    optimizers = {}
    for group, of_group in config.optimizer.items():
        optimizers |= optimizer_of(config, group, of_group, data_spec)
    return vera(
        make_net(config, data_spec),
        make_generator(config, data_spec.shape),
        latent_dim=fields.latent_dim,
        optimizers=optimizers,
        sigma=fields.sigma,
        sigma_range=fields.sigma_range,
        entropy_weight=fields.entropy_weight if entropy_weight is None else entropy_weight,
        gradient_penalty=fields.gradient_penalty,
        energy_l2=fields.energy_l2,
        data_noise=fields.data_noise,
        labels=LabelWeights(labels.weight, labels.entropy_weight),
        **posterior_options(config),
    )


def make_jem(config, data_spec) -> Method:
    """The same classifier by chains from a pool: config.jem, with the chain of config.sampler and config.initial."""
    fields, labels = config.jem, config.labels
    starts = chain_starts(config, data_spec)
    if starts.pop("initial") != "bank":
        raise ConfigError(f"initial.name = {config.initial.name}: JEM's chains start from a bank")
    return jem(
        make_net(config, data_spec),
        chain=make_chain(config, "chain"),
        optimizers=optimizer_of(config, "energy", fields.optimizer, data_spec),
        shape=data_spec.shape,
        labels=LabelWeights(labels.weight, labels.entropy_weight),
        temperature=config.sampler.chain.temperature,
        data_noise=fields.data_noise,
        energy_l2=fields.energy_l2,
        gradient_penalty=fields.gradient_penalty,
        **starts,
    )


def make_supervised(config, data_spec) -> Method:
    """The same net by labelled examples alone, with noise on its inputs: config.supervised."""
    fields = config.supervised
    optimizers = optimizer_of(config, "classifier", fields.optimizer, data_spec)
    return classifier(make_net(config, data_spec), optimizers=optimizers, input_noise=fields.input_noise)


ARMS = {
    "vera": make_vera,
    "no_entropy": lambda config, data_spec: make_vera(config, data_spec, entropy_weight=0.0),
    "jem": make_jem,
    "supervised": make_supervised,
}
"""name -> (config, DataSpec) -> Method, of one draw of the labels."""


def make_arm(config, data_spec, name: str) -> Method:
    """An arm on all draws of the labels at once, each of which stops by itself where it diverges."""
    for field, low in LOWEST.items():
        require(config, field, low)
    method = choose(ARMS, name, "evaluate.arms")(config, data_spec)
    return replicated(stopping_where_it_diverges(method), config.labels.num_seeds)


def stopping_where_it_diverges(method: Method) -> Method:
    """`method`, whose state stays as it is from the step on at which a metric is not finite or the energy gap huge.

    extra["diverged_at"]: that step, -1 while all is well. num_diverged counts it; other metrics are 0 afterwards.
    """

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        return state._replace(extra=state.extra | {"diverged_at": jnp.int32(-1)})

    def train_step(state, batch):
        at = state.extra["diverged_at"]
        new, metrics = method.train_step(state, batch)
        values = jnp.stack([jnp.asarray(value, jnp.float32) for value in metrics.values()])
        sound = jnp.all(jnp.isfinite(values)) & (jnp.abs(metrics.get("energy_gap", jnp.zeros(()))) < TOO_LARGE)
        going = (at < 0) & sound
        keep = lambda a, b: jax.tree.map(lambda x, y: jnp.where(going, x, y), a, b)
        extra = keep(new.extra, state.extra) | {"diverged_at": jnp.where((at < 0) & ~sound, state.step, at)}
        kept = state._replace(params=keep(new.params, state.params), opt_state=keep(new.opt_state, state.opt_state))
        metrics = {name: jnp.where(going, value, 0.0) for name, value in metrics.items()}
        metrics["num_diverged"] = ((at < 0) & ~sound).astype(jnp.float32)
        return kept._replace(step=new.step, extra=extra), metrics

    return method._replace(init=init, train_step=train_step)
