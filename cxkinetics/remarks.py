"""A remark: one thing that was assumed, converted, masked or doubted, said in the open."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Remark"]


@dataclass(frozen=True, slots=True)
class Remark:
    """One warning that travels with the data or the result.

    Attributes
    ----------
    code : str
        Short, stable, snake_case: for programs ("time_unit_assumed", "outliers_excluded").
    text : str
        One sentence for people, with the numbers in it.
    count : int or None
        How many points it concerns.
    rows : tuple of int
        Which ones: line numbers of the file where known (from 1), else indices (from 0); at most
        the first twenty.
    """

    code: str
    text: str
    count: int | None = None
    rows: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: code and text and, where they apply, count and rows."""
        record: dict[str, Any] = {"code": self.code, "text": self.text}
        if self.count is not None:
            record["count"] = self.count
        if self.rows:
            record["rows"] = list(self.rows)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Remark":
        """Return the remark that `to_dict` wrote."""
        return cls(record["code"], record["text"], record.get("count"), tuple(record.get("rows", ())))

    def __str__(self) -> str:
        return self.text
