"""Pictures of the weights of generated networks, and of those trained directly."""

import numpy as np

from ebmjax.report.results import OWN
from ebmjax.viz import weights as viz

MAX_NETWORKS, MAX_FILTERS, MAX_COLUMNS = 3000, 8, 10


def vectors(target, weights, num):
    """{part: vectors `[N, d]`} of the weights of the first `num` networks: all, the first two layers, the last two."""
    flat = lambda leaves: np.concatenate([np.asarray(leaf[:num]).reshape(len(leaf[:num]), -1) for leaf in leaves], 1)
    names = [layer.name for layer in target.layers]  # the dict has another order
    layers = {name: flat(list(weights[name].values())) for name in names}
    ends = dict.fromkeys([*names[:2], *names[-2:]])
    return {"all weights": np.concatenate(list(layers.values()), axis=1)} | {name: layers[name] for name in ends}


def draw_scatter(target, populations, accuracies, path, title):
    """The weights of a hypernetwork's population, coloured by their accuracies, with those trained directly."""
    of = {"generated": vectors(target, populations[OWN], MAX_NETWORKS)}
    if "direct" in populations:
        of["trained directly"] = vectors(target, populations["direct"], MAX_NETWORKS)
    layers = {name: {arm: found[name] for arm, found in of.items()} for name in of["generated"]}
    viz.plot_weight_scatter(layers, np.asarray(accuracies[:MAX_NETWORKS]), path, title)


def first_filters(target, population, shape):
    """Filters `[N, h, w, F]` of the first layer, for the first channel of images; None if `shape` is not an image's."""
    if len(shape) != 3:
        return None
    layer = target.layers[0]
    kernel = np.asarray(population[layer.name]["kernel"][:MAX_COLUMNS])
    if len(layer.shape) == 2:  # a perceptron's units see the whole image
        kernel = kernel.reshape(len(kernel), *shape, layer.num_filters)
    return kernel[:, :, :, 0, :MAX_FILTERS]


def draw_pictures(run, target, populations, accuracies):
    """{path: caption} of the weights in the plane, and of the first layer's filters where examples are images."""
    path = lambda stem: run.workdir / f"{stem}.png"
    draw_scatter(target, populations, accuracies, path("weights"), f"weights of networks for {run.dataset.name}")
    found = {path("weights"): "Weights of generated networks in the plane of their two principal components"}
    filters = first_filters(target, populations[OWN], run.dataset.x_train.shape[1:])
    if filters is not None:
        title = "filters of the first layer: a row for each, a column for each network"
        viz.save_filters(filters, path("filters"), title)
        found[path("filters")] = "The same filters in several generated networks"
    return found
