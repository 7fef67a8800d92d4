"""Who is called, in which order, and where: the policy's ``[oncall]`` section."""

from collections.abc import Iterator

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EscalationLevel(_Section):
    """One step of the escalation path: what these people are, who they are, and until when they are it.

    Whom ``until`` (a moment with its zone) has passed is no longer on call, and nobody is known to be instead.
    """

    title: str
    people: tuple[str, ...] = ()
    until: AwareDatetime | None = None


class OnCall(_Section):
    """The escalation path, first level first, and the channels that reach whoever is on call."""

    levels: tuple[EscalationLevel, ...] = ()
    channels: tuple[str, ...] = Field(default=(), description="names in Slack, such as #novapulse-alerts")
    pagerduty: str = Field(default="", description="the service's name or its address")
    email: str = ""

    def people(self) -> Iterator[tuple[int, str]]:
        """Return everybody it names, each with the index of the level."""
        for index, level in enumerate(self.levels):
            for person in level.people:
                yield index, person
