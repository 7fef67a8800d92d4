"""The API's error rate and its 95th percentile: by counters of every process, by the log, or not known."""

from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from bot import catalog
from bot.alert_state import AlertState
from bot.alerting.evaluate import evaluate
from bot.clients.api import NovaPulseApi
from bot.clients.replica_metrics import MetricsReader
from bot.policy_file import PolicyFile
from bot.schedule import Observation
from bot.settings import ApiSettings
from bot.stores.samples import Samples
from sandbox.ports import free_port
from schedules.api_watch import api_watch
from tests.clients.kubernetes_server import PODS, status
from tests.clients.pretend_api import EMAIL, PASSWORD, wrapped
from tests.schedules.conftest import NOW, Systems, api_pod, as_declared, log

TICK = timedelta(seconds=30)
RULES = PolicyFile(Path(__file__).parents[2] / "policy.toml", catalog.load()).current.alerts
Found = dict[str, Observation]


async def watch(systems: Systems, at: datetime = NOW, api: NovaPulseApi | None = None) -> Found:
    settings = ApiSettings(
        novapulse_api_url=systems.api_server.url, novapulse_email=EMAIL, novapulse_password=SecretStr(PASSWORD)
    )
    reader = MetricsReader(api or systems.api, systems.cluster, settings)
    found = as_declared(api_watch, await api_watch.handler(reader, systems.cluster, Samples(systems.database), at))
    return {f"{one.metric}{''.join(f'/{value}' for value in one.labels.values())}": one for one in found}


def page(ok: int, failed: int, *, start: float = 1, slow: int = 0) -> str:
    bounds = {"0.1": ok + failed - slow, "0.5": ok + failed - slow, "1": ok + failed, "+Inf": ok + failed}
    lines = [f"process_start_time_seconds {start}", "# TYPE http_requests_total counter"]
    lines += [f'http_requests_total{{status_code="{code}"}} {count}' for code, count in (("200", ok), ("503", failed))]
    lines += ["# TYPE http_request_duration_seconds histogram"]
    lines += [f'http_request_duration_seconds_bucket{{le="{le}"}} {count}' for le, count in bounds.items()]
    return "\n".join(lines) + "\n"


def through_the_load_balancer(systems: Systems, text: str) -> None:
    systems.kubernetes.answers[f"GET {PODS}"] = status(403, "may not")
    systems.api_server.answers["/metrics"] = wrapped(text)


def of_each(systems: Systems, **texts: str) -> None:
    """Let each replica be asked by itself; `a` is the pod api-a."""
    for name, text in texts.items():
        path = f"GET {PODS}/api-{name}/proxy/api/v1/metrics"
        systems.kubernetes.answers[path] = web.json_response({"success": True, "data": text})


async def test_the_share_of_5xx_is_that_of_the_last_minutes(systems: Systems) -> None:
    through_the_load_balancer(systems, page(1000, 0))
    assert (await watch(systems))["api_error_percent/metrics"].value is None
    through_the_load_balancer(systems, page(1180, 20, slow=20))
    found = await watch(systems, NOW + TICK)
    error = found["api_error_percent/metrics"]
    assert error.value == 10
    assert error.reason.startswith("From the metrics, 1 replica seen. The replicas cannot be asked one by one: ")
    assert found["api_metrics_readable"].value == 1
    # 20 of 200 took from 0.5 to 1 s: the 190th lies in the middle of that bucket.
    assert found["api_p95_ms"].value == 750


async def test_a_restart_is_no_step_backwards(systems: Systems) -> None:
    for at, text in ((NOW, page(1000, 0)), (NOW + TICK, page(1090, 10)), (NOW + 2 * TICK, page(5, 0, start=2))):
        through_the_load_balancer(systems, text)
        found = await watch(systems, at)
    assert found["api_error_percent/metrics"].value == 10
    through_the_load_balancer(systems, page(105, 0, start=2))
    assert (await watch(systems, NOW + 3 * TICK))["api_error_percent/metrics"].value == 5


async def test_the_share_is_that_of_all_replicas_together(systems: Systems) -> None:
    of_each(systems, a=page(1000, 0), b=page(500, 10, start=2))
    await watch(systems)
    of_each(systems, a=page(1060, 0), b=page(520, 30, start=2))
    error = (await watch(systems, NOW + TICK))["api_error_percent/metrics"]
    assert error.value == 20
    assert error.reason == "From the metrics, 2 replicas seen."


async def test_one_failed_request_of_a_quiet_night_is_not_all_of_them(systems: Systems) -> None:
    through_the_load_balancer(systems, page(1000, 0))
    await watch(systems)
    through_the_load_balancer(systems, page(1000, 1))
    error = (await watch(systems, NOW + TICK))["api_error_percent/metrics"]
    assert error.value == 5, "which is not above 5 %"
    assert error.reason.endswith(" Of fewer than 20 requests the share is taken of 20.")


async def test_only_the_last_two_minutes_count(systems: Systems) -> None:
    # The burst of failures lies between the first and the second reading.
    for number, text in enumerate((page(100, 0), page(100, 50), page(110, 50), page(120, 50), page(130, 50))):
        through_the_load_balancer(systems, text)
        found = await watch(systems, NOW + number * TICK)
    assert found["api_error_percent/metrics"].value == 62.5
    through_the_load_balancer(systems, page(140, 50))
    assert (await watch(systems, NOW + 5 * TICK))["api_error_percent/metrics"].value == 0


async def test_a_4xx_answer_is_a_request_and_no_error(systems: Systems) -> None:
    def text(ok: int, missing: int) -> str:
        counts = (("200", ok), ("404", missing), ("429", 0))
        return "# TYPE http_requests_total counter\nprocess_start_time_seconds 1\n" + "".join(
            f'http_requests_total{{status_code="{code}"}} {count}\n' for code, count in counts
        )

    through_the_load_balancer(systems, text(100, 0))
    await watch(systems)
    through_the_load_balancer(systems, text(110, 90))
    assert (await watch(systems, NOW + TICK))["api_error_percent/metrics"].value == 0


async def test_without_a_status_the_counter_of_errors_says_how_many_failed(systems: Systems) -> None:
    def text(requests: int, errors: int) -> str:
        counted = f"http_requests_total {requests}\nhttp_request_errors_total {errors}\n"
        return "# TYPE http_requests_total counter\nprocess_start_time_seconds 1\n" + counted

    through_the_load_balancer(systems, text(100, 5))
    await watch(systems)
    through_the_load_balancer(systems, text(140, 15))
    assert (await watch(systems, NOW + TICK))["api_error_percent/metrics"].value == 25


async def test_a_p95_beyond_the_largest_bucket_is_that_bound_and_says_so(systems: Systems) -> None:
    def text(fast: int, slow: int) -> str:
        bounds = {"0.5": fast, "1": fast, "+Inf": fast + slow}
        lines = [page(fast + slow, 0).partition("# TYPE http_request_duration")[0]]
        lines += [f'http_request_duration_seconds_bucket{{le="{le}"}} {count}\n' for le, count in bounds.items()]
        return "".join(lines)

    through_the_load_balancer(systems, text(100, 0))
    await watch(systems)
    through_the_load_balancer(systems, text(110, 90))
    found = (await watch(systems, NOW + TICK))["api_p95_ms"]
    assert found.value == 1000
    assert found.reason.endswith("It is beyond the largest bucket.")


async def test_no_request_is_no_share_and_nobody_expects_one(systems: Systems) -> None:
    of_each(systems, a=page(1000, 100), b=page(300, 0, start=2))
    await watch(systems)
    # The load balancer takes the API out: nobody asks for anything, one replica begins anew, and none has got well.
    of_each(systems, a=page(1000, 100), b=page(0, 0, start=3))
    for number in (1, 2):
        found = await watch(systems, NOW + number * TICK)
        for metric in ("api_error_percent/metrics", "api_p95_ms"):
            assert (found[metric].value, found[metric].is_expected) == (None, False)
        reason = "No request reached the API in the last 2 min, so no share of them failed or went well."
        assert found["api_error_percent/metrics"].reason == reason
    assert found["api_metrics_readable"].value == 1
    of_each(systems, a=page(1000, 100), b=page(30, 10, start=3))
    assert (await watch(systems, NOW + 3 * TICK))["api_error_percent/metrics"].value == 25


async def test_an_alert_goes_on_while_nobody_asks_and_the_quiet_is_no_alert(systems: Systems) -> None:
    rules = tuple(rule for rule in RULES if rule.name in {"api-errors", "api-slow", "rule-unknown"})
    states: dict[str, AlertState] = {}
    said = []
    # 2 min of calm, 10 in which a part fails, 35 of nothing, 5 of calm again.
    for tick in range(4 + 20 + 70 + 10):
        ok = 100 * min(tick, 24) + 100 * max(0, tick - 94)
        through_the_load_balancer(systems, page(ok, 10 * min(max(0, tick - 4), 20)))
        now = NOW + tick * TICK
        found = evaluate(rules, list((await watch(systems, now)).values()), states, now)
        states = {one.alert.fingerprint: one.state for one in found if one.state.is_active}
        said.append([(one.rule.name, one.alert.severity) for one in found if one.alert.state == "firing"])
    assert said[:5] == [[]] * 5
    assert said[24:95] == [[("api-errors", "critical")]] * 71
    assert {rule for one in said for rule, _ in one} == {"api-errors"}
    assert said[-1] == []


async def test_without_a_sample_the_rate_is_unknown_and_the_log_stands_in(systems: Systems) -> None:
    through_the_load_balancer(systems, "# TYPE http_requests_total counter\nprocess_start_time_seconds 1\n")
    systems.kubernetes.answers[f"GET {PODS}"] = {"kind": "PodList", "items": []}
    found = await watch(systems)
    assert found["api_error_percent/metrics"].value is None
    assert "carry no sample" in found["api_error_percent/metrics"].reason
    assert found["api_metrics_readable"].value == 0
    assert found["api_error_percent/log"].value is None
    assert found["api_error_percent/log"].reason == "no pod of the API runs"


async def test_4xx_entries_of_the_log_do_not_count(systems: Systems) -> None:
    systems.api_server.answers["/metrics"] = wrapped("# TYPE http_requests_total counter\n")
    entry = '\x1b[31merror\x1b[39m: HTTP Exception: {\n  "statusCode": %d\n} {"timestamp":"2026-07-01T08:00:00.000Z"}\n'
    log(systems.kubernetes, "api-a", entry % 500 + entry % 404 * 50 + '\x1b[32minfo\x1b[39m: ok {"timestamp":"x"}\n')
    log(systems.kubernetes, "api-b", entry % 503)
    found = await watch(systems)
    error = found["api_error_percent/log"]
    assert error.value == 10
    assert error.reason.startswith(
        "From the log of 2 pods: 2 of 3 entries are 5xx, those of 4xx left out. Of fewer than 20"
    )
    assert error.summary == "API: share of 5xx entries in its log (its metrics carry no sample)"


async def test_a_pod_whose_log_was_not_read_is_named(systems: Systems) -> None:
    systems.api_server.answers["/metrics"] = wrapped("# TYPE http_requests_total counter\n")
    log(systems.kubernetes, "api-a", '\x1b[32minfo\x1b[39m: ok {"timestamp":"x"}\n')
    systems.kubernetes.answers[f"GET {PODS}/api-b/log"] = status(500, "no log today")
    error = (await watch(systems))["api_error_percent/log"]
    assert error.value == 0
    assert error.reason.startswith("From the log of 1 pods: ")
    assert "api-b: " in error.reason
    assert "api-a" not in error.reason


async def test_a_pod_that_was_evicted_is_asked_for_nothing(systems: Systems) -> None:
    systems.api_server.answers["/metrics"] = wrapped("# TYPE http_requests_total counter\n")
    gone = api_pod("api-c")
    gone["status"] |= {"phase": "Failed", "reason": "Evicted", "containerStatuses": []}
    systems.kubernetes.answers[f"GET {PODS}"] = {"items": [api_pod("api-a"), gone]}
    log(systems.kubernetes, "api-a", '\x1b[32minfo\x1b[39m: ok {"timestamp":"x"}\n')
    error = (await watch(systems))["api_error_percent/log"]
    assert error.value == 0
    assert "api-c" not in error.reason
    assert not [one for one in systems.kubernetes.asked if "/api-c/" in one.path]


async def test_an_api_that_cannot_be_read_is_unknown_with_the_reason(systems: Systems) -> None:
    gone = NovaPulseApi(ApiSettings(novapulse_api_url=f"http://127.0.0.1:{free_port()}"))
    found = await watch(systems, api=gone)
    await gone.close()
    assert found["api_error_percent/metrics"].value is None
    assert "connection refused" in found["api_error_percent/metrics"].reason
    assert found["api_metrics_readable"].value is None
