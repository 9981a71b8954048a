"""Errors of the datasite: it cannot be served, or does not let somebody in."""

from securefed.errors.family import EnvironmentFault, ExitCode, IntegrityError, PolicyError


class PortTaken(EnvironmentFault):
    """Something else listens on the port, or this account may not listen there."""

    code = "port-taken"
    hint = "Choose another port, or stop what listens there."


class SiteInUse(EnvironmentFault):
    """Another process serves the site of this folder. Two would write over each other."""

    code = "site-in-use"
    hint = "Stop the other process first; a site has one folder and one server."


class SiteFolderOpen(IntegrityError):
    """Other accounts of this machine can enter the site's folder, or it belongs to another one."""

    code = "site-folder-open"
    hint = "Run 'chmod 700' on the folder, as the account that serves the site."


class GuestsAdmitted(IntegrityError):
    """The site was about to be served although it answers callers that have no account."""

    code = "guests-admitted"
    hint = "Keep the folder as it is and report this; the installed PySyft is not the tested one."


class CertificateUnusable(IntegrityError):
    """A certificate or its key cannot be read, has ended, or the two do not belong together."""

    code = "certificate-unusable"
    hint = "Name a PEM certificate and its unencrypted key, or let the site make its own."


class ServingUnsafe(EnvironmentFault):
    """The environment sets something by which PySyft would replace the site's key, name or mode."""

    code = "serving-unsafe"
    hint = "Remove the named variable from the environment of the site's process."


class SiteUnreachable(EnvironmentFault):
    """No site answers at the address, or its certificate has no certificate of the named CA."""

    code = "site-unreachable"
    exit_code = ExitCode.UNREACHABLE
    hint = "Compare the address and the CA certificate with what the site's owner gave you."


class LoginRefused(PolicyError):
    """The site knows no data scientist with this key, or not any more.

    Nobody logs in with a password: each call is signed with the key that the site's owner was given
    for the account. Owners and reviewers work on the site's own machine."""

    code = "login-refused"
    hint = "Send the site's owner the public half of your key, and ask for an account."
