"""The workloads that `securefed demo --study NAME` runs, by name."""

from securefed.errors import NotFound
from securefed.wiring.workloads.breast_cancer import BREAST_CANCER
from securefed.wiring.workloads.heart import HEART
from securefed.wiring.workloads.images import IMAGES
from securefed.wiring.workloads.language import LANGUAGE
from securefed.wiring.workloads.multi_task import MULTI_TASK
from securefed.wiring.workloads.recommender import RECOMMENDER
from securefed.wiring.workloads.sentiment import SENTIMENT, SENTIMENT_LORA
from securefed.wiring.workloads.workload import Workload

_ALL = (
    *(BREAST_CANCER, HEART, SENTIMENT, SENTIMENT_LORA),
    *(IMAGES, RECOMMENDER, LANGUAGE, MULTI_TASK),
)
WORKLOADS = {str(one.name): one for one in _ALL}


def workload_named(name: str | None) -> Workload:
    """The workload of a name, or the one that needs no data of anybody's."""
    if name is None:
        return BREAST_CANCER
    if name not in WORKLOADS:
        raise NotFound(f"There is no workload {name!r}", hint=f"There are {', '.join(WORKLOADS)}.")
    return WORKLOADS[name]
