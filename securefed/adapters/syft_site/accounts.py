"""The site's data scientists as PySyft users, each known by the public key that the ledger names.

PySyft would make a key for each user and hand out its private half at the login. Here the user has
the person's own public key; no password opens the account, since it has none, and nobody logs in.
"""

from securefed.adapters.syft_site.inside import Inside, failed
from securefed.adapters.syft_site.pysyft import (
    UID,
    ActionObjectPermission,
    ActionPermission,
    ServiceRole,
    SyftException,
    SyftVerifyKey,
    User,
)
from securefed.domain.site import Account

# PySyft wants an address of each user. Nothing is ever sent to this one.
_NOWHERE = "site.example"


def follow_accounts(inside: Inside, wanted: tuple[Account, ...], *, add: bool) -> None:
    """Removes every user but these and the site itself; adds those that are missing, if asked."""
    users, root = inside.datasite.services.user, inside.datasite.verify_key
    keys = {one.account: _key(one) for one in wanted}
    there = set()
    for user in users.stash.get_all(root, has_permission=True).unwrap():
        if user.verify_key == root:
            continue
        scientist = user.role is ServiceRole.DATA_SCIENTIST and not user.mock_execution_permission
        if scientist and keys.get(user.name) == user.verify_key:
            there.add(user.name)
        else:
            inside.call("user.delete", uid=user.id)
    for name, key in keys.items():
        if add and name not in there:
            _add(inside, name, key)


def _add(inside: Inside, name: str, key: SyftVerifyKey) -> None:
    user = User(
        id=UID(),
        name=name,
        email=f"{name}@{_NOWHERE}",
        role=ServiceRole.DATA_SCIENTIST,
        verify_key=key,
    )
    try:
        inside.datasite.services.user.stash.set(
            credentials=inside.datasite.verify_key,
            obj=user,
            # One's own account, and nobody else's.
            add_permissions=[ActionObjectPermission(user.id, ActionPermission.READ, key)],
        ).unwrap()
    except SyftException as error:
        raise failed("user.create", error) from None


def _key(account: Account) -> SyftVerifyKey:
    return SyftVerifyKey.from_string(account.key.removeprefix("ed25519:"))
