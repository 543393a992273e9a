"""NICE on the 8 x 8 digits embedded in scikit-learn, learned in three ways (Grathwohl, Kelly et al. 2021, arXiv
2010.04230, section 5.1).

    python -m experiments.nice_likelihood

The default of the experiment; sizes and length are ours.
Expected: none published for these images. Here, seed 0, nats of test images: maximum likelihood 6, sliced score
matching -112, VERA -274, a Gaussian 6.
Cost: under a minute of a CPU core.
"""

from configs.common import variant_of
from configs.nice_likelihood.common import nice_likelihood, smoke


def get_config(variant=""):
    config = nice_likelihood("digits")
    config.train.update(num_steps=2000, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=500)
    config.model.flow.widths = (128, 128)
    config.model.latent_dim = 32
    config.model.generator.widths = (128, 128)
    config.model.generator.activation = "leaky_relu"
    return variant_of(config, variant, smoke)
