"""An error that a site declines with is the same error for whoever asked, and names the site."""

import pytest

from securefed.domain.errand import Declined, answer_text, declined, error_of, read_answer
from securefed.domain.identifiers import Name, Sentence
from securefed.errors import ErrandGarbled, SecurefedError, all_errors


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.code)
def test_every_error_travels(kind: type[SecurefedError]) -> None:
    answer = read_answer(answer_text(declined(kind("It is so", where="round 1"))))
    assert isinstance(answer, Declined)
    found = error_of(answer, "hospital-a")
    assert type(found) is kind
    assert str(found) == "It is so (hospital-a: round 1)"


def test_without_a_place_the_site_is_the_place() -> None:
    assert (
        str(error_of(declined(ErrandGarbled("It is so")), "hospital-a")) == "It is so (hospital-a)"
    )


def test_an_error_that_is_not_known_here_is_none_that_could_mislead() -> None:
    answer = Declined(code=Name("of-a-later-version"), what=Sentence("Run this"), where=None)
    found = error_of(answer, "hospital-a")
    assert type(found) is ErrandGarbled
    assert "Run this" not in str(found)
