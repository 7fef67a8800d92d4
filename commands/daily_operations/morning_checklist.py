"""``/morning-checklist``: the schedule of that name, run now."""

from bot.command import command
from bot.reply import Reply
from bot.schedule import Schedules


@command(
    "/morning-checklist",
    permission="checklist:run",
    section="Daily Operations",
    runbook=(
        "curl https://api.novapulse.com/api/v1/health",
        "curl https://api.novapulse.com/api/v1/queue/stats",
        'curl https://api.novapulse.com/api/v1/metrics | grep -E "(queue_size|http_request_errors)"',
        "kubectl logs -f deployment/novapulse-api -n novapulse --tail=100 | grep ERROR",
    ),
    examples=("/morning-checklist",),
)
async def morning_checklist(*, schedules: Schedules) -> Reply:
    """Run the morning checklist now and show it here."""
    return await schedules.run("morning-checklist")
