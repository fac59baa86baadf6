# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel's image tells: read from it once, and kept in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import KernelError
from kfuncscope.kernel.binary.btfids import KfuncSet, sets_in_image
from kfuncscope.kernel.binary.hooksets import HookSets, hook_sets
from kfuncscope.kernel.binary.null_args import NullMasks, null_args
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles

VERSION = 5
"""Part of the cache key; raised whenever the readers or the stored form change."""


class ImageFacts(NamedTuple):
    """Sets of kfuncs, with what the code tells about program types; sets of LSM hooks; and the list of tracepoint
    arguments that may be NULL, None where the image has none."""

    kfuncs: list[KfuncSet]
    hooks: HookSets
    null_args: NullMasks | None


NOTHING = ImageFacts([], [], None)


def image_facts(files: KernelFiles, blob: Blob, likely: Iterable[str]) -> ImageFacts:
    """What the kernel's image tells; nothing where no image was given. ``likely``: see ``null_args``.

    Raises InputError when the image cannot be read, KernelError when ``blob`` is not its BTF.
    """
    if files.image is None:
        return NOTHING
    if told := files.facts.get("image"):
        if (facts := _unpacked(told())) is None:
            raise KernelError(files.label, "packed by another version of kfuncscope; pack the kernel again")
        return facts
    key = ""
    if files.image_sha256:
        key = f"id-sets:{VERSION}:{files.image_sha256}:{hashlib.sha256(blob.data).hexdigest()}"
        kept = default_cache().get(key)
        if kept is not None and (facts := _unpacked(kept)) is not None:
            return facts
    from kfuncscope.kernel.binary.registration import registered  # with the decoder of x86: loaded for images alone

    image = files.image()
    if not _holds(image, blob.data):
        raise KernelError(files.label, "id sets are not read from the image, because its BTF differs")
    kfuncs = registered(image, blob, sets_in_image(image, blob, blob.tags("bpf_kfunc")))
    facts = ImageFacts(kfuncs, hook_sets(image, blob), null_args(image, blob, likely))
    if key:
        default_cache().put(key, _packed(facts))
    return facts


def _holds(image: bytes, btf: bytes) -> bool:
    """Whether the image holds the BTF; its head, with the sizes in it, is looked for first, as that is quick."""
    head = btf[:256]
    at = image.find(head)
    while at >= 0:
        if image[at : at + len(btf)] == btf:
            return True
        at = image.find(head, at + 1)
    return False


def _packed(facts: ImageFacts) -> bytes:
    rows = []
    for s in facts.kfuncs:
        types = None if s.prog_types is None else sorted(s.prog_types)
        rows.append([s.offset, s.flags, list(s.members.items()), s.name, types, s.filter, s.types_source])
    null = None if facts.null_args is None else {name: sorted(args) for name, args in facts.null_args.items()}
    return json.dumps([rows, [sorted(names) for names in facts.hooks], null], separators=(",", ":")).encode()


_Sets = list[tuple[int, int, list[tuple[int, int]], str, list[str] | None, bool, str]]
_Form = tuple[_Sets, list[frozenset[str]], dict[str, frozenset[int]] | None]


def _unpacked(kept: bytes) -> ImageFacts | None:
    try:
        rows, hooks, masks = msgspec.json.decode(kept, type=_Form)
    except msgspec.MsgspecError:
        return None
    kfuncs = [
        KfuncSet(offset, flags, dict(members), name, None if types is None else frozenset(types), filtered, source)
        for offset, flags, members, name, types, filtered, source in rows
    ]
    return ImageFacts(kfuncs, hooks, masks)


def told(files: KernelFiles, blob: Blob, likely: Iterable[str]) -> bytes:
    """``image_facts`` as bytes, for a pack of the kernel. Raises InputError."""
    return _packed(image_facts(files, blob, likely))
