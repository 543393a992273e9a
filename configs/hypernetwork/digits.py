"""Hypernetwork (Deutsch, Nijkamp & Yang 2019, arXiv 1905.02898) of small classifiers of 8 x 8 digits.

    python -m experiments.hypernetwork --config=configs/hypernetwork/digits.py

The target is a perceptron 64-32-10 of 2,410 weights; all settings are ours, the first that were tried.
Expected, seeds 0, 1, 2: single .975, .977, .978, ensembles of 50 .983, .986, .985 (trained directly .981, .978, .982).
Halfway between two generated networks accuracy is .978, .975, .978 through z, .941, .920, .878 on the straight line,
and .767, .812, .859 between two trained directly. The entropy term doubles the disagreement (.025, .022, .022 against
.012, .013, .011) and costs accuracy: without it single networks have .982, .982, .985.
Cost: a minute and a half of CPU.
"""

from configs.common import each, variant_of
from configs.hypernetwork.common import hypernetwork, smoke


def get_config(variant=""):
    config = hypernetwork("digits")
    config.model.target = {"name": "mlp", "widths": (32,)}
    config.model.hypernet.update(latent_dim=32, extractor=(64, 64), code_size=8, widths=(40, 60))
    config.model.update(num_latents=16, accuracy_weight=100.0, input_noise=0.3)
    config.train.update(num_steps=1500, batch_size=512, steps_per_dispatch=50, log_every=50)
    config.optimizer.hypernet.learning_rate = 1e-3
    each(config.optimizer.values(), schedule="cosine")
    config.evaluate.update(batch_size=360, ensemble_size=50, num_ensembles=4, distill_steps=1500)
    return variant_of(config, variant, smoke)
