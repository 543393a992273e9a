"""Modes of stacked images ("stacked:NAME") that samples cover, counted by a classifier of the single images of NAME."""

import jax

from ebmjax.data import load, to_float
from ebmjax.evaluation import accuracy, fit_classifier
from ebmjax.evaluation.stacked import mode_figures, stacked_modes
from ebmjax.report.results import Figures
from ebmjax.training.config import ConfigError

PREFIX = "stacked:"


def is_stacked(dataset) -> bool:
    """Whether these are stacks of the images of another set."""
    return dataset.name.startswith(PREFIX)


def check_data(config, dataset):
    """Raise ConfigError for stacks without a classifier to count their modes."""
    if is_stacked(dataset) and not config.evaluate.feature_steps:
        raise ConfigError("evaluate.feature_steps = 0: the modes of stacked images are counted by a classifier")


def single_images(run):
    """The data set whose images are stacked."""
    return load(run.dataset.name.removeprefix(PREFIX))


def classes(single) -> int:
    """The number of classes of a set of single images, by its training labels."""
    return int(single.y_train.max()) + 1


def stacked_figures(run, arms) -> Figures:
    """modes and kl_modes of the images of {arm: x[N, H, W, 3]}; of ours also the classifier's test accuracy."""
    single = single_images(run)
    num_classes, num_steps = classes(single), run.config.evaluate.feature_steps
    x, x_test = (to_float(part, single.max_value) for part in (single.x_train, single.x_test))
    key = jax.random.fold_in(run.rng_key, 1)
    classifier = fit_classifier(key, x, single.y_train, num_classes, num_steps=num_steps)
    named = lambda images: stacked_modes(classifier.logits, images, num_classes, run.config.evaluate.batch_size)
    figures = {arm: mode_figures(named(images), run.dataset.y_train, num_classes**3) for arm, images in arms.items()}
    figures[next(iter(arms))]["classifier_accuracy"] = accuracy(classifier, x_test, single.y_test)
    return figures


def protocol(run, num_samples: int) -> str:
    """How the figures of `stacked_figures` were measured."""
    num_modes = classes(single_images(run)) ** 3
    return (
        f"modes: of {num_modes}, those that the classifier of single images (classifier_accuracy on test images) finds "
        f"in {num_samples} samples; kl_modes: KL of their frequencies to those of the training labels, in nats, about "
        f"{(num_modes - 1) / (2 * num_samples):.3f} for exact samples and an exact classifier. "
    )
