"""A dataset's record for a public registry of deployments of differential privacy.

After the public form of the OpenDP deployments registry at its third tier, as plain values. Each
field is taken from the ledger, or says that the owner has to fill it in: a registry is read by
people, and an invented purpose would be worse than a gap.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from securefed.domain.identifiers import DatasetId
from securefed.domain.report.subject import DatasetFigures, Subject, steps_of
from securefed.domain.report.wording import listed, small, unit_of
from securefed.domain.rules.speak import shown

# A tree with exact numbers.
Record: TypeAlias = str | int | Decimal | Sequence["Record"] | Mapping[str, "Record"]

TO_FILL = "For the owner to fill in: it is not evidenced."


def deployments(subject: Subject) -> dict[DatasetId, Record]:
    """Each reported dataset's record."""
    return {
        dataset: _record(subject, dataset, subject.figures[dataset])
        for dataset in subject.datasets
        if dataset in subject.figures
    }


def _record(subject: Subject, dataset: DatasetId, figures: DatasetFigures) -> Record:
    site = subject.chronicle.register.site
    return {
        "url_slug": f"{site.site}-{dataset}",
        "deployment": {
            "basic": _basic(subject, dataset),
            "dp_variant": _variant(subject, dataset),
            "privacy_loss": _loss(subject, dataset, figures),
            "deployment_model": _model(subject),
            "accounting": _accounting(figures),
            "implementation": _implementation(figures),
            "administrative": _administrative(subject),
        },
    }


def _basic(subject: Subject, dataset: DatasetId) -> Record:
    card, _ = subject.card(dataset)
    studies = [one for one in subject.approved if one.request.dataset == dataset]
    titles = listed((one.request.study.title for one in studies), "none yet")
    last = subject.chronicle.register.last_at or subject.asked.at
    return {
        "name": card.title,
        "data_curators": [
            {
                "data_curator_name": subject.chronicle.register.site.title,
                "data_curator_type": TO_FILL,
            }
        ],
        "description": f"Federated training of models. Studies: {titles}.",
        "intended_use": listed(card.purposes),
        "data_product_type": "Machine learning model",
        "data_product_region": TO_FILL,
        "data_product_sector": TO_FILL,
        "publication_date": last.date().isoformat(),
    }


def _variant(subject: Subject, dataset: DatasetId) -> Record:
    card, _ = subject.card(dataset)
    columns = ", ".join(f"{one.name} ({one.type})" for one in card.columns)
    return {
        "variant_name": "Approximate DP",
        "data_domain": f"Records with the columns {columns}.",
        "unprotected_quantities": (
            f"{card.records} records of {card.units} units, the sampling rate, the number of steps "
            "and rounds, and when they began and ended."
        ),
    }


def _loss(subject: Subject, dataset: DatasetId, figures: DatasetFigures) -> Record:
    card, _ = subject.card(dataset)
    loss = figures.loss
    return {
        "privacy_unit": f"One {unit_of(card.unit)}",
        "privacy_unit_details": (
            f"Neighbours differ by {loss.adjacency} of one unit. A step uses at most "
            f"{card.unit.bound} records of a unit, clipped together as one contribution."
        ),
        "privacy_parameters": {"epsilon": _epsilon(loss.epsilon), "delta": loss.delta},
        "privacy_parameters_details": (
            f"All that ran, over all studies. Replacing one unit: ε = {shown(loss.replace_one)}. "
            f"Allowed in all: ε = {figures.allowance.epsilon} at δ = "
            f"{small(figures.allowance.delta)}."
        ),
    }


def _model(subject: Subject) -> Record:
    suites = listed((one.request.study.sealing.suite for one in subject.approved), "none yet")
    return {
        "model_name": "Federated, with noise added at each site",
        "model_details": f"Each site adds its own noise. Protection of updates: {suites}.",
        "release_type": "Many releases",
        "release_type_details": "One update, and at times noisy metrics, a round.",
        "data_source_type": "Static",
        "access_type": "Interactive",
        "access_type_details": "Every request is reviewed and approved by its plan's digest.",
    }


def _accounting(figures: DatasetFigures) -> Record:
    return {
        "post_processing": "Sums of updates are opened and averaged; no data are read for it.",
        "composition": (
            f"Admission: a Rényi filter at the fixed order {figures.allowance.order}, over all "
            f"studies and requesters. Report: {figures.loss.accountant}."
        ),
    }


def _implementation(figures: DatasetFigures) -> Record:
    ran = "; ".join(steps_of(one) for one in figures.ran) or "Nothing ran."
    return {
        "preprocessing_and_hyperparameter_tuning": (
            "Every run on real data is charged. Preprocessing outside of the site is not evidenced."
        ),
        "mechanisms": ran,
        "justification": TO_FILL,
        "security": (
            "Runs, walls and versions as approved; see the sections on trust and encryption of "
            "the audit report."
        ),
    }


def _administrative(subject: Subject) -> Record:
    return {
        "evidence_sources": {
            "audit_report": {
                "evidence_source_type": "Signed evidence of the deploying organization",
                "citation": {
                    "title": "evidence.json",
                    "sha256": subject.digest,
                    "year": subject.asked.at.year,
                },
            }
        },
        "notes": f"Written by securefed {subject.asked.version} from a ledger.",
        "status": "Draft",
        "registry_authors": [TO_FILL],
        "tier": 3,
    }


def _epsilon(epsilon: Decimal) -> Decimal | str:
    """Rounded up, as a number; an infinite one is a word."""
    words = shown(epsilon)
    return Decimal(words) if epsilon.is_finite() else words
