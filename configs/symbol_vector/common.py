"""Configs of symbol-vector coupling: settings of Pang et al. 2020 (arXiv 2010.09359), Pang & Wu 2021 (arXiv 2108.11556)
and of the code of the second."""

from ml_collections import ConfigDict

from configs.common import adam, base, short


def symbol_vector(data: str) -> ConfigDict:
    """The published values for bags of words; a data set's config states what differs."""
    config = base("symbol_vector", data)
    config.train.batch_size = 200
    config.labels = ConfigDict(
        {
            "per_class": 10,  # 0: all
            "num_seeds": 5,  # draws of the labels, trained at once
            "weight": 200.0,  # of the cross-entropy; 0: no labels are used
        }
    )
    config.model = ConfigDict(
        {
            "text": "",  # "bag" or "sequence" for sentences
            "num_symbols": 0,  # 0: as many as there are classes
            "latent_dim": 100,
            "sigma": 0.3,  # standard deviation of p(x | z)
            "input_noise": 0.0,  # standard deviation, on what the encoder sees while training
            "mutual_information_weight": 100.0,
            "joint_clip_norm": 0.0,  # largest norm of the gradient of generator and encoder together; 0: no clip
            "free_nats": 0.0,  # dimensions of z whose KL is at most this are left out of it
            # Weight of KL and energies: largest; with cycles > 0 it is 0 at the start of each cycle, then rises. While
            # it is 0, so is the weight of the mutual information.
            "kl": {"largest": 1.0, "cycles": 0, "zero": 0.5, "ramp": 0.25},
            "energy": {"widths": (200, 200), "activation": "leaky_relu", "init": "torch"},
            # init, of perceptrons: he, torch, uniform_0.1 (ebmjax/nets/mlp.py).
            "generator": {"name": "mlp", "widths": (128, 128), "width": 64, "activation": "leaky_relu", "init": "he"},
            # name: mlp (widths, activation, init), conv (width), wide_resnet (depth, widen); of sequences gru or lstm.
            "encoder": {
                "name": "mlp",
                "widths": (128, 128),
                "activation": "leaky_relu",
                "init": "he",
                "width": 64,
                "depth": 28,
                "widen": 3,
                "embed_dim": 128,
                "hidden_dim": 256,
                "init_scale": None,  # parameters of a gru or lstm start as U(±init_scale); None: PyTorch's default
            },
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature (docs/conventions.md).
    config.sampler = ConfigDict({"name": "langevin", "prior": {"num_steps": 60, "step_size": 0.4, "temperature": 1.0}})
    config.optimizer = ConfigDict(
        {
            "energy": adam(2e-5, schedule="exponential", weight_decay=1e-3),
            "generator": adam(1e-4, b1=0.5, schedule="exponential", weight_decay=0.0),
            "encoder": adam(1e-4, schedule="exponential", weight_decay=2e-3),
            "classifier": adam(1e-3, schedule="cosine"),
        }
    )
    # The classifier of the labelled examples alone.
    config.supervised = ConfigDict({"widths": (128, 128), "activation": "leaky_relu", "input_noise": 0.5})
    config.evaluate = ConfigDict(
        {
            "batch_size": 500,
            "max_examples": 50_000,
            "arms": ("supervised",),  # trained to compare: also no_energy, no_mutual_information
            # For the importance-sampled likelihood; 0: none. Its log Z is too low by nats for strongly tilted priors.
            "num_samples": 0,
            "class_steps": 100,  # of the chains that draw samples of a symbol
            "picture": (),  # (height, width, channels) of tables whose columns are pixels
        }
    )
    return config


def small(config: ConfigDict) -> None:
    """Our own settings for small tables: latent size 16, small nets, higher learning rates, 20 steps of the chain."""
    config.train.update(num_steps=3000, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=3000)
    config.model.latent_dim = 16
    config.model.energy.update(widths=(64, 64), init="he")
    config.model.mutual_information_weight = 50.0
    config.sampler.prior.num_steps = 20
    for group, rate in (("energy", 3e-4), ("generator", 1e-3), ("encoder", 1e-3), ("classifier", 1e-3)):
        config.optimizer[group].update(learning_rate=rate, b1=0.9, weight_decay=0.0, schedule="cosine")
    config.evaluate.arms = ("supervised", "no_energy", "no_mutual_information")


def plane(config: ConfigDict, widths: tuple[int, ...]) -> None:
    """The toys of Pang & Wu's code: hidden layers of 200 units, z in the plane, no labels. Its data are four times as
    large as usual and its loss is the squared error's mean over the two coordinates, which is σ = 1."""
    config.labels.update(weight=0.0, num_seeds=1)
    config.train.update(batch_size=500, steps_per_dispatch=50, log_every=50)
    config.model.update(latent_dim=2, sigma=1.0, mutual_information_weight=15.0)
    config.model.energy.update(widths=(200,), activation="gelu")
    config.model.generator.update(widths=widths, activation="relu", init="torch")
    config.model.encoder.update(widths=widths, activation="relu", init="torch")
    config.sampler.prior.num_steps = 100
    for group, rate in (("energy", 1e-4), ("generator", 1e-3), ("encoder", 1e-3)):
        config.optimizer[group] = adam(rate, weight_decay=0.0)
    config.evaluate.arms = ("no_energy",)


def shorter(config: ConfigDict) -> None:
    """A toy of `plane` in minutes: fewer iterations, of smaller batches. The chain keeps its 100 steps: with 40, and
    five times the energy's rate, its ends lagged behind p(z), and the energy of the pinwheel grew without end."""
    config.train.update(num_steps=2000, batch_size=200, checkpoint_every=2000)


def images(config: ConfigDict, generator: str, width: int) -> None:
    """A published generator of `width`, and one draw of the labels; the energy keeps its published rate."""
    config.model.generator.update(name=generator, width=width)
    config.labels.num_seeds = 1
    config.supervised.update(widths=(1000, 1000), input_noise=0.3)
    config.train.update(num_steps=100_000, steps_per_dispatch=10, log_every=100, checkpoint_every=10_000)
    config.evaluate.max_examples = 10_000


def text(config: ConfigDict, decoder: dict) -> None:
    """Sequences: the GRU of Pang & Wu's code, trained in cycles, without labels; all parameters start as U(±.1)."""
    config.data.update(max_length=40, vocabulary_size=10_000)
    config.labels.update(weight=0.0, num_seeds=1)
    config.model.update(text="sequence", num_symbols=20, latent_dim=40, free_nats=1.0)
    config.model.kl = ConfigDict({"largest": 0.5, "cycles": 10, "zero": 0.5, "ramp": 0.25})
    config.model.mutual_information_weight = 50.0
    config.model.energy = ConfigDict({"widths": (200, 200), "activation": "gelu", "init": "uniform_0.1"})
    config.model.decoder = ConfigDict({"tied": True} | decoder)  # tied: the softmax has the embeddings as its weights
    sizes = {name: decoder[name] for name in ("embed_dim", "hidden_dim", "init_scale")}
    config.model.encoder.update(name=decoder["cell"], **sizes)
    config.model.joint_clip_norm = 0.5
    config.sampler.prior = ConfigDict({"num_steps": 40, "step_size": 0.5, "temperature": 1.0})
    for group, rate, clip in (("energy", 1e-4, 1.0), ("generator", 1e-3, 0.0), ("encoder", 1e-3, 0.0)):
        config.optimizer[group] = adam(rate, clip_norm=clip, weight_decay=0.0)
    config.train.batch_size = 30
    config.evaluate.update(arms=(), batch_size=100, max_examples=1000, num_samples=100)
    config.evaluate.greedy = True  # decode samples and reconstructions by the most probable word; False: draw words
    config.evaluate.cross_steps = 0  # of the language models behind forward and reverse perplexity; 0: none
    config.evaluate.cross_protocol = "decoder"  # these are the decoder without z
    config.evaluate.max_generated = 10_000  # samples, at most as many as training sentences


def smoke(config: ConfigDict) -> None:
    """`short`, with small nets."""
    short(config, 4, 16, 2, num_samples=2, class_steps=2)
    config.labels.update(per_class=min(config.labels.per_class, 3), num_seeds=2)
    config.model.latent_dim = 2
    config.model.energy.widths = (8,)
    config.model.generator.update(widths=(8,), width=2)
    config.model.encoder.update(widths=(8,), width=2, depth=10, widen=1, embed_dim=4, hidden_dim=4)
    config.supervised.widths = (8,)
    config.sampler.prior.num_steps = 2
