"""Attacks on classifiers that are energies, also on logits refined by chains, and pictures of samples by class."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.evaluation.attacks import Attack, pgd
from ebmjax.evaluation.refinement import refined_logits
from ebmjax.report.results import OWN, Figures
from ebmjax.viz import classifiers, pictures
from experiments.build.chains import make_chain
from experiments.measure import few_labels

EPSILONS = {"linf": "epsilons_linf", "l2": "epsilons_l2"}
"""{norm: the field of config.evaluate.attacks with its radii}."""


def classifier_of(config, trained, num_steps: int):
    """(rng_key, x) -> logits `[N, K]` of the first draw of the labels; after chains of `num_steps`, if that is > 0."""
    method, state = few_labels.first_draw(trained)
    logits_fn = partial(method.functions["class_logits"], state)
    if not num_steps:
        return lambda rng_key, x: logits_fn(x)
    fields, chain = config.evaluate.attacks, make_chain(config, "chain")._replace(num_steps=num_steps)
    options = {"num_chains": fields.num_chains, "noise": fields.noise}
    return lambda rng_key, x: refined_logits(rng_key, logits_fn, chain, x, **options)


def accuracies(run, logits, attack: Attack, epsilons, examples) -> np.ndarray:
    """Accuracy of (rng_key, x) -> logits on attacked examples (x, labels), at each radius: `[len(epsilons)]`."""

    @jax.jit
    def right(epsilon, key, batch):
        keys = jax.random.split(key)
        attacked = pgd(logits, keys[0], *batch, epsilon, attack)
        return jnp.argmax(logits(keys[1], attacked), axis=1) == batch[1]

    size = min(run.config.evaluate.batch_size, len(examples[1]))
    mean = lambda epsilon: np.mean(map_batches(partial(right, epsilon), examples, size, rng_key=run.rng_key))
    return np.array([mean(jnp.float32(epsilon)) for epsilon in epsilons])


def attack_curves(run, test, labels) -> dict[str, dict[tuple[str, int], np.ndarray]]:
    """{norm: {(arm, steps of refinement): accuracies over the radii}}: ours with and without refinement, and the
    supervised arm without."""
    config, fields = run.config, run.config.evaluate.attacks
    examples = test[: fields.num_examples], labels[: fields.num_examples]
    bounds = None if run.dataset.max_value is None else (-1.0, 1.0)
    arms = [(OWN, run.trained, steps) for steps in fields.refine_steps]
    arms += [("supervised", run.baselines["supervised"], 0)] if "supervised" in run.baselines else []
    made = {(arm, steps): classifier_of(config, trained, steps) for arm, trained, steps in arms}
    return {
        norm: {
            key: accuracies(run, logits, Attack(norm, fields.num_steps, bounds), fields[field], examples)
            for key, logits in made.items()
        }
        for norm, field in EPSILONS.items()
    }


def attack_figures(run, curves) -> Figures:
    """accuracy_<norm>_<epsilon>_refined_<steps> of `attack_curves`."""
    figures: Figures = {}
    for norm, found in curves.items():
        for (arm, steps), values in found.items():
            named = zip(run.config.evaluate.attacks[EPSILONS[norm]], values)
            figures.setdefault(arm, {})
            figures[arm] |= {f"accuracy_{norm}_{epsilon:g}_refined_{steps}": value for epsilon, value in named}
    return figures


def attacked(run, test, labels) -> tuple[dict, Figures]:
    """({path: caption}, figures) of the attacks of config.evaluate.attacks; nothing for num_examples = 0."""
    fields = run.config.evaluate.attacks
    if not fields.num_examples:
        return {}, {}
    curves = attack_curves(run, test, labels)
    named = lambda arm, steps: f"{arm or run.config.method}, {steps} steps" if not arm else arm
    panels = {
        f"{norm} radius, in units of x": (
            np.asarray(fields[EPSILONS[norm]]),
            {named(*key): values for key, values in found.items()},
        )
        for norm, found in curves.items()
    }
    path = run.workdir / "attacks.png"
    title = f"projected gradients on {run.dataset.name}, first draw of the labels"
    classifiers.plot_accuracy_curves(panels, path, title=title)
    caption = "Accuracy under attack, by the logits at the ends of chains of so many steps from the attacked examples"
    return {path: caption}, attack_figures(run, curves)


def protocol(config) -> str:
    """How the figures of `attacked` were measured."""
    fields = config.evaluate.attacks
    if not fields.num_examples:
        return ""
    return (
        f"accuracy_<norm>_<radius>_refined_<steps>: on {fields.num_examples} test examples moved by projected "
        f"gradients ({fields.num_steps} steps, one random start, radius in units of x) of the first draw's classifier, "
        f"whose logits are means over {fields.num_chains} chains of so many steps that start within noise of "
        f"{fields.noise:g}; the attack's gradient passes the chains as if they were shifts. Radius 0: not attacked. "
    )


def draw_by_class(run, x, path, num: int = 10) -> None:
    """Write a grid of samples x`[N, ...]`: a row for each class, of the first `num` samples that the first draw's
    classifier puts there; white where there are fewer."""
    logits = classifier_of(run.config, run.trained, 0)
    size = min(run.config.evaluate.batch_size, len(x))
    found = map_batches(jax.jit(lambda x: logits(None, x)), np.asarray(x), size)
    classes, shape = np.argmax(found, axis=1), tuple(run.config.evaluate.picture) or np.shape(x)[1:]
    grid = np.ones((found.shape[1], num, *shape), np.float32)
    for k in range(len(grid)):
        chosen = np.asarray(x)[classes == k][:num]
        grid[k, : len(chosen)] = chosen.reshape(-1, *shape)
    pictures.save_grid(grid.reshape(-1, *shape), path, num)
