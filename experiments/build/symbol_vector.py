"""Symbol-vector coupling and its other arms, on several draws of the labels, from a config."""

from functools import partial

from ebmjax.methods import CouplingWeights, classifier, symbol_vector
from ebmjax.methods.wrappers import replicated
from ebmjax.nets import ACTIVATIONS, CELLS, INITIALISATIONS, MLP, ConvEncoder, MLPEncoder, MLPLogits, WideResNet
from ebmjax.nets.text_encoder import Heads, TextEncoder, bag_of_words
from ebmjax.objectives.amortised import cyclical_weight
from ebmjax.report.results import OWN
from ebmjax.training.config import ConfigError, choose
from experiments.build import few_labels, sentences
from experiments.build.chains import make_chain
from experiments.build.networks import make_generator
from experiments.build.optimizers import optimizers_of

LIMITS = sentences.LIMITS | {
    "model.num_symbols": 0,
    "model.mutual_information_weight": 0,
    "model.free_nats": 0,
    "model.joint_clip_norm": 0,
    "model.kl.cycles": 0,
    "model.kl.largest": (0, 1),
    "model.kl.zero": (0, 1),
    "model.kl.ramp": (0, 1),
    "evaluate.class_steps": 1,
    "evaluate.max_generated": 1,
}
GROUPS = ("energy", "generator", "encoder")


def data_of(config, dataset, title):
    """The data set with few labels for training, or with none if their weight is 0."""
    if config.labels.weight == 0:
        return dataset._replace(y_train=None, labelled=None)
    return few_labels.data_of(config, dataset, title)


def check(config, data_spec) -> None:
    """Raise ConfigError, one line, for fields that do not fit together, or do not fit the data."""
    if (data_spec.vocab_size is not None) != bool(config.model.text):
        fit = "bag or sequence" if data_spec.vocab_size is not None else "''"
        raise ConfigError(f"data.name = {data_spec.name} needs model.text = {fit}, not {config.model.text!r}")
    choose(ACTIVATIONS, config.model.energy.activation, "model.energy.activation")
    for name in GROUPS:
        choose(INITIALISATIONS, config.model[name].init, f"model.{name}.init")
    for name in config.evaluate.arms:
        choose({arm: make for arm, make in ARMS.items() if arm != OWN}, name, "evaluate.arms")
    if config.labels.weight and data_spec.num_classes is None:
        raise ConfigError(f"data.name = {data_spec.name} has no labels: set labels.weight=0, and model.num_symbols")
    if not config.labels.weight and config.model.num_symbols < 2:
        raise ConfigError(f"model.num_symbols = {config.model.num_symbols} must be at least 2 without labels")


def num_symbols(config, data_spec) -> int:
    """K: model.num_symbols, or the number of classes if that is 0."""
    return config.model.num_symbols or data_spec.num_classes


def conv_layers(width: int, size: int) -> tuple[tuple[int, int, int, int], ...]:
    """3 x 3, then 4 x 4 of stride 2 while sides are even and above 4 pixels, features doubling up to 8 `width`."""
    layers, features = [(width, 3, 1, 1)], width
    while size % 2 == 0 and size > 4:
        size, features = size // 2, min(2 * features, 8 * width)
        layers.append((features, 4, 2, 1))
    return tuple(layers)


def make_networks(config, data_spec) -> dict:
    """Keyword arguments of `symbol_vector`: generator, encoder, and those for p(x | z) and the encoder's input.

    model.text: "" (images, tables), "bag" (any order of words) or "sequence". Encoders of images and tables: mlp
    (`widths`, init), conv (`width`) or wide_resnet (depth, widen; LeakyReLU .1 as published); of bags mlp; of sequences
    a cell of `nets.CELLS` (embed_dim, hidden_dim, init_scale).
    """
    model, shape, vocabulary = config.model, data_spec.shape, data_spec.vocab_size
    dim, fields = model.latent_dim, model.encoder
    mlp = MLPEncoder(dim, fields.widths, fields.activation, fields.init)
    if model.text == "bag":
        generator = MLP((*model.generator.widths, vocabulary), model.generator.activation, model.generator.init)
        features = partial(bag_of_words, vocab_size=vocabulary)
        return {"generator": generator, "encoder": mlp, "length": shape[0], "bag": True, "features": features}
    if model.text:
        choose(dict.fromkeys(("bag", "sequence")), model.text, "model.text")
        choose(CELLS, fields.name, "model.encoder.name")
        sizes = {name: fields[name] for name in ("embed_dim", "hidden_dim", "init_scale")}
        encoder = TextEncoder(dim, vocabulary, fields.name, **sizes)
        return {"generator": sentences.make_decoder(config, data_spec), "encoder": encoder, "length": shape[0]}
    encoders = {
        "mlp": lambda: mlp,
        "conv": lambda: ConvEncoder(dim, conv_layers(fields.width, shape[0])),
        "wide_resnet": lambda: Heads(WideResNet(2 * dim, fields.depth, fields.widen, slope=0.1)),
    }
    make = choose(encoders, fields.name, "model.encoder.name")
    if fields.name != "mlp" and (len(shape) != 3 or shape[0] != shape[1] or shape[0] % 4):
        raise ConfigError(f"model.encoder.name = {fields.name} needs squares with sides of 4 n pixels, not {shape}")
    return {"generator": make_generator(config, shape), "encoder": make(), "sigma": model.sigma}


def kl_weight(config):
    """step -> weight of KL and energies from config.model.kl: `largest`, or cycles that rise to it."""
    fields = config.model.kl
    if not fields.cycles:
        return lambda step: fields.largest
    options = {name: fields[name] for name in ("cycles", "zero", "ramp", "largest")}
    return lambda step: cyclical_weight(step, config.train.num_steps, **options)


def make_coupling(config, data_spec, *, tilted=True, mutual_information=True):
    """The method of a config; or the same with a prior of N(0, I), or without the mutual information."""
    model, fields = config.model, config.model.energy
    information = model.mutual_information_weight if mutual_information else 0.0
    chain = make_chain(config, "prior")
    return symbol_vector(
        MLPLogits((*fields.widths, num_symbols(config, data_spec)), fields.activation, fields.init),
        prior_chain=chain,
        class_chain=chain._replace(num_steps=config.evaluate.class_steps),
        optimizers=optimizers_of(config, data_spec, {group: config.optimizer[group] for group in GROUPS}),
        latent_dim=model.latent_dim,
        weights=CouplingWeights(config.labels.weight, information, model.free_nats, kl_weight(config)),
        input_noise=model.input_noise,
        tilted=tilted,
        joint_clip_norm=model.joint_clip_norm,
        **make_networks(config, data_spec),
    )


def make_supervised(config, data_spec):
    """A perceptron trained on labelled examples alone, with noise on its inputs: config.supervised."""
    fields = config.supervised
    bag = {"features": partial(bag_of_words, vocab_size=data_spec.vocab_size)} if config.model.text else {}
    net = MLPLogits((*fields.widths, data_spec.num_classes), fields.activation)
    optimizers = optimizers_of(config, data_spec, {"classifier": config.optimizer.classifier})
    return classifier(net, optimizers=optimizers, input_noise=fields.input_noise, **bag)


ARMS = {
    OWN: make_coupling,
    "supervised": make_supervised,
    "no_energy": partial(make_coupling, tilted=False),
    "no_mutual_information": partial(make_coupling, mutual_information=False),
}
"""name -> (config, DataSpec) -> Method, of one draw of the labels."""


def make_arm(config, data_spec, name: str):
    """An arm, trained on all draws of the labels at once."""
    check(config, data_spec)
    return replicated(ARMS[name](config, data_spec), config.labels.num_seeds)
