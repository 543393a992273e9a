"""Multi-layer short-run inference's config: settings of Nijkamp et al. 2020 (arXiv 1912.01909) and its code."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_data, images_evaluation, paper, short


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
    # The VAE and the ladder VAE of the same generator: their encoder, the weight of the KL, which rises to it in the
    # first warmup_steps iterations, and the optimiser of both networks.
    encoder = {"widths": (256,), "conv_widths": ()}  # conv_widths: convolutions of stride 2 below the perceptrons
    config.vae = ConfigDict({"kl_weight": 1.0, "warmup_steps": 0, "encoder": encoder, "optimizer": adam(8e-5, b1=0.5)})
    images_evaluation(config, 40_000)
    config.evaluate.num_divergence_examples = 32
    # Step sizes at which the trained generator is compared; (): none
    config.evaluate.step_sizes = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
    config.evaluate.inpainting_samples = 50  # their mean is the second figure of inpainting
    # Inpainting hides of test images: "", the lower half; pixels (fraction), squares (fraction, size), block (size)
    config.evaluate.hidden = ConfigDict({"name": "", "fraction": 0.5, "size": 8, "seed": 0})
    # Also train, and compare:
    config.evaluate.vae_baseline = config.evaluate.ladder_vae_baseline = False
    config.evaluate.fixed_noise_baseline = False  # with the published objective
    config.evaluate.retrained_baselines = False  # with a third and three times the learned step size, fixed
    config.evaluate.other_start = 0.0  # the same search from this step size; 0: none
    return config


def released(data: str) -> ConfigDict:
    """The released code for CelebA, 32 x 32: convolutions, a fixed step size, no opponents; a data set's config states
    what differs.

    Its loss is the sum over the batch of squared errors, which Adam scales away; here it is the mean.
    """
    config = multilayer_short_run(data)
    config.model.generator.update(name="conv", variance="released")
    config.search.update(every=0, num_log_det_terms=8)
    config.optimizer.generator.update(schedule="step", decay_rate=0.5, decay_epochs=(50, 100, 300))
    config.vae.optimizer = config.optimizer.generator.copy_and_resolve_references()
    config.vae.encoder.conv_widths = (64, 64)
    config.train.checkpoint_every = 4000
    config.evaluate.step_sizes = ()
    return config


def table_of_later_papers(config: ConfigDict, reconstruction_mse: float, fid_tf2015: float) -> None:
    """The figures of five layers that Pang et al. 2020 (arXiv 2006.08205) report in table 1."""
    protocol = (
        "FID by protocol 'tf2015', best of the training; scale of the MSE unsaid; code and settings of this data set "
        "are not released"
    )
    figures = {"reconstruction_mse": reconstruction_mse, "fid_tf2015": fid_tf2015}
    paper(config, "Pang et al. 2020, table 1, SRI (L = 5)", protocol=protocol, data=(config.data.name,), **figures)


def smoke(config: ConfigDict) -> None:
    """`short`, with short chains and small searches."""
    short(config, step_sizes=(0.05, 0.1), num_divergence_examples=4)
    config.sampler.posterior.num_steps = 5
    grid = config.search.grid and (0.05, 0.1)
    config.search.update(every=5, grid=grid, num_examples=4, num_fixed_noise_chains=2)


def smoke_images(config: ConfigDict) -> None:
    """Two steps on fake images of the data's shape, of a narrow net; the step size, if it is learned, once."""
    fake_data(config, num_divergence_examples=4)
    config.model.latent_dims = tuple(2 + i for i in range(len(config.model.latent_dims)))
    config.model.generator.features = 4
    config.vae.encoder.update(widths=(4,), conv_widths=tuple(2 for _ in config.vae.encoder.conv_widths))
    config.sampler.posterior.num_steps = 2
    if config.search.every:
        config.search.update(every=1, num_examples=2, num_chains=2, num_fixed_noise_chains=1)
