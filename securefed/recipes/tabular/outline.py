"""The short descriptions of columns and targets in a study, read: `age:55:10`, `sex:female|male`.

Raises ValueError with words for the person who wrote the study; settings turn it into an error that
names the parameter.
"""

import math

from securefed.recipes.tabular.inputs import CategoryInput, NumberInput, TruthInput
from securefed.recipes.tabular.targets import BinaryTarget, ClassTarget, RangeTarget, Target


def number_input(text: str, limit: float) -> NumberInput:
    """`name:centre:scale`."""
    name, *rest = _parts(text, 3, "name:centre:scale")
    centre, scale = (_number(part, text) for part in rest)
    if scale <= 0:
        raise ValueError(f"{text!r} has a scale that is not above zero")
    return NumberInput(name=name, centre=centre, scale=scale, limit=limit)


def category_input(text: str) -> CategoryInput:
    """`name:word|word`."""
    name, words = _parts(text, 2, "name:word|word")
    return CategoryInput(name=name, words=words_in(words))


def truth_input(text: str) -> TruthInput:
    """`name`."""
    (name,) = _parts(text, 1, "a column's name alone")
    return TruthInput(name=name)


def words_in(text: str) -> tuple[str, ...]:
    """`word|word`, each once."""
    return _distinct(tuple(word.strip() for word in text.split("|")))


def target_of_classes(classes: tuple[str, ...]) -> Target:
    """One of two words, or of several."""
    if len(_distinct(classes)) < 2:
        raise ValueError("there are at least two classes")
    if len(classes) == 2:
        return BinaryTarget(classes=classes)
    return ClassTarget(classes=classes)


def target_in_range(low: float, high: float) -> RangeTarget:
    """A number between two."""
    if not low < high:
        raise ValueError("the low end of a range is below its high end")
    return RangeTarget(low=low, high=high)


def target_in_words(text: str) -> Target:
    """`word|word` for classes, `low..high` for a range."""
    if ".." in text:
        low, _, high = text.partition("..")
        return target_in_range(_number(low, text), _number(high, text))
    return target_of_classes(words_in(text))


def _parts(text: str, count: int, form: str) -> list[str]:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != count or not all(parts):
        raise ValueError(f"{text!r} is not {form}")
    return parts


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{whole!r} has something else where a number belongs") from None
    if not math.isfinite(number):
        raise ValueError(f"{whole!r} has a number that is not finite")
    return number


def _distinct(words: tuple[str, ...]) -> tuple[str, ...]:
    if not all(words) or len(set(words)) != len(words):
        raise ValueError("a word is empty or stands twice")
    return words
