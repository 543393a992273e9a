"""Multi-layer short-run inference's config: settings of Nijkamp et al. 2020 (arXiv 1912.01909) and its code."""

from ml_collections import ConfigDict

from configs.common import adam, base, images_evaluation, short


def multilayer_short_run(data: str) -> ConfigDict:
    """The published values where there are any; a data set's config states what differs."""
    config = base("multilayer_short_run", data)
    config.train.batch_size = 100
    config.model = ConfigDict(
        {
            "latent_dims": (128, 96, 64, 64, 64),  # of z1 (next to the data), z2, ...
            "sigma": 0.15,  # standard deviation of p(x | z)
            "generator": {
                "name": "mlp",  # mlp (widths), or conv (the other fields; nets/multilayer_conv.py)
                "widths": (256,),
                "activation": "gelu",
                "features": 64,
                "map_size": 16,  # of feature maps: images have twice, four times ... this side
                "variance": "softplus",  # or released: a clamped softplus used as the log variance
                "ladder": False,  # latents of [mean, noise] by a linear layer, in place of a Gaussian
            },
        }
    )
    # x' = x - s² / 2 ∇E + noise_scale · s ε with s = step_size, which the search changes (docs/conventions.md).
    config.sampler = ConfigDict({"posterior": {"num_steps": 25, "step_size": 0.05, "noise_scale": 1.0}})
    # The published code keeps its step size (every = 0); the paper searches a grid by the objective "fixed_noise".
    config.search = ConfigDict(
        {
            "objective": "marginal",  # marginal, marginal_diagonal or fixed_noise (objectives/variational.py)
            "every": 500,  # iterations from one search to the next; 0: none
            "grid": (0.01, 0.03, 0.05, 0.07, 0.09),  # one step size for all layers; (): by gradient, one per layer
            "width": 0.15,  # of that gradient: a slope between log s ± width; 0: the derivative, which explodes
            "num_examples": 32,  # of the batch
            "num_chains": 96,  # per example; "marginal" needs more than latent dimensions
            "num_fixed_noise_chains": 4,  # each of which costs a chain per latent dimension ...
            "num_log_det_terms": 0,  # ... or, if > 0, this many, and estimates its log-determinant
        }
    )
    config.optimizer = ConfigDict({"generator": adam(8e-5, b1=0.5), "log_step_size": adam(0.1, b1=0.5)})
    config.optimizer.log_step_size.clip_norm = 1.0  # or one long gradient shortens Adam's next thousand steps
    images_evaluation(config, 40_000)
    config.evaluate.num_divergence_examples = 32
    config.evaluate.step_sizes = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
    config.evaluate.inpainting_samples = 50  # their mean is the second figure of inpainting
    # Also train, and compare:
    config.evaluate.fixed_noise_baseline = False  # with the published objective
    config.evaluate.retrained_baselines = False  # with a third and three times the learned step size, fixed
    config.evaluate.other_start = 0.0  # the same search from this step size; 0: none
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with short chains and small searches."""
    short(config, step_sizes=(0.05, 0.1), num_divergence_examples=4)
    config.sampler.posterior.num_steps = 5
    grid = config.search.grid and (0.05, 0.1)
    config.search.update(every=5, grid=grid, num_examples=4, num_fixed_noise_chains=2)
