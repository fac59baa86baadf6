# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``primary.xml`` of rpm repositories (createrepo): ``<package type="rpm">`` with name, version, checksum, location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kfuncscope.catalogue.entries import Entry, entry
from kfuncscope.errors import CatalogueError

if TYPE_CHECKING:
    from xml.parsers import expat
else:
    from kfuncscope.deferred import expat

_LONGEST_TEXT = 8192
_LONGEST_TAG = 4 << 20
_SPACE = "http://linux.duke.edu/metadata/common "
_TEXTS = ("name", "arch", "checksum")


def read_primary(pieces: Iterator[bytes], source: str) -> Iterator[Entry]:
    """The packages of an index. Raises InputError where it is not one."""
    reader = _Reader(source)
    for piece in pieces:
        reader.feed(piece)
        yield from reader.taken()
    reader.feed(b"", last=True)
    yield from reader.taken()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[Entry] = []
        self._fields: dict[str, str] | None = None
        self._in = ""
        self._depth = 0
        self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """More of the file."""
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: of an encoding that it declares
            raise CatalogueError(self._source, f"not an index of packages: {error}") from error
        # A tag of a gigabyte would be kept whole, and looked through again with each piece.
        if not last and self._fed - self._parser.CurrentByteIndex > _LONGEST_TAG + len(data):
            raise CatalogueError(self._source, "not an index of packages: a tag is longer than the limit")

    def taken(self) -> list[Entry]:
        """The packages that are whole since the last call."""
        found, self._found = self._found, []
        return found

    def _refuse(self, *_: object) -> None:
        raise CatalogueError(self._source, "not an index of packages: it declares a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and name != f"{_SPACE}metadata":
            raise CatalogueError(self._source, "not an index of packages: it does not begin with <metadata>")
        if self._depth == 2 and name == f"{_SPACE}package":
            self._fields = {"type": attributes.get("type", "")}
        elif self._fields is not None and self._depth == 3 and name.startswith(_SPACE):
            self._child(name[len(_SPACE) :], attributes)

    def _child(self, name: str, attributes: dict[str, str]) -> None:
        assert self._fields is not None
        if name in _TEXTS and (name != "checksum" or attributes.get("type") == "sha256"):
            self._in = name
        elif name == "version":
            told = (attributes.get("ver", ""), attributes.get("rel", ""))
            self._fields["version"] = "-".join(part for part in told if part)
        elif name == "size":
            self._fields["size"] = attributes.get("package", "")
        elif name == "location":
            self._fields["file"] = attributes.get("href", "")

    def _end(self, name: str) -> None:
        if self._depth == 2 and self._fields is not None:
            told = self._fields
            if told["type"] == "rpm":
                words = (told.get(key, "") for key in ("file", "name", "version", "arch", "checksum", "size"))
                self._found.append(entry(*words))
            self._fields = None
        self._in = ""
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._in and self._fields is not None:
            self._fields[self._in] = (self._fields.get(self._in, "") + text)[:_LONGEST_TEXT]
