"""Errors of training: a recipe, its model or its machine cannot do what was approved."""

from securefed.errors.family import EnvironmentFault, ExitCode, IntegrityError, UsageError


class UnsupportedLayer(UsageError):
    """A part of the model cannot be trained with exact clipping of each record.

    The message names the part. Either its gradients cannot be told apart by record, a trainable
    parameter has no part in the loss, or the layer computes one record from others."""

    code = "unsupported-layer"
    hint = "Freeze the named part or replace it with a supported layer."


class LossUnusable(UsageError):
    """The loss of a model is not one number for each record.

    Clipping bounds what a record adds, so that each record needs a loss of its own: no mean over
    the batch."""

    code = "loss-unusable"
    hint = "Return one loss for each record, for example with reduction='none'."


class SelfTestFailed(UsageError):
    """A recipe does not protect its records on synthetic data, so it is not run on real ones.

    Before the first real step the engine measures what one record adds, what removing one changes,
    how large the noise is, and whether anything but the trained parameters moves."""

    code = "self-test-failed"
    hint = "Compute each record's loss from that record alone; the message names what was measured."


class ModelUnusable(UsageError):
    """A model cannot be loaded or is not the one that was approved.

    Its folder is missing, holds a pickle checkpoint, brings code of its own, or its number of
    trained parameters is not the one that the study states."""

    code = "model-unusable"
    hint = "Give a folder with config.json and *.safetensors only, and the study's own numbers."


class AssetMismatch(IntegrityError):
    """A public file that a study pins by its SHA-256 is another one here."""

    code = "asset-mismatch"
    hint = "Fetch the file again from its source; do not change the digest in the study."


class CheckpointUnusable(IntegrityError):
    """A training checkpoint is damaged, or belongs to another run.

    Training never goes on from weights that it cannot be sure of."""

    code = "checkpoint-unusable"
    hint = "Abort the attempt and begin another one; what was charged stays charged."


class ControlUnfit(IntegrityError):
    """The control variate that was brought, and the one that the site keeps, do not fit.

    Either the one that was brought is none that a round of this study makes, or the site has lost
    its own, for example with a folder that was put back from an older copy. Training with the
    wrong one would bend the model; the other sites go on without this one."""

    code = "control-unfit"
    hint = "A site that lost its own can take no further part in the run; file a new study."


class TrainingFailed(EnvironmentFault):
    """Training ended with an exception, ran out of memory, or diverged.

    The attempt stays charged: private data can be the cause. What happened stands in the site's
    own log and does not leave the site."""

    code = "training-failed"
    hint = "See the site's log of the run; less memory is used with a smaller physical batch."


class RunCancelled(EnvironmentFault):
    """Somebody stopped the training. Steps that were authorised stay charged; nothing leaves."""

    exit_code = ExitCode.INTERRUPTED
    code = "run-cancelled"
    hint = "Begin another attempt when the run is wanted again."


class DeviceUnavailable(EnvironmentFault):
    """The device that a run asks for is not there, or its processes cannot reach each other."""

    code = "device-unavailable"
    hint = "Leave the device out to use what is there: a GPU where there is one, else the CPU."


class HubUnreachable(EnvironmentFault):
    """A hub of public models does not answer, or the connection broke.

    Models are fetched beforehand, never while training, so no study waits for this."""

    exit_code = ExitCode.UNREACHABLE
    code = "hub-unreachable"
    hint = "Check the connection and the hub's address, then run the command again."
