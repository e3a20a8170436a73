"""The executors of this loop; `opsloop up --app executors` offers it."""

import shutil

from opsloop import Context, Fatal, executor


# For steps like {"kind": "disk_free", "params": {"path": "/var"}}. Measuring twice does no harm, so a step whose worker
# vanished is simply run again: that is what `idempotent` says.
@executor("disk_free", idempotent=True)
def disk_free(ctx: Context) -> dict[str, object]:
    """Measure how much of a disk is free. What is returned is the result of the step."""
    path = str(ctx.params.get("path", "/"))
    try:
        disk = shutil.disk_usage(path)
    except FileNotFoundError as error:
        # Trying again would not help. Any other exception, or `Retry`, does try again, up to max_retries.
        raise Fatal(f"there is no {path}") from error
    percent = round(100 * disk.free / disk.total)
    if percent < 10:
        # Stored together with the result, or not at all; a pattern in policy.toml could react to it.
        ctx.emit("disk:low", {"path": path, "free_percent": percent})
    return {"path": path, "free_percent": percent}
