"""Step sizes of a chain's steps on the command line: --config.sampler.prior.step_size="(0.3, 0.2, 0.1)"."""

import ast
import re
from collections.abc import Sequence

from ml_collections import ConfigDict

from ebmjax.training.config import ConfigError, flatten

WORD = re.compile(r"--?config\.((?:\w+\.)*step_size)=(.*)")


def take_step_sizes(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """`argv`, and {field: text} of the fields named step_size that are given; the last word of a field counts.

    A list of numbers is replaced by the number 1 in `argv`, since ml_collections keeps the type of a field.
    """
    rest, found = [], {}
    for word in argv:
        match = WORD.fullmatch(word)
        if match:
            found[match[1]] = match[2]
            word = f"--config.{match[1]}=1" if "," in match[2] else word
        rest.append(word)
    return rest, found


def set_step_sizes(config: ConfigDict, overrides: dict, found: dict[str, str]) -> None:
    """Set the fields `found` in `config` and in `overrides`: a list of numbers is one for each step of a chain.

    Raises ConfigError for text that is no list of numbers, or a list for a field that takes only one number, outside
    the sections sampler.NAME with num_steps.
    """
    for field, text in found.items():
        section = config
        for part in field.split(".")[:-1]:
            section = section[part]
        if "," in text:
            value = _numbers(field, text)
            if not field.startswith("sampler.") or "num_steps" not in section:
                raise ConfigError(
                    f"--config.{field}={text}: this step size is one number; chains of sampler.NAME take a list"
                )
        elif isinstance(flatten(config)[field], tuple):
            value = _numbers(field, f"{text},")[0]
        else:
            continue
        with section.ignore_type():
            section.step_size = value
        overrides[field] = value


def _numbers(field: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError) as error:
        wanted = 'one number, or one for each step, e.g. "(0.3, 0.2, 0.1)"'
        raise ConfigError(f"--config.{field}={text}: a step size is {wanted}") from error
