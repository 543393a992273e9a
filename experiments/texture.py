"""Textures from one image by alternating back-propagation (Han et al. 2017, arXiv 1606.08571, Experiment 1).

Learns a fully convolutional generator of a grid of latent variables from squares of one image. On a larger grid the
same parameters then make a larger image of the texture.
"""

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.data.crops import random_crops
from ebmjax.evaluation import map_batches
from ebmjax.evaluation.texture import filter_distance, gabor_filters, pixel_distance, random_phase, shuffled_pixels
from ebmjax.mcmc.bank import make_bank
from ebmjax.methods import abp
from ebmjax.nets import ConvGenerator
from ebmjax.report.results import OWN
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import pictures
from experiments.build.chains import make_chain
from experiments.build.missing import refuse_augmentation
from experiments.build.optimizers import optimizers_of
from experiments.measure import images
from experiments.measure.history import draw_health


def make_generator(config, channels, scale=1):
    """The generator from config.model: each layer doubles the image, from the grid that gives config.texture.side to
    `scale` times that. Raises ConfigError for a side that is not so many times doubled."""
    fields, side = config.model.generator, config.texture.side
    kernel, widths = fields.kernel_size, (*fields.widths, channels)
    if kernel % 2 or kernel < 2:
        raise ConfigError(f"model.generator.kernel_size = {kernel} must be even, so that a layer doubles the image")
    if side % 2 ** len(widths):
        raise ConfigError(
            f"texture.side = {side} must be a multiple of {2 ** len(widths)}: {len(widths)} layers "
            "double the image, those of model.generator.widths and the last one"
        )
    grid = scale * side // 2 ** len(widths)
    return ConvGenerator(tuple((width, kernel, 2, kernel // 2 - 1) for width in widths), grid=(grid, grid))


def latent_dim(config, generator) -> int:
    """The latent variables of all places of the grid."""
    return config.model.latent_channels * generator.grid[0] * generator.grid[1]


def build(config, data_spec):
    """The method of a config: a persistent chain for each square."""
    generator = make_generator(config, data_spec.shape[2])
    refuse_augmentation(config, "a chain for each square, as it is")
    return abp(
        generator,
        chain=make_chain(config, "posterior"),
        bank=make_bank(config.texture.num_squares, config.train.batch_size),
        optimizers=optimizers_of(config, data_spec),
        sigma=config.model.sigma,
        latent_dim=latent_dim(config, generator),
    )


def squares(config, dataset, title):
    """`Experiment.data_of`: squares of config.texture.side pixels, as many for training as there are chains."""
    fields, shape = config.texture, dataset.x_train.shape[1:]
    if dataset.max_value is None or len(shape) != 3:
        raise ConfigError(f"data.name = {dataset.name}: a texture is learned from images, not from {shape}")
    x = [random_crops(part, fields.num_squares, fields.side, fields.seed) for part in (dataset.x_train, dataset.x_test)]
    return dataset._replace(x_train=x[0], x_test=x[1], y_train=None, y_test=None)


def check_data(config, dataset):
    """Raise ConfigError, before training, for a square that the filters of the evaluation do not fit into."""
    largest = max(len(kernel) for kernel in gabor_filters())
    if config.texture.side < largest:
        raise ConfigError(f"texture.side = {config.texture.side} must be at least {largest}, the size of a filter")


def synthesise(run, channels):
    """Textures from z ~ N(0, I) on the larger grid, `[N, S, S, C]` in (-1, 1)."""
    config = run.config
    generator = make_generator(config, channels, config.texture.scale)
    z = jax.random.normal(run.rng_key, (config.evaluate.num_samples, latent_dim(config, generator)))
    return np.asarray(jax.jit(generator.apply)({"params": run.trained.state.params["generator"]}, z))


def reconstruct(run, train):
    """(z, decoded) of the training squares from the ends of their stored chains."""
    method, state = run.trained
    index = np.arange(len(train))
    z = np.asarray(method.functions["stored_latents"](state, index))
    return z, map_batches(jax.jit(lambda z: method.functions["decode"](state, z)), z, run.config.train.batch_size)


def evaluate(run):
    """Synthesis on a larger grid, its distance from the image, and how well the squares are reconstructed."""
    originals, others = images.examples(run)
    train = to_float(squares(run.config, run.dataset, "train").x_train, run.dataset.max_value)
    synthesis, (z, decoded) = synthesise(run, train.shape[3]), reconstruct(run, train)
    random = np.random.RandomState(0)
    arms = {
        OWN: synthesis,
        "real": others,
        "random_phase": random_phase(random, originals),
        "shuffled": shuffled_pixels(random, originals),
    }
    distances = {"filter_distance": filter_distance, "pixel_distance": pixel_distance}
    figures = {arm: {name: of(x, originals) for name, of in distances.items()} for arm, x in arms.items()}
    figures[OWN] |= {"train_mse": images.squared_error(decoded, train), "latent_rms": np.sqrt(np.mean(z**2))}
    shown = draw(run, {"the image": originals} | arms, train, decoded)
    return Evaluation(figures, protocol(run.config, originals, others), shown)


def draw(run, arms, train, decoded) -> dict:
    """{path: caption}: two textures, the image beside all arms, reconstructed squares, and the health of training."""
    paths = [run.workdir / f"{name}.png" for name in ("synthesis", "compared", "reconstructions")]
    pictures.save_grid(arms[OWN][:2], paths[0], columns=2)
    side = min(min(x.shape[1:3]) for x in arms.values())
    shown = np.concatenate([x[:1, :side, :side] for x in arms.values()])
    pictures.save_grid(shown.astype(np.float32), paths[1], columns=len(shown))
    pictures.save_pairs(train[:6], decoded[:6], paths[2], columns=6)
    scale = run.config.texture.scale
    captions = [
        f"Two textures from z ~ N(0, I) on a grid {scale} times as large as that of training.",
        f"From left to right: {', '.join(arm or 'ours' for arm in arms)}; the upper left corner of each.",
        "Squares of the image, and below each what the end of its stored chain is decoded to.",
    ]
    return dict(zip(paths, captions, strict=True)) | draw_health(run, f"textures on {run.dataset.name}")


def protocol(config, originals, others) -> str:
    """How the figures were measured."""
    fields = config.texture
    return (
        f"Learned from {fields.num_squares} squares of {fields.side} x {fields.side} pixels at random places of the "
        f"training image{'s' * (len(originals) > 1)} of {originals.shape[1]} x {originals.shape[2]}. filter_distance: "
        "1-Wasserstein distance between the distributions of a Gabor filter's responses over all places, in standard "
        "deviations of the training image's, mean over 24 filters (wavelengths 4, 8 and 16 pixels); pixel_distance: "
        f"the same of the pixels; ours: {config.evaluate.num_samples} textures {fields.scale} times as large as a "
        f"square; real: the test image{'s' * (len(others) > 1)} of the texture; random_phase: Gaussian textures with "
        "the training image's power spectrum; shuffled: its pixels in random order. train_mse: per pixel of squares "
        "from the ends of their stored chains; latent_rms: of z at these ends, 1 for draws from N(0, I). Last "
        "parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/texture/labyrinth.py",
    limits=lambda config: {
        "model.latent_channels": 1,
        "texture.side": 2,
        "texture.num_squares": 2,
        "texture.scale": 1,
        "texture.seed": 0,
        "evaluate.num_samples": 2,
    },
    build=build,
    data_of=squares,
    check_data=check_data,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
