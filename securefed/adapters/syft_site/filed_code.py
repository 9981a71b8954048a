"""Whether code that somebody submitted to PySyft is the function of their own request, exactly.

PySyft runs what it made of a submission, not what was submitted: argument names become source text,
policies decide what the function is given, and other code may be nested in it. So everything that
takes part in a run is compared with what this site would have written itself.
"""

from collections.abc import Mapping
from typing import Any

from securefed.adapters.syft_site.approved import ARGUMENTS, function_name, read_source
from securefed.adapters.syft_site.pysyft import (
    UID,
    Datasite,
    Matches,
    MixedInputPolicy,
    SingleExecutionExactOutput,
    UserCode,
    UserOwned,
    parse_user_code,
)
from securefed.domain.identifiers import DatasetId, SiteId
from securefed.domain.request import SignedRequest
from securefed.errors import ErrandGarbled, NotAllowedHere


def request_in(
    code: UserCode, datasite: Datasite, site: SiteId, references: Mapping[UID, DatasetId]
) -> SignedRequest:
    """The request whose function this is, or the error why it is none."""
    signed = read_source(code.raw_code)
    request = signed.request
    if f"ed25519:{code.user_verify_key}" != request.requester_key:
        raise NotAllowedHere("The request was signed by somebody else")
    if request.site != site:
        raise NotAllowedHere(f"The request is for {request.site}")
    if _made_of(code) != _made_by_us(code, function_name(request.request)):
        raise ErrandGarbled("What PySyft made of the code is not the function of its request")
    rules = code.input_policy_init_kwargs or {}
    identities = [(one.server_id, one.verify_key) for one in rules]
    if identities != [(datasite.id, datasite.verify_key)]:
        raise ErrandGarbled("The code's inputs are not those of this site")
    (given,) = rules.values()
    _check_inputs(given, request.dataset, references)
    return signed


def _made_of(code: UserCode) -> tuple[Any, ...]:
    return (
        code.service_func_name,
        code.parsed_code,
        tuple(code.input_kwargs),
        tuple(code.signature.parameters),
        code.input_policy_type,
        code.output_policy_type,
        # Whoever else may read what comes out would stand here.
        set(code.output_policy_init_kwargs or {}),
        bool(code.nested_codes),
        code.uses_datasite,
    )


def _made_by_us(code: UserCode, name: str) -> tuple[Any, ...]:
    parsed = parse_user_code(
        raw_code=code.raw_code,
        func_name=f"user_func_{name}_{code.user_verify_key}_{code.code_hash}",
        original_func_name=name,
        function_input_kwargs=list(ARGUMENTS),
    )
    policies = (MixedInputPolicy, SingleExecutionExactOutput)
    return (name, parsed, ARGUMENTS, ARGUMENTS, *policies, {"id"}, False, False)


def _check_inputs(given: object, dataset: DatasetId, references: Mapping[UID, DatasetId]) -> None:
    if type(given) is not dict or given.keys() != set(ARGUMENTS):
        raise ErrandGarbled("The code takes other inputs than a request's function")
    ref, payload = (given[one] for one in ARGUMENTS)
    if type(ref) is not Matches or references.get(ref.val) != dataset:
        raise ErrandGarbled("The code is not about the dataset that its request names")
    if type(payload) is not UserOwned or payload.type is not dict:
        raise ErrandGarbled("The code takes other inputs than a request's function")
