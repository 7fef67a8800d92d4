"""Who is on call at a moment, for what depends on it here: acting alone, and whom to ask when nobody answers."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import access
from bot.catalog import Catalog
from bot.oncall import ONCALL
from bot.policy import Policy, PolicyInForce
from bot.rota import Rota
from bot.stores.database import Database
from bot.stores.overrides import Overrides
from bot.stores.plans import StoredPlan


class Duty:
    """Asks the rota of the policy in force, with the overrides that stand."""

    def __init__(self, database: Database, catalog: Catalog, policy: PolicyInForce) -> None:
        self._overrides = Overrides(database)
        self._catalog = catalog
        self._policy = policy

    async def rota(self, now: datetime, connection: AsyncConnection | None = None) -> Rota:
        """Return who is on call by the policy and the overrides."""
        return await self._overrides.rota(self._policy.current.oncall, now, connection)

    async def alone(
        self, stored: StoredPlan, now: datetime, connection: AsyncConnection | None = None
    ) -> tuple[str, ...]:
        """Return who may act alone on a plan now."""
        return self.alone_by(await self.rota(now, connection), stored, now)

    def alone_by(self, rota: Rota, stored: StoredPlan, at: datetime) -> tuple[str, ...]:
        """Return who may act alone on a plan at a moment, by this rota."""
        command = self._catalog.commands.get(stored.command)
        if command is None:
            return ()
        return access.may_act_alone(self._policy.current, rota, command.name, command.change_permission, at)

    async def asked(self, stored: StoredPlan, now: datetime, connection: AsyncConnection) -> tuple[str, ...]:
        """Return who is asked next about a plan: never who asked for it, and only who can decide."""
        policy, rota = self._policy.current, await self.rota(now, connection)
        approvers = access.approvers(policy, command=stored.command, requester=stored.requester.id)
        able = {*approvers, *self.alone_by(rota, stored, now)} - {stored.requester.id}
        found: list[str] = []
        for role in policy.approval(stored.command).ask_next:
            found += _on_call(policy, rota, able, now) if role == ONCALL else policy.members((role,))
        return tuple(dict.fromkeys(person for person in found if person in able))

    async def why(self, person: str, now: datetime, connection: AsyncConnection) -> str:
        """Say by what somebody acts alone: by which level, and whose override put them there; else by their role."""
        policy, rota = self._policy.current, await self.rota(now, connection)
        for level in policy.break_glass.on_call:
            if person in rota.on_call(level, now).people:
                override = rota.override(level, now)
                by = "" if override is None else f", by an override of {override.by.name}"
                return f"on call at level {level}{by}"
        return "by their role"


def _on_call(policy: Policy, rota: Rota, able: set[str], now: datetime) -> tuple[str, ...]:
    """Return who is on call at the first level where somebody can decide; else everybody with the role."""
    for level in rota.levels:
        if people := tuple(person for person in rota.on_call(level, now).people if person in able):
            return people
    return policy.members((ONCALL,))
