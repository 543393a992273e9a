"""Compiled programs, kept between runs."""

import os
from pathlib import Path

import jax


def enable_compilation_cache() -> None:
    """Keep compiled programs between runs, unless JAX_COMPILATION_CACHE_DIR says where (empty: do not)."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path(os.environ.get("EBMJAX_CACHE") or Path.home() / ".cache" / "ebmjax")
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
