"""Packaging of ebmjax: what it needs, and the extras for accelerators, data preparation and tests."""

from setuptools import find_packages, setup

INSTALL_REQUIRES = [
    "jax>=0.10,<0.13",
    "jaxlib>=0.10,<0.13",
    "flax>=0.12.8",
    "optax>=0.2.8",
    "distrax>=0.1.9",
    "orbax-checkpoint>=0.12.8",
    "ml-collections>=1.1",
    "absl-py>=2.3.1",
    "tensorflow-datasets>=4.9.10",
    "numpy>=2.0",
    "scikit-learn>=1.5",
    "pillow>=10",
    "matplotlib>=3.9",
    "rich>=13",
    "tensorboardX>=2.6",
]

EXTRAS_REQUIRE = {
    "cuda": ["jax[cuda13]>=0.10,<0.13"],
    "tpu": ["jax[tpu]>=0.10,<0.13"],
    "data": ["tensorflow-cpu>=2.20; sys_platform == 'linux'", "importlib_resources"],
    "test": [
        *("pytest>=8", "pytest-xdist>=3.8", "hypothesis>=6", "scipy>=1.13", "blackjax>=1.7", "arviz>=0.23"),
        *("ruff>=0.9", "ty>=0.0.1"),
    ],
}

setup(
    name="ebmjax",
    version="0.1.0",
    description="Energy-based models in JAX: small, exact, fast programs of the papers",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["ebmjax", "ebmjax.*", "experiments", "experiments.*"]),
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
)
