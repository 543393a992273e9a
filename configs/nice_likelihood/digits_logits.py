"""NICE on logits of the pixels of the 8 x 8 digits, learned in three ways (Grathwohl, Kelly et al. 2021, arXiv
2010.04230, section 5.1).

    python -m experiments.nice_likelihood --config=configs/nice_likelihood/digits_logits.py

The published preparation of the data: noise of one grey level, clipped to [.001, .999], logit. Sizes and length as in
configs/nice_likelihood/digits.py, whose likelihoods are of another family of densities.
Expected: none published for these images. Here (seeds 0, 1, 2) test_log_likelihood_logits is -132.3 to -132.8 by
likelihood, -248 to -264 by score matching, -263 to -317 by VERA, -137 of a Gaussian.
Cost: about a minute of a CPU core.
"""

from configs.common import variant_of
from configs.nice_likelihood.common import smoke
from configs.nice_likelihood.digits import get_config as digits


def get_config(variant=""):
    config = digits()
    config.model.space = "logits"
    return variant_of(config, variant, smoke)
