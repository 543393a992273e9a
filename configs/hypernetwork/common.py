"""The hypernetwork's config: published settings of Deutsch 2018 (arXiv 1801.01952) for MNIST."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_name, short


def hypernetwork(data: str) -> ConfigDict:
    """The published values; a data set's config states what differs."""
    config = base("hypernetwork", data)
    config.train.batch_size = 1024  # num_latents x 32 images
    config.model = ConfigDict(
        {
            "target": {"name": "conv", "widths": (32, 16, 8)},  # or mlp (widths), resnet (width, num_blocks)
            "hypernet": {
                "latent_dim": 300,
                "extractor": (300, 300),  # hidden layers: z -> all codes
                "code_size": 15,  # 0: ceil(log2 n) for a filter of n weights
                "widths": (40, 100, 100, 60),  # of the hidden layers of each layer's generator; (): ceil(12 √n)
                "depth": 2,  # hidden layers of a generator
                "last_code": "layer",  # one code for the whole last layer, or one per "filter"
                "slope": 0.05,
                "init_scale": 0.01,
                "batch_norm": True,
                "linear_codes": False,  # the extractor's last hidden layer is linear
            },
            # What classifiers get of images in [-1, 1]: signed, unit ([0, 1]) or standardised (each image by itself).
            "inputs": "signed",
            "num_latents": 32,  # z per step
            "accuracy_weight": 1000.0,  # λ: λ · cross entropy - entropy
            "entropy_weight": 1.0,
            "num_neighbours": 1,
            "norm": "l1",
            "fix_last": True,  # the entropy ignores the last layer's scale; False: as published
            "input_noise": 0.0,
            "num_direct": 4,  # networks trained directly, to compare with; 0: none
        }
    )
    config.optimizer = ConfigDict(
        {
            group: adam(rate, schedule="geometric", final_fraction=0.01, decay_rate=decay)
            for group, rate, decay in (("hypernet", 3e-4, 0.99998), ("networks", 1e-3, 0.9999))
        }
    )
    config.evaluate.batch_size = 500
    config.evaluate.max_examples = 10_000  # test examples
    config.evaluate.ensemble_size = 100
    config.evaluate.num_ensembles = 20
    config.evaluate.no_diversity = True  # also train a hypernetwork without the entropy
    config.evaluate.num_paths = 10
    config.evaluate.num_points = 21
    config.evaluate.path_examples = 1000  # test examples of paths and attacks
    config.evaluate.num_attacked = 10
    # Sizes of attacks, in units of x in [-1, 1]; the figures are those of the middle one.
    config.evaluate.epsilons = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
    # Sizes of the published attack, aimed at a random other class, in 1/255 of the range of pixels; (): none.
    config.evaluate.targeted_sizes = tuple(range(0, 60, 2))
    config.evaluate.distill_steps = 5000  # 0: no distillation
    config.evaluate.distill_batch_size = 256
    config.evaluate.distill_teachers = 4  # fresh networks a step, whose mean probability is the target
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few networks."""
    short(config, 4, 16, 2, max_examples=32)
    config.model.update(num_latents=4, num_direct=2)
    config.evaluate.update(ensemble_size=3, num_ensembles=2, num_paths=2, num_points=3, path_examples=16)
    config.evaluate.update(num_attacked=2, epsilons=(0.0, 0.2), targeted_sizes=(0, 58))
    config.evaluate.update(distill_steps=3, distill_batch_size=8, distill_teachers=2)


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with a narrow hypernetwork."""
    smoke(config)
    config.data.update(name=fake_name(config.data.name), num_train=0)
    config.model.hypernet.latent_dim = 8
