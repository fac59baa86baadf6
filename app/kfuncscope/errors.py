# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Errors of bad input. Incompatibility is never an error: it is a finding (see model.verdict)."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """An input that cannot be used: which file, where in it, and why.

    ``offset`` is in bytes from the start of the file (or of the named part of it), None where no place applies.
    """

    def __init__(self, source: str, reason: str, offset: int | None = None) -> None:
        self.source = source
        self.reason = reason
        self.offset = offset
        where = f" at offset {offset:#x}" if offset is not None else ""
        super().__init__(f"{source}{where}: {reason}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, int | None]]:
        """Keep the three parts when the error crosses a process boundary."""
        return type(self), (self.source, self.reason, self.offset)


class SeveralInputsError(InputError):
    """Several inputs that cannot be used, so that nothing is left to work on; the first one speaks for all."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        super().__init__(errors[0].source, errors[0].reason, errors[0].offset)
        self.errors = tuple(one for error in errors for one in each(error))

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors))

    def __reduce__(self) -> tuple[type[SeveralInputsError], tuple[tuple[InputError, ...]]]:  # type: ignore[override]
        """Keep all errors when they cross a process boundary."""
        return type(self), (self.errors,)


def all_of(errors: Sequence[InputError]) -> InputError:
    """Errors as one: the only one as it is, else all in one that holds them."""
    return errors[0] if len(errors) == 1 else SeveralInputsError(errors)


def each(error: InputError) -> tuple[InputError, ...]:
    """The single errors that an error holds; itself where it holds no others."""
    return error.errors if isinstance(error, SeveralInputsError) else (error,)


def kept(error: InputError) -> InputError:
    """An error to keep for later, without the frames that it came through: they hold all that was being read."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class BtfError(InputError):
    """BTF or .BTF.ext that breaks the format (rules R-1.x)."""


class ObjectError(InputError):
    """A BPF object file that cannot be read."""


class ArchiveError(InputError):
    """A package or archive that is damaged, hostile or over the limits."""


class ImageError(InputError):
    """A kernel image in which no kernel could be found."""


class KernelError(InputError):
    """Kernel files that do not make a kernel (config, symbols, modules)."""


class KnowledgeError(InputError):
    """A knowledge table or kernel source tree that cannot be used."""


class SessionError(InputError):
    """A session, policy, waiver or promise file that cannot be used."""


class CatalogueError(InputError):
    """A catalogue of packages, or an index of an archive, that cannot be used."""


class UsageError(InputError):
    """A command line that cannot be carried out as it is written."""
