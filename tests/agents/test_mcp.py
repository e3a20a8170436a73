"""`opsloop mcp`: every tool and every refusal, through the SDK's own client over the stdio of a real process."""

from typing import Any

from mcp import Client

from agents.conftest import Serve
from looping import Loop


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """Calls a tool, which must answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def test_what_policy_leaves_to_a_person_waits_and_says_so(serve: Serve, loop: Loop) -> None:
    async with serve() as client:
        made = await call(
            client,
            "propose_mission",
            title="Clean up",
            steps=[{"kind": "command", "params": {"argv": ["true"]}}],
        )
        print(made)
        print(await call(client, "read_mission", id=made["proposal_id"]))
        print(await call(client, "read_board"))
