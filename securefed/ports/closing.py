"""What is open lets go of its files or connections where its `with` ends, however that comes."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Closed at the end of a `with`, or by hand."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of what is open; again is no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
