"""A release that does not start, and the way back."""

import asyncio

import aiohttp

from sandbox.cluster.cluster import NAMESPACE, WORKER
from sandbox.cluster.kubelet import BROKEN_TAG
from sandbox.cluster.objects import IMAGES
from sandbox.cluster.patches import STRATEGIC
from sandbox.cluster.server import TOKEN
from sandbox.slack_page import shown_text
from sandbox.tour.scaling import WORKERS
from sandbox.tour.stage import PATIENCE, Tour, expect, labels, shows

GOOD = IMAGES["worker"]
BAD_TAG = f"2.15.0-{BROKEN_TAG}"
BAD = f"{GOOD.rpartition(':')[0]}:{BAD_TAG}"


async def bad_release(tour: Tour) -> str:
    """Somebody releases workers whose image cannot be pulled: the new pods do not start, and the bot says why."""
    events = tour.cluster.store.listen()
    try:
        await _set_image(tour, BAD)
        async with asyncio.timeout(PATIENCE):
            while "ImagePullBackOff" not in str((await events.get()).object.get("status")):
                pass
    finally:
        tour.cluster.store.unlisten(events)
    await tour.ask("/pods worker", "ImagePullBackOff")
    return f"{BAD}; {len(tour.cluster.ready_pods(WORKER))} pods of the release before still work"


async def rollback(tour: Tour) -> str:
    """The operator asks for the release before: the plan shows both images, and nothing is changed."""
    before = tour.changes_of("deployments")
    await tour.ask_for_plan("/rollback worker")
    expect(shows(tour.plan, BAD_TAG, GOOD), f"the plan does not show both images: {shown_text(tour.plan)}")
    expect(tour.changes_of("deployments") == before, "the cluster was changed before anybody approved")
    return f"from {BAD_TAG} back to {GOOD.rpartition(':')[2]}"


async def rolled_back(tour: Tour) -> str:
    """A second person approves; every pod is of the release before, ready and connected."""
    before = tour.changes_of("deployments")
    card = await tour.approved()
    expect(labels(card) == ["Undo"], f"the card offers {labels(card)}")
    expect(tour.changes_of("deployments") == before + 1, "the deployment was not changed exactly once")
    expect(_image(tour) == GOOD, f"the image is {_image(tour)}")
    await tour.expect_workers(WORKERS)
    return f"{WORKERS} pods ready and connected to Redis, changed exactly once"


def _image(tour: Tour) -> str:
    deployment = tour.cluster.store.get("deployments", NAMESPACE, WORKER)
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


async def _set_image(tour: Tour, image: str) -> None:
    """Do what ``kubectl set image`` does, through the cluster's API."""
    url = f"{tour.cluster.url}/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{WORKER}"
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "worker", "image": image}]}}}}
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": STRATEGIC}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE), headers=headers) as http,
        http.patch(url, json=patch) as answer,
    ):
        expect(answer.ok, f"the cluster answers {answer.status}: {await answer.text()}")
