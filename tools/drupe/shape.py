# SPDX-License-Identifier: BSD-2-Clause
"""Reads a TOML file and checks it against its shape, so that a mistake in one is a sentence.

A shape is a type (str, int), [shape] for a list, {"*": shape} for a table with any keys, or a table of
the keys themselves; a key with a question mark behind it may be missing."""
import tomllib

from .errors import UserError

_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "a table"}


def load(text: str, where: str, shape: dict) -> dict:
    """The file's content. Throws UserError, `where: what is wrong`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise UserError(f"{where}: {e}") from None
    _check(data, shape, where, "")
    return data


def _check(value, shape, where: str, path: str) -> None:
    kind = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{where}: '{path}' should be {_NAMES[kind]}")
    if kind is str and "\0" in value:
        raise UserError(f"{where}: '{path}' holds a NUL character")
    if isinstance(shape, list):
        for item in value:
            _check(item, shape[0], where, path)
    elif isinstance(shape, dict) and "*" in shape:
        for key, item in value.items():
            _check(item, shape["*"], where, f"{path}.{key}")
    elif isinstance(shape, dict):
        _check_table(value, shape, where, path)


def _check_table(value: dict, shape: dict, where: str, path: str) -> None:
    known = {key.rstrip("?"): inner for key, inner in shape.items()}
    for key, item in value.items():
        if key not in known:
            raise UserError(f"{where}: unknown key '{key}'" + (f" in '{path}'" if path else ""))
        _check(item, known[key], where, f"{path}.{key}" if path else key)
    for key in shape:
        if not key.endswith("?") and key not in value:
            raise UserError(f"{where}: '{path}' needs '{key}'")
