"""Lines of braille dots: two dots wide and four high in every terminal cell.

Each column of dots is one integer with a bit per row, so that a vertical run of any length costs one operation.
The one rule: rows and columns count dots from the top left; what lies outside is cut off, never an error.
"""

from __future__ import annotations

DOTS_PER_COLUMN, DOTS_PER_ROW = 4, 2
# Bits of a nibble, top dot first, to the bits of a braille character's left and right column.
_LEFT, _RIGHT = (0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80)


def _bits(nibble: int, dots: tuple[int, ...]) -> int:
    return sum(dot for index, dot in enumerate(dots) if nibble & (8 >> index))


# Two hexadecimal digits, the left and the right column of a cell, to a character; a blank where there is no dot.
CHARACTERS = {
    f"{left:x}{right:x}": chr(0x2800 + _bits(left, _LEFT) + _bits(right, _RIGHT)) if left or right else " "
    for left in range(16)
    for right in range(16)
}


class BrailleCanvas:
    """A picture of `width` by `height` cells to draw lines on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.columns, self.rows = width * DOTS_PER_ROW, height * DOTS_PER_COLUMN
        self._masks = [0] * self.columns

    def run(self, column: int, row: float, other_row: float) -> None:
        """A vertical run of dots between two rows, both included."""
        top, bottom = (row, other_row) if row < other_row else (other_row, row)
        # Clamped before they are rounded: a row can be infinite where all values are nearly 0.
        first, last = round(min(max(top, 0.0), self.rows)), round(max(min(bottom, self.rows - 1), -1.0))
        if 0 <= column < self.columns and first <= last:
            self._masks[column] |= ((1 << (last - first + 1)) - 1) << (self.rows - 1 - last)

    def line(self, column: int, row: float, to_column: int, to_row: float, dash: int = 0) -> None:
        """A line without gaps; with `dash`, every other `dash` columns are left out."""
        steps = to_column - column
        if steps <= 0:
            self.run(column, row, to_row)
            return
        slope = (to_row - row) / steps
        reach = slope * 0.499  # half a column: neighbours touch without doubling
        for step in range(steps + 1):
            if dash and (column + step) // dash % 2:
                continue
            middle = row + slope * step
            start = middle - reach if step else middle
            end = middle + reach if step < steps else middle
            self.run(column + step, start, end)

    def lines(self) -> list[str]:
        """The picture, a string of `width` characters for each row of cells."""
        digits = [f"{mask:0{self.height}x}" for mask in self._masks]
        pairs = zip(digits[::2], digits[1::2], strict=True)
        cells = [[CHARACTERS[left + right] for left, right in zip(*pair, strict=True)] for pair in pairs]
        return ["".join(row) for row in zip(*cells, strict=True)] or [""] * self.height
