"""How a command is declared: the signature is the grammar, the docstring the description.

Everything else (parsing, usage, help, forms, the manifest, the reference, the tests that walk the catalogue) is
derived from the ``Command`` that ``@command`` makes. A wrong declaration fails when its file is imported.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from bot.errors import InvalidDeclaration
from bot.plan import Plan
from bot.reply import Reply

NAME = re.compile(r"/[a-z0-9][a-z0-9-]{0,30}")
PERMISSION = re.compile(r"[a-z0-9-]+:[a-z0-9-]+")
MAXIMUM_DESCRIPTION = 2000

Handler = Callable[..., Awaitable[Reply | Plan]]


@dataclass(frozen=True)
class Parameter:
    """One argument of a command, as its signature declares it."""

    name: str
    annotation: Any
    description: str
    required: bool
    default: Any
    adapter: TypeAdapter[Any]
    in_form: bool  # Field(json_schema_extra={"form": False}) leaves out what a typed form makes superfluous
    secret: bool = False  # Field(json_schema_extra={"secret": True}) is asked for in the form only, and never shown
    takes_rest: bool = (
        False  # Field(json_schema_extra={"rest": True}): all that follows in the line, as people write it
    )
    matchers: bool = False  # Field(json_schema_extra={"matchers": True}) takes every label=value that is no argument
    needs_form: bool = False  # Field(json_schema_extra={"form": "required"}): a form is not submitted without it
    # Field(json_schema_extra={"offered": {value: words}}): what a form offers to choose, besides what is typed there
    offered: tuple[tuple[str, str], ...] = ()

    @property
    def word(self) -> str:
        """Its name as people write it: a word that Python keeps to itself has an underscore behind it there."""
        return self.name.rstrip("_")

    @property
    def option(self) -> str:
        """The argument's name as typed: ``--yes-zero``."""
        return "--" + self.word.replace("_", "-")

    @property
    def is_flag(self) -> bool:
        """Whether it is given without a value, and only by name."""
        return self.annotation is bool

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it takes, where it is a ``Literal``; empty otherwise."""
        kinds = [self.annotation, *get_args(self.annotation)]
        literals = [kind for kind in kinds if get_origin(kind) is Literal]
        return tuple(str(word) for kind in literals for word in get_args(kind))

    @property
    def usage(self) -> str:
        """How it stands in the usage line: ``<replicas>``, ``[--deployment api|worker]``, ``[--yes-zero]``."""
        if self.is_flag:
            return f"[{self.option}]"
        if self.required:
            return f"<{'|'.join(self.choices) or self.word}>"
        if self.choices:
            return f"[{self.option} {'|'.join(self.choices)}]"
        return f"[{self.word}]"


@dataclass(frozen=True)
class Command:
    """A declared command; ``dependencies`` is what its handler asks for, ``returns`` what it may answer with.

    ``change_permission`` is what a plan of it needs as well; the same one, where it only plans.
    """

    name: str
    permission: str
    change_permission: str
    section: str
    runbook: tuple[str, ...]
    examples: tuple[str, ...]
    description: str
    details: str
    parameters: tuple[Parameter, ...]
    dependencies: dict[str, Any]
    returns: Any
    handler: Handler

    @property
    def changes(self) -> bool:
        """Whether it may return a plan."""
        return self.returns is not Reply

    @property
    def answers(self) -> bool:
        """Whether it may return a reply."""
        return self.returns is not Plan

    @property
    def permissions(self) -> tuple[str, ...]:
        """Every permission it may ask for, the one that is always needed first."""
        return tuple(dict.fromkeys((self.permission, self.change_permission)))

    @property
    def usage(self) -> str:
        """The usage line: ``/scale-workers <replicas> [--deployment api|worker] [--yes-zero]``."""
        return f"{self.name} {self.usage_hint}".strip()

    @property
    def usage_hint(self) -> str:
        """The usage line without the name, as Slack's manifest wants it; empty where there are no arguments."""
        return " ".join(parameter.usage for parameter in self.parameters if not parameter.secret)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the arguments that nobody may see."""
        return tuple(parameter.name for parameter in self.parameters if parameter.secret)

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of this name, however it is spelt (``yes-zero``, ``yes_zero``)."""
        wanted = name.lstrip("-").replace("-", "_").lower().rstrip("_")
        return next((parameter for parameter in self.parameters if parameter.word == wanted), None)


def command(
    name: str,
    *,
    permission: str,
    section: str,
    change_permission: str = "",
    runbook: tuple[str, ...] = (),
    examples: tuple[str, ...] = (),
) -> Callable[[Handler], Command]:
    """Declare a command.

    ``permission`` is ``resource:action``, ``change_permission`` another one that only its plans need,
    ``section`` the runbook section it belongs to, ``runbook`` the runbook's own shell lines that it does,
    ``examples`` what people would type. Arguments stand before the ``*`` of the signature, what the handler needs
    (by type) behind it. Raises ``InvalidDeclaration``.
    """

    def declare(handler: Handler) -> Command:
        hints = get_type_hints(handler, include_extras=True)
        arguments = _arguments(name, handler, hints)
        description, details = _docstring(name, handler)
        declared = Command(
            name=name,
            permission=permission,
            change_permission=change_permission or permission,
            section=section,
            runbook=runbook,
            examples=examples,
            description=description,
            details=details,
            parameters=tuple(_parameter(name, each, hints) for each in arguments if each.kind is not each.KEYWORD_ONLY),
            dependencies={each.name: hints[each.name] for each in arguments if each.kind is each.KEYWORD_ONLY},
            returns=hints.get("return"),
            handler=handler,
        )
        _check(declared)
        return declared

    return declare


def _arguments(name: str, handler: Handler, hints: dict[str, Any]) -> list[inspect.Parameter]:
    found = list(inspect.signature(handler).parameters.values())
    for each in found:
        if each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) or each.name not in hints:
            raise InvalidDeclaration(f"{name}: {each} is neither an annotated argument nor a dependency")
    return found


def _docstring(name: str, handler: Handler) -> tuple[str, str]:
    lines = (inspect.getdoc(handler) or "").strip().partition("\n\n")
    if not lines[0]:
        raise InvalidDeclaration(f"{name}: the docstring is the description, and there is none")
    return " ".join(lines[0].split()), lines[2].strip()


def _parameter(command_name: str, parameter: inspect.Parameter, hints: dict[str, Any]) -> Parameter:
    hint = hints[parameter.name]
    fields = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, FieldInfo)]
    description = fields[0].description if fields else None
    if not description:
        raise InvalidDeclaration(f"{command_name}: {parameter.name} needs Field(description=...)")
    required = parameter.default is inspect.Parameter.empty
    extra = fields[0].json_schema_extra if isinstance(fields[0].json_schema_extra, dict) else {}
    return Parameter(
        name=parameter.name,
        annotation=get_args(hint)[0],
        description=description,
        required=required,
        default=None if required else parameter.default,
        adapter=TypeAdapter(hint),
        in_form=extra.get("form") is not False,
        secret=extra.get("secret") is True,
        matchers=extra.get("matchers") is True,
        takes_rest=extra.get("rest") is True,
        needs_form=extra.get("form") == "required",
        offered=_offered(extra.get("offered")),
    )


def _offered(extra: object) -> tuple[tuple[str, str], ...]:
    return tuple((str(value), str(words)) for value, words in extra.items()) if isinstance(extra, dict) else ()


def _check(declared: Command) -> None:
    problems = {
        f"{declared.name!r} is not a slash command of 2 to 32 characters": not NAME.fullmatch(declared.name),
        f"{declared.permission!r} is not resource:action": not PERMISSION.fullmatch(declared.permission),
        f"{declared.change_permission!r} is not resource:action": not PERMISSION.fullmatch(declared.change_permission),
        "only what may answer too has a permission for its changes": declared.change_permission != declared.permission
        and not (declared.answers and declared.changes),
        "the section is empty": not declared.section,
        "the handler must return Reply or Plan": declared.returns not in (Reply, Plan, Reply | Plan),
        "the handler must be async": not inspect.iscoroutinefunction(declared.handler),
        "the description is too long": len(declared.description) > MAXIMUM_DESCRIPTION,
        "a secret must default to an empty text: the form asks for it": any(
            p.secret and p.default != "" for p in declared.parameters
        ),
        "a flag must default to False": any(p.is_flag and p.default is not False for p in declared.parameters),
    }
    for problem, is_there in problems.items():
        if is_there:
            raise InvalidDeclaration(f"{declared.name}: {problem}")
