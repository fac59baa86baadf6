# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The id sets of a kernel's files: read from its image once, and kept in the cache."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import KernelError
from kfuncscope.kernel.binary.btfids import KfuncSet, sets_in_image
from kfuncscope.kernel.binary.hooksets import HookSets, hook_sets
from kfuncscope.kernel.binary.registration import registered
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles

VERSION = 2
"""Part of the cache key; raised whenever the readers or the stored form change."""


class ImageSets(NamedTuple):
    """Sets of kfuncs, with what the code tells about program types, and sets of LSM hooks."""

    kfuncs: list[KfuncSet]
    hooks: HookSets


def sets_of_kernel(files: KernelFiles, blob: Blob) -> ImageSets:
    """The sets in the kernel's image; none where no image was given.

    Raises InputError when the image cannot be read, KernelError when ``blob`` is not its BTF.
    """
    if files.image is None:
        return ImageSets([], [])
    key = ""
    if files.image_sha256:
        key = f"id-sets:{VERSION}:{files.image_sha256}:{hashlib.sha256(blob.data).hexdigest()}"
        kept = default_cache().get(key)
        if kept is not None and (sets := _unpacked(kept)) is not None:
            return sets
    image = files.image()
    if not _holds(image, blob.data):
        raise KernelError(files.label, "id sets are not read from the image, because its BTF differs")
    kfuncs = registered(image, blob, sets_in_image(image, blob, blob.tags("bpf_kfunc")))
    sets = ImageSets(kfuncs, hook_sets(image, blob))
    if key:
        default_cache().put(key, _packed(sets))
    return sets


def _holds(image: bytes, btf: bytes) -> bool:
    """Whether the image holds the BTF; its head, with the sizes in it, is looked for first, as that is quick."""
    head = btf[:256]
    at = image.find(head)
    while at >= 0:
        if image[at : at + len(btf)] == btf:
            return True
        at = image.find(head, at + 1)
    return False


def _packed(sets: ImageSets) -> bytes:
    rows = []
    for s in sets.kfuncs:
        types = None if s.prog_types is None else sorted(s.prog_types)
        rows.append([s.offset, s.flags, list(s.members.items()), s.name, types, s.filter, s.types_source])
    return json.dumps([rows, [sorted(names) for names in sets.hooks]], separators=(",", ":")).encode()


def _unpacked(kept: bytes) -> ImageSets | None:
    try:
        rows, hooks = json.loads(kept)
        kfuncs = [
            KfuncSet(offset, flags, dict(members), name, None if types is None else frozenset(types), filtered, source)
            for offset, flags, members, name, types, filtered, source in rows
        ]
        return ImageSets(kfuncs, [frozenset(names) for names in hooks])
    except (ValueError, TypeError):
        return None
