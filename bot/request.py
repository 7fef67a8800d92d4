"""Who asks for what: the words between Slack or the console and the dispatcher."""

from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Source = Literal["slash", "form", "button", "console", "schedule"]
DecisionAction = Literal["approve", "deny", "cancel", "break_glass", "undo", "confirm", "replan", "stop_watching"]
DECISION_ACTIONS: Final[tuple[str, ...]] = get_args(DecisionAction)
WITH_REASON: Final = frozenset({"deny", "break_glass"})
# Who acts alone says why in more than a word: everybody reads it, and the next morning's checklist repeats it.
LEAST_ALONE: Final = 10


def lacking(action: str, reason: str) -> str:
    """Return the sentence that says what a decision's reason lacks; the empty string where it lacks nothing."""
    said = reason.strip()
    if action == "break_glass" and len(said) < LEAST_ALONE:
        return f"Acting alone needs a typed reason of at least {LEAST_ALONE} characters: everybody reads it."
    if action == "deny" and not said:
        return "Denying needs a reason, so that the person who asked knows what to do."
    return ""


class Actor(BaseModel):
    """A person (Slack user id) or the bot itself on a schedule (``schedule:morning-checklist``)."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str


class Request(BaseModel):
    """One thing somebody asked for. ``id`` is the same for every delivery of the same payload."""

    model_config = ConfigDict(frozen=True)

    id: str
    actor: Actor
    command: str = Field(description="with its slash, without COMMAND_PREFIX: /queue-stats")
    text: str = Field(default="", description="the arguments as typed")
    arguments: dict[str, JsonValue] | None = Field(default=None, description="the arguments as filled in")
    source: Source = "slash"
    channel: str = Field(default="", description="where to answer; empty on the console")
    response_url: str = Field(default="", repr=False, description="the way back where the bot is no member")
    received_at: datetime


class Decision(BaseModel):
    """A click on a card: what somebody wants to happen to a plan or a run."""

    model_config = ConfigDict(frozen=True)

    id: str
    actor: Actor
    action: DecisionAction
    subject: str = Field(description="the id of the plan or run")
    reason: str = ""
    channel: str = ""
    received_at: datetime
