"""What has not been approved, or no longer is, does not run at a served site."""

import pytest

from securefed.domain.errand import Phase
from securefed.domain.run_order import UPDATE
from tests.site.served_site import ServedSite, tabular

pytestmark = pytest.mark.slow


def test_an_approved_attempt_is_trained_and_fetched(hospital: ServedSite) -> None:
    request = hospital.approved(tabular("plain"))
    standing = hospital.trained(request)
    assert standing.phase is Phase.DONE
    assert [one.file for one in standing.released] == [UPDATE]
