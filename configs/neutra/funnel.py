"""NeuTra (Hoffman et al. 2019, arXiv 1903.03704) on the 10-D funnel v ~ N(0, 9), x_i | v ~ N(0, e^v).

    python -m experiments.neutra

The default of the experiment. The paper's funnel is of another scale, its flow of three stages.
Expected, seeds 0 to 4: rhat_max 1.001, sd(v) 2.98 to 3.02, KL from flow to target .015 to .037 nats; in data space
R-hat of v 1.15 to 1.70, sd(v) 2.0 to 2.7. Started from N(0, 25 I), --config.start_scale=5.0, chains get stuck on each
of these seeds (rhat_max 1.29 to 1.90); from N(0, 4 I) none did on seed 0.
Cost: half a minute on a CPU.
"""

from ml_collections import ConfigDict

from configs.common import variant_of


def get_config(variant=""):
    config = ConfigDict()
    config.experiment = "neutra"
    config.seed = 0
    config.target = ConfigDict({"name": "funnel"})  # of energies.TARGETS
    config.flow = ConfigDict({"num_layers": 1, "hidden": (32,), "scale": "exp"})
    config.train = ConfigDict({"num_steps": 2000, "batch_size": 256, "learning_rate": 1e-2, "clip_norm": 10.0})
    sampler = {"name": "hmc", "step_size": 0.1, "temperature": 1.0, "target_acceptance": 0.9, "learn_mass": True}
    config.sampler = ConfigDict(sampler | {"options": {"hmc": {"num_leapfrog": 3, "jitter": 0.5}}})
    config.data_space = ConfigDict(sampler | {"options": {"hmc": {"num_leapfrog": 4, "jitter": 0.5}}})
    config.start_scale = 1.0  # chains start from N(0, start_scale² I); above 1 some may get stuck
    config.num_chains = 16
    config.num_warmup = 1000
    config.num_steps = 1000
    return variant_of(config, variant, _smoke)


def _smoke(config):
    config.train.num_steps = config.num_warmup = config.num_steps = 50
