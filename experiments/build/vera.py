"""VERA, JEM and the classifier of labels alone, on several draws of the labels, from a config."""

from ebmjax.data import Dataset, with_validation
from ebmjax.mcmc import Chain, adapt_step_size, hmc, proportional_rule
from ebmjax.methods import classifier, jem, vera
from ebmjax.methods.wrappers import replicated, stopped_where_diverged, with_best
from ebmjax.nets import ACTIVATIONS, INITIALISATIONS, MLPLogits, WideResNet
from ebmjax.objectives import LabelWeights
from ebmjax.training.config import ConfigError, choose
from ebmjax.types import Method
from experiments.build import few_labels
from experiments.build.chains import chain_starts, make_chain
from experiments.build.networks import make_data_energy, make_normed_generator
from experiments.build.optimizers import optimizers_of


def make_net(config, data_spec):
    """The net of class logits, config.model.energy: name "mlp" (widths, activation, init) or "wide_resnet" (depth,
    widen, slope, dropout; images whose sides are multiples of 4)."""
    if data_spec.num_classes is None:
        raise ConfigError(f"data.name = {data_spec.name} has no labels, and this experiment needs labels")
    fields, num = config.model.energy, data_spec.num_classes
    choose(ACTIVATIONS, fields.activation, "model.energy.activation")
    choose(INITIALISATIONS, fields.init, "model.energy.init")
    nets = {
        "mlp": lambda: MLPLogits((*fields.widths, num), fields.activation, fields.init),
        # Runs of earlier versions have no field dropout.
        "wide_resnet": lambda: WideResNet(
            num, fields.depth, fields.widen, fields.slope, dropout=fields.get("dropout", 0.0)
        ),
    }
    make = choose(nets, fields.name, "model.energy.name")
    if fields.name == "wide_resnet" and (len(data_spec.shape) != 3 or data_spec.shape[0] % 4 or data_spec.shape[1] % 4):
        raise ConfigError(
            f"model.energy.name = wide_resnet needs images with sides of 4 n pixels, not {data_spec.shape}"
        )
    return make()


def posterior_options(config) -> dict:
    """Keyword arguments of `vera` from config.model.posterior: name "importance" (num_samples draws), or "hmc"
    (num_steps transitions of 5 leapfrog steps, of which the first num_burn_in adapt the step size and are not kept)."""
    fields = config.model.posterior
    choose(dict.fromkeys(("importance", "hmc")), fields.name, "model.posterior.name")
    if fields.name == "importance":
        return {"num_samples": fields.num_samples}
    if not 1 <= fields.num_burn_in < fields.num_steps:
        raise ConfigError(
            f"model.posterior.num_burn_in = {fields.num_burn_in} must be at least 1, and below "
            f"model.posterior.num_steps = {fields.num_steps}"
        )

    def kernel(potential):
        make = lambda potential, step_size: hmc(potential, step_size=step_size, num_leapfrog=5)
        first, rule = 1.0 / config.model.latent_dim, proportional_rule(0.02, fields.num_burn_in, fields.num_steps)
        return adapt_step_size(potential, make_kernel=make, step_size=first, target=0.67, rule=rule)

    return {"posterior_chain": Chain(kernel, fields.num_steps), "num_burn_in": fields.num_burn_in}


def make_vera(config, data_spec, entropy_weight: float | None = None) -> Method:
    """The method of a config, or the same with another weight of the entropy. Without config.labels the net is one of
    `make_data_energy`, and no label is used."""
    fields, labels = config.model, config.get("labels")
    return vera(
        make_data_energy(config, data_spec.shape) if labels is None else make_net(config, data_spec),
        make_normed_generator(config, data_spec.shape),
        latent_dim=fields.latent_dim,
        optimizers=optimizers_of(config, data_spec),
        sigma=fields.sigma,
        sigma_range=fields.sigma_range,
        entropy_weight=fields.entropy_weight if entropy_weight is None else entropy_weight,
        gradient_penalty=fields.gradient_penalty,
        energy_l2=fields.energy_l2,
        data_noise=fields.data_noise,
        labels=None if labels is None else LabelWeights(labels.weight, labels.entropy_weight),
        **posterior_options(config),
    )


def make_jem(config, data_spec) -> Method:
    """The same classifier trained by chains from a pool: config.jem, with config.sampler and config.initial."""
    fields, labels = config.jem, config.labels
    starts = chain_starts(config, data_spec)
    if starts.pop("initial") != "bank":
        raise ConfigError(f"initial.name = {config.initial.name}: JEM needs chains that start from a bank")
    return jem(
        make_net(config, data_spec),
        chain=make_chain(config, "chain"),
        optimizers=optimizers_of(config, data_spec, {"energy": fields.optimizer}),
        shape=data_spec.shape,
        labels=LabelWeights(labels.weight, labels.entropy_weight),
        temperature=config.sampler.chain.temperature,
        data_noise=fields.data_noise,
        energy_l2=fields.energy_l2,
        gradient_penalty=fields.gradient_penalty,
        **starts,
    )


def make_supervised(config, data_spec) -> Method:
    """The same net trained on labelled examples alone, with noise on its inputs: config.supervised."""
    fields = config.supervised
    optimizers = optimizers_of(config, data_spec, {"classifier": fields.optimizer})
    return classifier(make_net(config, data_spec), optimizers=optimizers, input_noise=fields.input_noise)


ARMS = {
    "vera": make_vera,
    "no_entropy": lambda config, data_spec: make_vera(config, data_spec, entropy_weight=0.0),
    "jem": make_jem,
    "supervised": make_supervised,
}
"""name -> (config, DataSpec) -> Method, of one draw of the labels."""


def make_arm(config, data_spec, name: str) -> Method:
    """An arm, trained on all draws of the labels at once; a draw that diverges stops alone. With validation examples it
    keeps its best parameters."""
    method, validation = choose(ARMS, name, "evaluate.arms")(config, data_spec), config.get("validation", {})
    if validation and validation.num_examples:
        if config.train.ema_decay:
            raise ConfigError("train.ema_decay must be 0 where validation.num_examples > 0: the best are not averaged")
        method = with_best(method, validation.every, config.train.batch_size)
    return replicated(stopped_where_diverged(method), config.labels.num_seeds)


def data_of(config, dataset: Dataset, title: str) -> Dataset:
    """The data set without config.validation.num_examples of its training examples, which choose the best parameters,
    and with the labels of config.labels."""
    held_out = with_validation(dataset, config.get("validation", {}).get("num_examples", 0))
    return few_labels.data_of(config, held_out, title)
