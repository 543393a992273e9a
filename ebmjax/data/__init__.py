"""Data sets by name, as plain arrays."""

from ebmjax.data.catalog import DataError, Dataset, DataSpec, load, spec, to_float, to_uint8
from ebmjax.data.labelled import with_labels, with_validation

__all__ = ["DataError", "DataSpec", "Dataset", "load", "spec", "to_float", "to_uint8", "with_labels", "with_validation"]
