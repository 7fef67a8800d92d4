"""Where a request is led to: the command it names, the plan, run or step that a click is about."""

from dataclasses import dataclass

from bot.command import Command
from bot.dispatch.again import Again
from bot.dispatch.answers import Answer, done
from bot.dispatch.approve import Approvals
from bot.dispatch.gate import Gate
from bot.dispatch.notices import Notices
from bot.dispatch.parse import MissingArguments
from bot.dispatch.planner import Planner
from bot.dispatch.proposal import Proposal
from bot.dispatch.questions import Questions
from bot.dispatch.steps import Clock
from bot.dispatch.watching import Watching
from bot.plan import Plan
from bot.request import Decision, Request
from bot.stores.plans import StoredPlan


@dataclass(frozen=True)
class Rooms:
    """The parts of dispatch that a request may be led to."""

    planner: Planner
    approvals: Approvals
    gate: Gate
    again: Again
    questions: Questions
    watching: Watching
    notices: Notices
    clock: Clock

    def form(self, request: Request) -> Command | None:
        """Return the command whose form is to be opened: authorized, and required arguments not typed. Else None.

        What nobody may see is never typed, so that a command that takes such a thing always opens its form.

        Raises ``UserError`` where the request is wrong or not allowed.
        """
        command = self.planner.command(request.command)
        self.planner.authorize(command, request)
        if request.arguments is not None or (request.text.strip() and not command.secrets):
            return None
        try:
            self.planner.arguments(command, request)
        except MissingArguments:
            return command
        return command if command.secrets else None

    def check(self, request: Request) -> None:
        """Raise the ``UserError`` that the request would meet before its handler is called."""
        command = self.planner.command(request.command)
        self.planner.authorize(command, request)
        self.planner.arguments(command, request)

    async def check_decision(self, decision: Decision) -> None:
        """Raise the ``UserError`` that the decision would meet once it has its reason."""
        if _is_about_a_step(decision):
            await self.questions.check(decision)
        else:
            await self.approvals.check(decision, self.clock())

    async def command(self, request: Request) -> Answer:
        """Call the command, and propose what it plans. Raises what it raises."""
        planner = self.planner
        command = planner.command(request.command)
        planner.authorize(command, request)  # before the arguments: nobody mends a line only to be refused
        arguments = planner.arguments(command, request)
        result = await planner.call(command, arguments, request, self.clock())
        if not isinstance(result, Plan):
            return done(result)
        proposal = Proposal(request, command.name, arguments, result)
        return await self._proposed(await self.approvals.propose(proposal, self.clock()), request, request.channel)

    async def _proposed(self, stored: StoredPlan, item: Request | Decision, asked_in: str = "") -> Answer:
        """Start what may start; where the card is not where it was asked for, a short answer says so there."""
        if stored.request_id != item.id:
            same = await self.notices.same(stored, item.actor)
            return Answer("done", f"the same is asked for already: plan {stored.id}", same)
        await self.gate.advance(stored.id, self.clock())
        reply = await self.notices.elsewhere(stored, asked_in)
        return Answer("planned", f"plan {stored.id}", reply, plan_id=stored.id)

    async def decision(self, decision: Decision) -> Answer:
        """Lead a click to what it is about, and advance what it may have released."""
        now = self.clock()
        if decision.action == "undo":
            return await self._proposed(await self.again.undo(decision, now), decision)
        if decision.action == "replan":
            return await self._proposed(await self.again.replan(decision, now), decision)
        if decision.action == "stop_watching":
            return Answer("done", await self.watching.stop(decision, now), None)
        if _is_about_a_step(decision):
            return Answer("done", await self.questions.answer(decision, now), None)
        answer = await self.approvals.decide(decision, now)
        await self.gate.advance(decision.subject, self.clock())
        return answer


def _is_about_a_step(decision: Decision) -> bool:
    return ":" in decision.subject or decision.action == "confirm"
