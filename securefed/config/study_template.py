"""The `study.toml` that `securefed study new` writes: complete, commented, and valid as it is.

It is the mock study over the three example sites in `sites/`, so it can be planned before a line of
it is changed. `sites/study.toml` is this text, and a test says so.
"""

import json

from securefed.domain.identifiers import Line, StudyId

_TEMPLATE = """\
# A study: what is trained, where, and under which protection. Each site receives it as a request,
# with everything in it resolved, and approves exactly that.

title = @title@
name = @name@    # the same at every site
purpose = "readmission-research"    # must be among the purposes on each site's data card

[recipe]
name = "tabular"
version = "1.0.0"
# own_code = "my_model.py"             # code of your own: its digest is approved, people read it

# docs/recipes.md lists every parameter. Ranges are public knowledge, not taken from the data.
[recipe.parameters]
target = "readmitted"
numeric = [                            # each as name:centre:scale
    "age:65:15", "systolic:130:20", "creatinine:1:0.5",
    "prior_admissions:1:2", "length_of_stay:5:5",
]
categorical = ["sex:female|male|*"]    # any other word counts as the third
boolean = ["emergency"]
learning_rate = 0.5
average = true                         # the mean over a round's steps: less noise, no cost

[model]
family = "logistic"
parameters = 10                        # trained parameters, so the length of every update

[rounds]
count = 5
spare = 0                              # failed attempts that may be repeated; each one is paid for
minimum_sites = 2                      # a round with fewer contributors does not close

# What one round does to a site's data. Over all 5 rounds, metrics included, this costs ε = 1.19 at
# δ = 1e-6 for hospital-a, 1.26 for hospital-b, 1.06 for hospital-c (add or remove one; PLD).
[privacy]
noise_multiplier = 2.0                 # σ: the noise's standard deviation is σ·C
sampling_rate = 0.05                   # q: each record's chance to be in a step
steps = 16                             # in one round; or local_epochs = 0.8, which is as many
clip = 1.0                             # C: the most that one record can move a step
sampling = "poisson"                   # the only one with an accounting

[privacy.metrics]
noise_multiplier = 30.0
releases = 1                           # in one round
numbers = 24                           # in a tally; `securefed study try` says how many
# shown = "site"                       # or "sum", as here: only the sum over the sites is opened

[sealing]
suite = "bfv+mask"                     # sites mask their updates and encrypt them
update_bound = 1.0                     # the L2 norm that an update is scaled down to
# reach = 1.0                          # the largest value that is sealed; larger ones are cut
# bits = 16                            # or 8, 12: how finely a sealed value is rounded
# weight_cap = 5000                    # count a site by its units, up to so many; else all alike
#
# Who can open the sums, which owners approve. A custodian's owner runs `securefed custodian init`,
# which prints a key, and tells you; `securefed account new-key coordinator` prints the other.
# Without them the study can be planned, but not submitted; `study submit` takes them, too.
# coordinator = "ed25519:..."          # signs each round's self-test and its sum
# custodians = [                       # "bfv+mask": one that keeps the lattice key, and one or
#     "ed25519:...",                   # more that keep the masks' keys
#     "ed25519:...",
# ]

# How rounds become one model. Without it: the mean of all sites' models, in every round. None of it
# costs privacy; docs/combining.md says what each does.
# [combining]
# rule = "momentum"                    # or "fedavg", "adagrad", "adam", "yogi"
# proximal = 0.01                      # FedProx: pulls a site's steps to where its round began
# control = true                       # or SCAFFOLD, against the same drift of unlike sites
# sites_per_round = 2                  # drawn by a public lot; all if not set
#
# [combining.stop]                     # ends the study when a released metric gets no better
# metric = "accuracy"
# patience = 3

[request]
valid_days = 7

# One table a site. A key of [privacy] may be set again here, for that site only: smaller sites draw
# a larger share of their records, so they take fewer steps or more noise.
[sites.hospital-a]
dataset = "admissions"

[sites.hospital-b]
dataset = "admissions"
sampling_rate = 0.06
steps = 12

[sites.hospital-c]
dataset = "admissions"
noise_multiplier = 2.5
sampling_rate = 0.08
steps = 8
"""


def study_template(name: StudyId, title: Line) -> str:
    """A study file with this name and title."""
    named = _TEMPLATE.replace("@name@", json.dumps(name))
    return named.replace("@title@", json.dumps(title, ensure_ascii=False))
