"""The latent EBM's config: the published settings of Pang et al. 2020 (arXiv 2006.08205), images or text."""

from ml_collections import ConfigDict

from configs.common import adam, base, each, fake_data, images_evaluation, paper, short
from configs.multilayer_short_run.common import multilayer_short_run
from configs.text_short_run import common as sentences


def latent_ebm(data: str) -> ConfigDict:
    """The values of the released SVHN script, as it runs; a data set's config states what differs."""
    config, released = base("latent_ebm", data), multilayer_short_run(data)
    config.train.batch_size = 100
    config.model = ConfigDict(
        {
            "latent_dim": 100,
            "sigma": 0.3,  # standard deviation of p(x | z)
            "generator": {"name": "mlp", "widths": (256, 256), "width": 64, "activation": "leaky_relu"},
            "energy": {"widths": (200, 200), "activation": "gelu", "init": "torch"},
            # Of opponents alone (evaluate.opponents): the encoder of vae, and the model of short_run_5.
            "encoder": {"name": "mlp", "widths": (256, 256), "width": 64, "activation": "leaky_relu", "normed": False},
            "multilayer": released.model,
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature (docs/conventions.md).
    config.sampler = ConfigDict(
        {
            "name": "langevin",
            "prior": {"num_steps": 60, "step_size": 0.4, "temperature": 1.0},
            "posterior": {"num_steps": 20, "step_size": 0.1, "temperature": 1.0},
            "refine_steps": 100,  # noise-free posterior steps where reconstructions are evaluated
            "multilayer": released.sampler.posterior,  # of short_run_5
        }
    )
    config.optimizer = ConfigDict(
        {group: adam(rate, b1=0.5, schedule="exponential") for group, rate in (("energy", 2e-5), ("generator", 1e-4))}
    )
    images_evaluation(config)
    config.evaluate.opponents = ()  # also train, and compare: gaussian_trained, vae, short_run_5
    config.evaluate.long_chain_steps = 0  # of chains of the learned prior, much longer than in training; 0: none
    config.evaluate.long_chain_every = 100  # steps from one picture of them to the next
    return config


def convolutions(config: ConfigDict, name: str, width: int) -> None:
    """The published generator `name` of `width`; of the opponents, convolutions of ours for the encoder of vae, and the
    released generator for short_run_5."""
    config.model.generator.update(name=name, width=width)
    config.model.encoder.name = "dcgan"
    config.model.multilayer.generator.update(name="conv", variance="released")


def one_page(config: ConfigDict) -> None:
    """The settings of the one-page code in the paper's supplement, as far as they differ from the released script."""
    config.model.energy.activation = "leaky_relu"
    config.sampler.posterior.num_steps = 40
    each(config.optimizer.values(), schedule="constant")
    config.train.num_steps = 70_000


def table_1(config: ConfigDict, test_mse: float, fid_tf2015: float, note: str = "") -> None:
    """The paper's figures of images."""
    protocol = (
        "FID by protocol 'tf2015', 50,000 samples to the training set, best of the training; scale of the MSE unsaid; "
        "which settings made the table is unknown"
    )
    data, figures = (config.data.name,), {"test_mse": test_mse, "fid_tf2015": fid_tf2015}
    paper(config, "Pang et al. 2020, table 1", protocol=f"{protocol}{note}", data=data, **figures)


def smoke(config: ConfigDict) -> None:
    """`short`, with short chains."""
    short(config)
    config.sampler.prior.num_steps = config.sampler.posterior.num_steps = config.sampler.refine_steps = 5
    config.sampler.multilayer.num_steps = 5
    if config.evaluate.long_chain_steps:
        config.evaluate.update(long_chain_steps=20, long_chain_every=5)


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with a narrow generator."""
    smoke(config)
    fake_data(config)
    config.model.generator.width = config.model.encoder.width = config.model.multilayer.generator.features = 2


def latent_ebm_text(data: str) -> ConfigDict:
    """Sentences, by Algorithm 1 with the sizes and chains of Pang & Wu 2021's code (arXiv 2108.11556,
    unconditional_gen, where an encoder infers z and chains only report); a data set's config states what differs."""
    config = latent_ebm(data)
    config.data.update(max_length=40, vocabulary_size=10_000)
    config.train.batch_size = 32
    config.model = ConfigDict(
        {
            "latent_dim": 32,
            "decoder": sentences.decoder("lstm", 512, 0.2),
            "energy": {"widths": (200, 200), "activation": "gelu", "init": "torch"},
        }
    )
    config.sampler.prior = ConfigDict({"num_steps": 40, "step_size": 0.5, "temperature": 1.0})
    # noise_scale 1: Langevin dynamics, Algorithm 1. 0: gradient descent, whose ends are codes far from N(0, I).
    config.sampler.posterior = ConfigDict({"num_steps": 20, "step_size": 0.5, "temperature": 1.0, "noise_scale": 1.0})
    config.sampler.refine_steps = 0
    config.optimizer = ConfigDict({"energy": adam(1e-4, clip_norm=1.0), "generator": adam(1e-3, clip_norm=5.0)})
    del config.sampler.multilayer  # of images
    config.evaluate = ConfigDict({"gaussian_baseline": False, "language_model": True})
    sentences.evaluation(config)
    config.evaluate.cross_steps = 1000
    return config


def full_size_text(config: ConfigDict, num_train: int) -> None:
    """Sentences at full size, with the other settings of unconditional_gen too: every parameter starts as U(±.1), h and
    c of the LSTM from two maps of z, decay of the energy's weights, batches of 30, 50 epochs; the opponent FB-VAE."""
    config.model.decoder.initial = "separate"
    config.model.energy.init = "uniform_0.1"
    config.optimizer.energy.weight_decay = 1e-3
    config.train.update(batch_size=30, num_steps=50 * (num_train // 30), steps_per_dispatch=5)
    config.train.checkpoint_every = num_train // 30
    config.evaluate.update(gaussian_baseline=True, vaes=("free_bits",), num_samples=10, max_short_run=2560)
    config.evaluate.update(cross_protocol="released", max_examples=10_000, max_generated=100_000)


def table_2(config: ConfigDict, **figures: float) -> None:
    """The paper's figures of sentences."""
    note = "settings of its language models uncertain, ours by cross_protocol released; which settings made it unknown"
    data = (config.data.name.split("/")[-1].split(".")[0],)
    paper(config, "Pang et al. 2020, table 2", protocol=note, data=data, **figures)


def smoke_text(config: ConfigDict) -> None:
    """`smoke` of all models of sentences, with short chains."""
    sentences.smoke(config)
    config.model.energy.widths = (4,)
    config.sampler.prior.num_steps = config.sampler.posterior.num_steps = 3
