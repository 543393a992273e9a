"""The search for a chain's step size during training, from a config's section search."""

from ebmjax.methods import StepSizeSearch

LIMITS = {
    "search.every": 0,
    "search.num_examples": 1,
    "search.num_chains": 1,
    "search.num_fixed_noise_chains": 1,
    "search.num_log_det_terms": 0,
    "search.width": 0,
}


def make_search(config, objective):
    """How the step size is learned by `objective`; None where search.every is 0."""
    fields = config.search
    if not fields.every:
        return None
    num_chains = fields.num_fixed_noise_chains if objective == "fixed_noise" else fields.num_chains
    return StepSizeSearch(
        objective,
        fields.every,
        tuple(fields.grid),
        fields.width,
        fields.num_examples,
        num_chains,
        fields.num_log_det_terms,
    )
