"""A value that nobody may see, on its way through the dispatcher."""

from pathlib import Path

import sqlalchemy as sa

from bot.command import Command
from bot.stores.tables import requests
from tests.dispatch.world import VERA, World, opened, text_of


async def _recorded(world: World) -> str:
    async with world.database.reading() as connection:
        return str((await connection.execute(sa.select(requests))).all())


async def test_it_is_in_no_record_and_the_handler_gets_a_reference(world: World) -> None:
    request = world.request("/keep", VERA, arguments={"name": "A", "value": "hunter2"}, source="form")
    assert await world.dispatcher.accept(request)
    assert "hunter2" not in await _recorded(world)
    await world.dispatcher.handle(request)
    assert "hunter2" not in await _recorded(world)
    (called,) = world.moods.calls
    reference = called.removeprefix("keep A ")
    assert (await world.vault.value(reference)).get_secret_value() == "hunter2"


async def test_another_process_takes_it_up(world: World, tmp_path: Path) -> None:
    await world.dispatcher.accept(world.request("/keep", VERA, arguments={"name": "A", "value": "hunter2"}))
    async with opened(World(tmp_path, name="two", url=world.url, executes=False), engine=False) as other:
        await other.dispatcher.tick(world.clock())
        reference = other.moods.calls[0].removeprefix("keep A ")
        assert (await other.vault.value(reference)).get_secret_value() == "hunter2"


async def test_typed_it_is_refused_and_not_kept(world: World) -> None:
    said = await world.reply(await world.say("/keep A hunter2", VERA))
    assert "never typed into a command" in text_of(said)
    assert "hunter2" not in await _recorded(world) + text_of(said)


async def test_the_form_opens_for_what_was_typed_without_it(world: World) -> None:
    for line in ("/keep", "/keep A"):
        found = world.dispatcher.form(world.request(line, VERA))
        assert isinstance(found, Command)
        assert found.name == "/keep"
    assert world.dispatcher.form(world.request("/read", VERA)) is None
