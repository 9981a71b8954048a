"""Verifies evidence from `securefed audit evidence`, with PyNaCl and without securefed.

    python verify_evidence.py evidence.json [NAME=ed25519:KEY …] [CHECKPOINT …]

Bring the keys of sites, custodians and the gatherer, and co-signed checkpoints, from elsewhere:
what is not brought is the document's own word. It ends with 6 at the first thing that is wrong.

Checked are form, signatures, chains, checkpoints, who decided, plans and their digests, tokens,
steps, self-tests, openings, and that each ε lies between two bounds that are computed here: from
above the Rényi bound, from below what two tests on the outputs tell, which is three quarters of ε
or nearly so where steps are alike. A wrong ε between the two stays unnoticed; so does what a site's
policy or budget forbade. `securefed audit verify` looks at both.
"""

import base64
import hashlib
import json
import math
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

NOTHING = "sha256:" + "0" * 64
# What malformed content raises, besides what is found wrong here.
WRONG = (
    ArithmeticError,
    AttributeError,
    CryptoError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
ORDERS = (*range(2, 65), 72, 80, 96, 112, 128, 160, 192, 256, 384, 512)
IDLE = {"calls-refused", "opening-refused", "canary-tried"}
KINDS = {"site-founded", "decided", "request-closed"}  # what a plan rests on


def expect(right, what):
    if not right:
        raise ValueError(what)


def prefixed(kind, value):
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"securefed/v1/{kind}\n{text}".encode()


def digest(kind, value):
    return "sha256:" + hashlib.sha256(prefixed(kind, value)).hexdigest()


def check_signature(key, data, signature):
    VerifyKey(bytes.fromhex(key.removeprefix("ed25519:"))).verify(data, bytes.fromhex(signature))


def plain(text):
    def refuse(number):
        raise ValueError(f"the float {number}")

    value = json.loads(text, parse_float=refuse, parse_constant=refuse)
    expect(prefixed("", value) == b"securefed/v1/\n" + text.encode(), "not in canonical form")
    return value


# --- a party's chain and checkpoints -------------------------------------------------------------


def chain(part):
    """Each entry with the hash of it, once its place and its signature are right."""
    owner, before, at = part["party"], NOTHING, ""
    for index, row in enumerate(part["entries"]):
        data = b"securefed/v1/ledger-entry\n" + row["entry"].encode()
        check_signature(part["key"], data, row["signature"])
        entry = plain(row["entry"])
        place = (entry["format_version"], entry[owner], entry["index"], entry["previous"])
        expect(place == (1, part["name"], index, before), f"entry {index} is out of its place")
        expect(at <= entry["at"], f"entry {index} is older than the one before")
        before, at = "sha256:" + hashlib.sha256(data).hexdigest(), entry["at"]
        founding = entry["event"]["kind"] in ("site-founded", "custody-founded")
        expect(founding == (index == 0), "a ledger is founded once, at its begin")
        yield entry, before


def about(part, notes):
    """Those of these checkpoints that are of a part's ledger."""
    found = [(note, note.partition("\n\n")[0].split("\n")) for note in notes]
    expect(all(len(lines) == 3 for _, lines in found), "a checkpoint has three lines")
    return [note for note, lines in found if lines[0] == f"securefed.ledger/{part['name']}"]


def is_by(part, note):
    text, _, below = note.partition("\n\n")
    for line in below.splitlines():
        who, blob = line.split(" ")[1:]
        if who == f"securefed.ledger/{part['name']}":
            try:
                signature = base64.b64decode(blob, validate=True)[4:].hex()
                check_signature(part["key"], text.encode() + b"\n", signature)
                return True
            except WRONG:
                continue
    return False


def check_note(note, part, hashes, keys):
    text, _, below = note.partition("\n\n")
    origin, size, last = text.split("\n")
    name, known = part["name"], {f"securefed.cosigner/{who}": key for who, key in keys.items()}
    known[f"securefed.ledger/{name}"] = part["key"]
    expect(origin == f"securefed.ledger/{name}", f"a checkpoint is not of {name}")
    lines = [line.split(" ") for line in below.splitlines()]
    expect(origin in [line[1] for line in lines], "a checkpoint is not signed by its party")
    for dash, who, blob in lines:
        expect(dash == "—" and who in known, f"nobody knows the key of {who}")
        raw, key = base64.b64decode(blob, validate=True), bytes.fromhex(known[who][8:])
        hint = hashlib.sha256(who.encode() + b"\n\x01" + key).digest()[:4]
        expect(raw[:4] == hint, f"a checkpoint has another key of {who}")
        check_signature(known[who], text.encode() + b"\n", raw[4:].hex())
    wanted = "sha256:" + base64.b64decode(last, validate=True).hex()
    expect(
        hashes[int(size) : int(size) + 1] == [wanted], f"a checkpoint of {size} is not contained"
    )


# --- ε, between two bounds ------------------------------------------------------------------------


def log_sum(terms):
    most = max(terms)
    return most + math.log(math.fsum(math.exp(term - most) for term in terms))


def divergence(rate, noise, order):
    """Of one Gaussian step on a Poisson sample, add/remove (Mironov, Talwar, Zhang 2019)."""
    if rate == 1:
        return order / (2 * noise**2)
    ways = (
        math.log(math.comb(order, k))
        + k * math.log(rate)
        + (order - k) * math.log1p(-rate)
        + k * (k - 1) / (2 * noise**2)
        for k in range(order + 1)
    )
    return max(0.0, log_sum(list(ways))) / (order - 1)


def upper(work, delta):
    """The least ε over all orders (Canonne, Kamath, Steinke 2020)."""
    return min(
        sum(divergence(*step, order) * times for step, times in work.items())
        + math.log1p(-1 / order)
        - math.log(delta * order) / (order - 1)
        for order in ORDERS
    )


def tail(x):
    return math.erfc(x / math.sqrt(2)) / 2


def told(there, chance, delta):
    """For any test: without the unit it is passed by `chance`, with it by `there`."""
    return math.log((there - delta) / chance) if there > delta and chance > 0 else 0.0


def by_largest(rate, noise, times, delta):
    """What one test tells: whether the largest output exceeds a bound."""
    best = 0.0
    for bound in (noise * (place / 40 - 1) + 0.5 for place in range(400)):
        chance = tail(bound / noise)
        there = (1 - rate) * chance + rate * tail((bound - 1) / noise)
        some = (-math.expm1(times * math.log1p(-one)) for one in (there, chance))
        best = max(best, told(*some, delta))
    return best


def by_sum(rate, noise, times, delta):
    """What another tells: whether the outputs' sum, which each draw of the unit moves, does."""
    mean, spread, wide = times * rate, math.sqrt(times * rate * (1 - rate)), noise * times**0.5
    span = range(max(0, int(mean - 12 * spread - 40)), min(times, int(mean + 12 * spread + 40)) + 1)
    drawn = (
        {times: 1.0}
        if rate == 1
        else {
            k: math.exp(
                math.lgamma(times + 1)
                - math.lgamma(k + 1)
                - math.lgamma(times - k + 1)
                + k * math.log(rate)
                + (times - k) * math.log1p(-rate)
            )
            for k in span
        }
    )
    best = 0.0
    for place in range(100):
        bound = mean + (place / 10 - 2) * math.hypot(wide, spread)
        there = sum(share * tail((bound - k) / wide) for k, share in drawn.items())
        best = max(best, told(there, tail(bound / wide), delta))
    return best


def lower(work, delta):
    """ε is at least log((Q - δ)/P) for any test; and of all steps at least that of some."""
    found = [test(*step, n, delta) for step, n in work.items() for test in (by_largest, by_sum)]
    return max(found, default=0.0)


def check_loss(stated, work, delta, what, memory):
    expect(stated["delta"] == delta and stated["adjacency"] == "add-remove", f"{what}: δ")
    case = (frozenset(work.items()), delta)
    if case not in memory:
        memory[case] = (
            (upper(work, float(delta)), lower(work, float(delta))) if work else (0.0, 0.0)
        )
    most, least = memory[case]
    tight, bound, replaced = (float(stated[k]) for k in ("epsilon", "upper_bound", "replace_one"))
    expect(least - 1e-4 <= tight, f"{what}: ε is smaller than what ran tells")
    expect(tight <= bound <= max(0.0, most) * 1.0001 + 1e-5, f"{what}: ε is above its bound")
    expect(tight <= replaced, f"{what}: ε under replacing one")


# --- a site --------------------------------------------------------------------------------------


class Site:
    """What a site's entries amount to; only what is checked here."""

    def __init__(self, part, memory):
        self.name, self.key, self.memory = part["name"], part["key"], memory
        self.accounts, self.cards, self.deltas, self.requests = {}, {}, {}, {}
        self.rounds, self.tokens, self.policy, self.paused = {}, set(), None, False
        self.material, self.hashes = [(0, NOTHING, None)], [NOTHING]
        for entry, found in chain(part):
            event, self.at = entry["event"], entry["at"]
            approves = self.act(event) if event["kind"] not in IDLE else None
            self.hashes.append(found)
            if event["kind"] in KINDS:
                self.material.append((len(self.hashes) - 1, found, approves))
        for figure, (dataset, study) in zip(part["figures"], self.stated(part), strict=True):
            expect((figure["dataset"], figure["study"]) == (dataset, study), "a figure is missing")
            done = [one for one in self.requests.values() if study in (None, one["study"]["study"])]
            work = self.ran([one for one in done if one["part"]["dataset"] == dataset])
            check_loss(figure["loss"], work, self.deltas[dataset], f"{dataset}, {study}", memory)

    def stated(self, part):
        for dataset in sorted(self.deltas):
            mine = [one for one in self.requests.values() if one["part"]["dataset"] == dataset]
            studies = {one["study"]["study"] for one in mine if one["plan"]}
            wanted = part["study"]
            yield from (
                (dataset, one)
                for one in [None, *sorted(studies)]
                if wanted in (None, one) or one is None
            )

    def act(self, event):
        match event["kind"]:
            case "site-founded":
                expect(
                    (event["site"]["site"], event["site"]["key"]) == (self.name, self.key), "site"
                )
                self.admit(event["owner"])
            case "decided":
                return self.decide(event["decided"]["decision"], event["decided"]["signature"])
            case "request-filed":
                self.file(event["filed"]["request"], event["filed"]["signature"])
            case "request-closed":
                self.close(self.requests[event["request"]], event["state"])
            case "protection-tested":
                self.keep(event["id"], **event["tested"])
            case kind:
                self.move(kind, event)
        return None

    def admit(self, account):
        expect(account["account"] not in self.accounts, "an account's name is given twice")
        expect(account["key"] not in [a["key"] for a in self.accounts.values()], "a key twice")
        self.accounts[account["account"]] = dict(account)

    def decide(self, decision, signature):
        account, kind = self.accounts[decision["by"]], decision["kind"]
        check_signature(account["key"], prefixed("decision", decision), signature)
        expect(decision["site"] == self.name and decision["at"] <= self.at, "a decision's place")
        able = {"owner", "reviewer"} if kind in ("approval", "denial", "revocation") else {"owner"}
        expect(
            able & set(account["roles"]) and "suspended" not in account, "nobody may decide this"
        )
        match kind:
            case "approval":
                return self.approve(decision, account)
            case "denial" | "revocation":
                self.close(self.requests[decision["request"]], kind)
            case "allowance-grant":
                self.deltas[decision["allowance"]["dataset"]] = decision["allowance"]["delta"]
            case "policy-adoption":
                self.policy = decision["policy"]
            case "account-admission":
                self.admit(decision["account"])
            case "account-suspension":
                self.accounts[decision["account"]]["suspended"] = True
            case "data-registration":
                self.cards[decision["card"]["dataset"]] = decision["card"]
            case "data-erasure":
                del self.cards[decision["dataset"]]
                for one in self.requests.values():
                    if one["part"]["dataset"] == decision["dataset"] and not one["closed"]:
                        self.close(one, kind)
            case "site-pause" | "site-resumption":
                expect(self.paused != (kind == "site-pause"), "paused or resumed twice")
                self.paused = kind == "site-pause"
            case _:
                raise ValueError(f"unknown decision {kind}")
        return None

    def file(self, request, signature):
        account, name = self.accounts[request["requester"]], digest("code-request", request)
        expect(account["key"] == request["requester_key"], "a request has another's key")
        check_signature(account["key"], prefixed("code-request", request), signature)
        expect(request["site"] == self.name and "suspended" not in account, "a request's place")
        [part] = [p for p in request["study"]["participants"] if p["site"] == self.name]
        check_votes(request["study"].get("fusion"), part["training"])
        known = {**request, "part": part, "plan": None, "approvals": set(), "closed": ""}
        expect(self.requests.setdefault("cr-" + name[7:19], known) is known, "filed twice")
        known["asked"], known["name"] = request, "cr-" + name[7:19]

    def approve(self, approval, account):
        plan, one = approval["plan"], self.requests[approval["request"]]
        expect(plan["request"] == one["asked"] and not one["closed"], "a plan for another request")
        expect(digest("review-plan", plan) == approval["plan_digest"], "a plan's digest")
        expect(plan["policy_digest"] == digest("policy", self.policy), "a plan's policy")
        expect(plan["card"] == self.cards[one["part"]["dataset"]], "a plan's data card")
        expect(account["key"] != one["requester_key"] and not one["plan"], "who approved what")
        basis = [m for m in self.material if m[2] != one["name"]][-1]
        expect((plan["basis"]["size"], plan["basis"]["hash"]) == basis[:2], "a plan is stale")
        expect(plan["verdict"] != "refuse" and self.at < one["expires_at"], "refused or too late")
        delta, mine = self.deltas[one["part"]["dataset"]], self.whole(one)
        beside = [
            o
            for o in self.requests.values()
            if o["plan"] and o["part"]["dataset"] == one["part"]["dataset"]
        ]
        own = [o for o in beside if o["requester"] == one["requester"]]
        for key, others in (("loss", []), ("dataset_loss", beside), ("requester_loss", own)):
            work = mine + sum((self.held(o) for o in others), Counter())
            check_loss(plan[key], work, delta, f"{one['name']}, {key}", self.memory)
        expect((approval["plan_digest"], account["key"]) not in one["approvals"], "approved twice")
        one["approvals"].add((approval["plan_digest"], account["key"]))
        agreed = [a for a in one["approvals"] if a[0] == approval["plan_digest"]]
        if len(agreed) >= plan["reviewers"]:
            one["plan"] = plan
        return one["name"]

    def close(self, one, how):
        expect(not one["closed"], "closed twice")
        one["closed"] = how
        for attempt in self.attempts(one):
            if attempt["state"] in ("reserved", "running"):
                attempt["state"] = "aborted" if attempt["charged"] else "refunded"

    def attempts(self, one):
        return [attempt for id, attempt in self.rounds.items() if id[0] == one["name"]]

    def move(self, kind, event):
        id = (event["id"]["request"], event["id"]["round"], event["id"]["attempt"])
        one, study = self.requests[id[0]], self.requests[id[0]]["study"]
        expect(one["plan"] and not one["closed"], f"{id}: not approved, or closed")
        if kind == "round-reserved":
            expect(self.at < one["expires_at"] and not self.paused, f"{id}: too late, or paused")
            expect(one["plan"]["card"] == self.cards[one["part"]["dataset"]], f"{id}: other data")
            expect(event["token"] not in self.tokens and id not in self.rounds, f"{id}: again")
            used = [a for a in self.attempts(one) if a["state"] != "refunded"]
            expect(len(used) < study["rounds"] + study["spare_attempts"], f"{id}: none is left")
            same = [a["state"] for i, a in self.rounds.items() if i[:2] == id[:2]]
            expect(not {"reserved", "running", "committed"} & set(same), f"{id}: another runs")
            expect(1 <= id[1] <= study["rounds"], f"{id}: no such round")
            self.tokens.add(event["token"])
            self.rounds[id] = {"state": "reserved", "charged": 0, "proof": None}
            return
        attempt = self.rounds[id]
        wanted = {
            "steps-authorised": ("reserved", "running"),
            "round-committed": ("running",),
            "round-aborted": ("running",),
            "round-refunded": ("reserved",),
        }[kind]
        expect(attempt["state"] in wanted, f"{id} is {attempt['state']}")
        attempt["state"] = "running" if kind == "steps-authorised" else kind.removeprefix("round-")
        if kind == "steps-authorised":
            most = one["part"]["training"]["steps"]
            expect(attempt["charged"] < event["up_to"] <= most, f"{id}: steps")
            expect(self.at < one["expires_at"], f"{id}: steps after the approval's end")
            attempt["charged"] = event["up_to"]
        if kind == "round-committed":
            expect(event["steps_run"] == attempt["charged"] and event["released"], f"{id}: steps")
            sealing, proof = study["sealing"], attempt["proof"]
            if sealing["suite"] != "none":
                expect(proof and all(r["passed"] for r in proof["results"]), f"{id}: self-test")
                expect(proof["coordinator"] == sealing["coordinator"], f"{id}: coordinator")

    def keep(self, id, proof, signature):
        attempt = self.rounds[id["request"], id["round"], id["attempt"]]
        check_signature(proof["coordinator"], prefixed("protection-proof", proof), signature)
        study = self.requests[id["request"]]["study"]["study"]
        expect(
            (proof["study"], proof["round"]) == (study, id["round"]), "another round's self-test"
        )
        expect(len(proof["results"]) == 5 and not attempt["proof"], "a self-test lacks checks")
        expect(attempt["state"] in ("reserved", "running"), "a self-test after the round")
        attempt["proof"] = proof

    def whole(self, one):
        """All that an approval allows."""
        times = one["study"]["rounds"] + one["study"]["spare_attempts"]
        return steps_of(one["part"], one["part"]["training"]["steps"] * times, times)

    def held(self, one):
        return self.ran([one]) if one["closed"] else self.whole(one)

    def ran(self, requests):
        work = Counter()
        for one in requests:
            for attempt in self.attempts(one):
                if attempt["charged"]:
                    work += steps_of(one["part"], attempt["charged"], 1)
        return work


def check_votes(fusion, training):
    """One unit changes a vote on each public record: two counts, each by one."""
    if fusion:
        once = (Fraction(training["sampling_rate"]), training["steps"]) == (1, 1)
        covers = Fraction(training["clip"]) ** 2 >= 2 * fusion["records"]
        expect(once and covers, "a step that does not cover its votes")


def steps_of(part, steps, releases):
    training, metrics = part["training"], part["metrics"]
    expect(training["sampling"] == "poisson", "no rule for this sampling")
    work = Counter({(float(training["sampling_rate"]), float(training["noise_multiplier"])): steps})
    if metrics:
        work[1.0, float(metrics["noise_multiplier"])] += metrics["releases"] * releases
    return work


# --- custodians, and the rounds that all have in common ------------------------------------------


class Log:
    """What a custodian's entries amount to."""

    def __init__(self, part):
        self.name, self.key, self.studies, self.hashes = part["name"], part["key"], {}, [NOTHING]
        for entry, found in chain(part):
            self.hashes.append(found)
            self.act(entry["event"])

    def act(self, event):
        match event["kind"]:
            case "custody-founded":
                expect((event["custodian"], event["key"]) == (self.name, self.key), "custodian")
            case "study-registered":
                registration = event["registration"]
                known = {"asked": registration, "opened": {}, "failed": [], "ended": False}
                expect(self.studies.setdefault(registration["study"], known) is known, "again")
                self.card(event["made"])
            case "study-key-rotated":
                self.card(event["made"])
            case "study-keys-destroyed":
                self.studies[event["study"]]["ended"] = True
            case "round-opened":
                study, number = self.studies[event["turn"]["study"]], event["turn"]["round"]
                before = study["opened"].get(number)
                again = before is not None and before["turn"] not in study["failed"]
                expect(not again and not study["ended"], f"round {number} was opened twice")
                expect(len(event["sites"]) >= study["asked"]["quorum"], "below the quorum")
                study["opened"][number] = event
            case "opening-failed":
                self.studies[event["turn"]["study"]]["failed"].append(event["turn"])
            case kind:
                expect(kind in IDLE, f"unknown kind {kind}")

    def card(self, made):
        expect((made["card"]["custodian"], made["card"]["signer"]) == (self.name, self.key), "card")
        check_signature(self.key, prefixed("key-card", made["card"]), made["signature"])


def check_openings(study, sites, logs, *, whole):
    committed = {}
    for site in sites.values():
        for id, attempt in site.rounds.items():
            asked = site.requests[id[0]]["study"]
            if asked["study"] == study and attempt["state"] == "committed" and attempt["proof"]:
                proof = attempt["proof"]
                committed.setdefault(site.name, []).append(
                    (proof["round"], proof["attempt"], proof["seal"])
                )
                missing = set(asked["sealing"]["custodians"]) - {log.key for log in logs}
                expect(not (whole and missing), "a custodian's log is not shown")
    first = {}
    for log in (log for log in logs if study in log.studies):
        custody = log.studies[study]
        for one in custody["asked"]["sites"]:
            shown = sites.get(one["site"])
            expect(shown is None or shown.key == one["key"], f"{one['site']} has another key")
        for number, opened in custody["opened"].items():
            turn = opened["turn"]
            if turn in custody["failed"]:
                continue
            same = first.setdefault(number, opened)
            keys = ("seal", "roster", "sites")
            expect(all(same[k] == opened[k] for k in keys), f"round {number}: custodians differ")
            for name in opened["sites"]:
                seal = (turn["round"], turn["attempt"], opened["seal"])
                expect(name in sites or not whole, f"round {number}: {name} is not shown")
                fits = name not in sites or seal in committed.get(name, [])
                expect(fits, f"round {number} was opened for {name}, which did not commit it")


def verify(data, known, held):
    """Raises at the first thing that is wrong; else says what was verified."""
    document = plain(data.decode())
    evidence, parts = document["evidence"], [one["part"] for one in document["evidence"]["parts"]]
    expect(set(document) == {"evidence", "signature"} and parts, "not a document of this format")
    by, memory = evidence["by"], {}
    check_signature(by["key"], prefixed("evidence", evidence), document["signature"])
    keys = dict(known)
    for one in (by, *evidence["witnesses"], *parts):
        expect(keys.setdefault(one["name"], one["key"]) == one["key"], f"{one['name']}: two keys")
    names = [(part["party"], part["name"]) for part in parts]
    expect(names == sorted(set(names)), "a part stands there twice")
    for one in evidence["parts"]:
        check_signature(
            one["part"]["key"], prefixed("evidence-part", one["part"]), one["signature"]
        )
        expect(one["part"]["study"] == evidence["study"], "a part was made for another study")
        expect({evidence["format_version"], one["part"]["format_version"]} == {1}, "format")
    sites = {part["name"]: Site(part, memory) for part in parts if part["party"] == "site"}
    logs = [Log(part) for part in parts if part["party"] == "custodian"]
    chains = {("site", one.name): one.hashes for one in sites.values()}
    chains |= {("custodian", log.name): log.hashes for log in logs}
    for part in parts:
        own, seen = about(part, part["notes"]), about(part, held)
        for other in parts:
            # What others saw, as far as it is signed with this one's key.
            if other["name"] != part["name"]:
                seen += [note for note in about(part, other["notes"]) if is_by(part, note)]
        expect(own, f"{part['name']} shows no checkpoint")
        for note in (*own, *seen):
            check_note(note, part, chains[part["party"], part["name"]], keys)
    studies = {one["study"]["study"] for site in sites.values() for one in site.requests.values()}
    for study in [evidence["study"]] if evidence["study"] else sorted(studies):
        check_openings(study, sites, logs, whole=bool(evidence["study"]))
    unknown = sorted(keys.keys() - known.keys())
    told = f"; not brought, so the document's own word: {', '.join(unknown)}" if unknown else ""
    return f"{len(sites)} sites and {len(logs)} custodians verify{told}"


if __name__ == "__main__":
    pairs = dict(word.split("=", 1) for word in sys.argv[2:] if "=ed25519:" in word)
    notes = [Path(word).read_text("utf-8") for word in sys.argv[2:] if "=ed25519:" not in word]
    try:
        print(verify(Path(sys.argv[1]).read_bytes(), pairs, notes))
    except WRONG as bad:
        print(f"does not verify: {type(bad).__name__}: {bad}")
        sys.exit(6)
