"""The part of FlatBuffers that it takes to read how much data Arrow's metadata claims.

Layout as in https://flatbuffers.dev/internals: a table begins with the signed distance back to its vtable; the vtable holds its
own size, the table's size, and the place of each field within the table, 0 for a field that is absent. A read outside the buffer
raises struct.error. One before its beginning reads other bytes of it: wrong, never unsafe, and Arrow refuses such metadata.
"""

from __future__ import annotations

import struct

U8, I16, I32, U32, I64 = (struct.Struct(form) for form in ("<B", "<h", "<i", "<I", "<q"))
_VTABLE = struct.Struct("<HH")


class Table:
    """A table of `buffer` at `position`; fields go by number, and an absent one has a default."""

    __slots__ = ("buffer", "offsets", "position")

    def __init__(self, buffer: bytes, position: int) -> None:
        vtable = position - I32.unpack_from(buffer, position)[0]
        size, _ = _VTABLE.unpack_from(buffer, vtable)
        self.buffer = buffer
        self.position = position
        self.offsets = struct.unpack_from(f"<{max(size // 2 - 2, 0)}H", buffer, vtable + 4)

    def scalar(self, number: int, form: struct.Struct, default: int = 0) -> int:
        """Return a number."""
        place = self._place(number)
        value: int = form.unpack_from(self.buffer, place)[0] if place else default
        return value

    def table(self, number: int) -> Table | None:
        """Return a table that this one points to, or None."""
        place = self._place(number)
        return Table(self.buffer, place + U32.unpack_from(self.buffer, place)[0]) if place else None

    def pairs(self, number: int) -> tuple[int, ...]:
        """Return a vector of structs of two int64 each, flat."""
        place = self._place(number)
        if not place:
            return ()
        start = place + U32.unpack_from(self.buffer, place)[0]
        count = U32.unpack_from(self.buffer, start)[0]
        # Checked before the format string is made, so that a wild count costs nothing.
        if start + 4 + 16 * count > len(self.buffer):
            raise struct.error(f"a vector of {count} entries ends outside the metadata")
        return struct.unpack_from(f"<{2 * count}q", self.buffer, start + 4)

    def _place(self, number: int) -> int:
        offset = self.offsets[number] if number < len(self.offsets) else 0
        return self.position + offset if offset else 0


def root(buffer: bytes) -> Table:
    """Return the root table of a buffer."""
    return Table(buffer, U32.unpack_from(buffer, 0)[0])
