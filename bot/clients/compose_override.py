"""A compose file of the bot's own, the last of the project's: what it says wins over what the others say."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import yaml

from bot.errors import PermanentError

SYSTEM: Final = "Docker Compose"
NAME: Final = "novapulse-bot.override.yaml"
_HEAD: Final = "# Written by the bot (/set-env and others). Compose takes it when it is named last: -f {} -f {}\n"


class Override:
    """The file beside the project's first one; only its owner may read it, because it holds secrets."""

    def __init__(self, first: Path) -> None:
        self.path = first.absolute().parent / NAME
        self._first = first

    def variable(self, service: str, name: str) -> str | None:
        """Return what the file sets a service's variable to; None where it does not. Raises PermanentError."""
        found = self._environment(self._read(), service).get(name)
        return None if found is None else str(found).replace("$$", "$")

    def set(self, service: str, values: Mapping[str, str]) -> None:
        """Have the file set these of a service, all or nothing; PermanentError where it cannot be written.

        Whatever else it says stays; who else of the bot's processes writes it waits for its turn.
        """
        with self._alone():
            file = self._read()
            variables = self._environment(file, service)
            # Compose puts its own variables in where it finds a single one.
            variables |= {name: value.replace("$", "$$") for name, value in values.items()}
            services = file.get("services") or {}
            services[service] = (services.get(service) or {}) | {"environment": variables}
            self._write(file | {"services": services})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            directory = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise self._trouble("written", error) from None
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _environment(self, file: dict[str, Any], service: str) -> dict[str, Any]:
        """Return a service's variables, also where somebody wrote them as a list: ``- NAME=value``."""
        try:
            own = ((file.get("services") or {}).get(service) or {}).get("environment") or {}
            if isinstance(own, list):
                # A name alone takes its value from where Compose runs, as one without a value does.
                return {name: value if equals else None for name, equals, value in (e.partition("=") for e in own)}
            return dict(own)
        except (AttributeError, TypeError, ValueError):
            raise PermanentError(f"{NAME} beside the compose file is not in a form that the bot knows.") from None

    def _read(self) -> dict[str, Any]:
        """Return the file; a new one is of the version of the first, since old Composes want both to be the same."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return self._version()
        except OSError as error:
            raise self._trouble("read", error) from None
        try:
            return dict(yaml.safe_load(text) or {})
        except (yaml.YAMLError, TypeError, ValueError):
            raise PermanentError(f"{NAME} beside the compose file is no YAML: nothing was done.") from None

    def _version(self) -> dict[str, Any]:
        with suppress(OSError, yaml.YAMLError, AttributeError):
            version = yaml.safe_load(self._first.read_text("utf-8")).get("version")
            return {} if version is None else {"version": version}
        return {}

    def _write(self, file: dict[str, Any]) -> None:
        text = _HEAD.format(self._first.name, NAME) + yaml.safe_dump(file)
        try:
            handle, new = tempfile.mkstemp(dir=self.path.parent, prefix=f".{NAME}.")  # 0600 from the beginning
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as written:
                    written.write(text)
                    written.flush()
                    os.fsync(written.fileno())
                Path(new).replace(self.path)
            except OSError:
                Path(new).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._trouble("written", error) from None

    def _trouble(self, done: str, error: OSError) -> PermanentError:
        return PermanentError(f"{SYSTEM}: {NAME} beside the compose file cannot be {done}: {error.strerror}")
