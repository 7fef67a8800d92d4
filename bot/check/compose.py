"""The Docker Compose project: its engine, the program that scales it, and whether its services are there."""

from typing import Final

from bot.attempt import together
from bot.check.tried import Lines, problem, tried
from bot.clients.compose import Compose
from bot.reply import Level, Line

_ENGINE: Final = "Check DOCKER_HOST, and that the bot's user may use the engine."
_PROGRAM: Final = "Nothing can be scaled without it: install the plugin docker-compose-v2, or docker-compose."
_FILE: Final = "Check COMPOSE_FILE, and that the bot may read it and the .env file beside it."
_SERVICES: Final = "Check COMPOSE_PROJECT, API_DEPLOYMENT and WORKER_DEPLOYMENT."


async def compose_lines(compose: Compose) -> Lines:
    """Try the engine, the program, the compose file and the services, and say which service cannot scale."""
    found = await together(
        tried("Docker", _version(compose), _ENGINE),
        tried("Docker Compose", compose.project.program.version(), _PROGRAM),
        tried("Compose file", _file(compose), _FILE),
        tried("Service api", _service(compose, "api"), _SERVICES),
        tried("Service worker", _service(compose, "worker"), _SERVICES),
    )
    return tuple(line for lines in found for line in lines)


async def _version(compose: Compose) -> str:
    return f"answers, version {await compose.reachable()}"


async def _file(compose: Compose) -> Lines:
    file, label = await compose.project.file(), "Compose file"
    found = [Line(level=Level.OK, label=label, value=f"can be used, with {', '.join(sorted(file.services))}")]
    if file.blanks:
        what = f"it uses {', '.join(file.blanks)}, which nobody has set: services are not scaled up"
        found.append(problem(label, what, "Set it in the .env file beside it.", level=Level.WARNING))
    return tuple(found)


async def _service(compose: Compose, role: str) -> str | Line:
    found = await compose.deployment(role)
    said = f"{found.name} is there, {found.ready} of {found.replicas} containers ready"
    limit = await compose.project.fixed(role)
    if not limit:
        return said
    return problem(f"Service {role}", f"{said}; it cannot be scaled: {limit}", level=Level.WARNING)
