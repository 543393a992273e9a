"""The config of the study of the entropy's gradient on probabilistic PCA."""

from ml_collections import ConfigDict


def entropy_gradient(data: str, latent_dim: int) -> ConfigDict:
    """The published numbers; a data set's config states what differs."""
    config = ConfigDict()
    config.experiment = "entropy_gradient"
    config.seed = 0
    config.data = ConfigDict({"name": data, "num_train": 0})
    config.latent_dim = latent_dim
    config.num_samples = (20,)  # draws of z of an estimate, each of these
    config.num_points = 200  # pairs of x and z
    config.num_repeats = 200  # of each estimate, at every pair
    config.fit_steps = 500  # of the proposal's scale, and of the chains' step size
    config.batch_size = 200
    return config


def smoke(config: ConfigDict) -> None:
    """A second's work, for tests."""
    config.data.name = "digits"
    config.update(latent_dim=3, num_samples=(2, 4), num_points=8, num_repeats=4, fit_steps=4, batch_size=8)
