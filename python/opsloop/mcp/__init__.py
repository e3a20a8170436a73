"""The MCP server: what an agent may do with the loop, as tools over stdin and stdout.

`tools` says what they are and what they answer; `server` speaks the protocol (the MCP Python SDK, the extra
`opsloop[mcp]`). An agent reads, emits and proposes. It cannot approve, decide or set policy: the login that it is
given may not, and `fn_assert_agent` refuses one that may.
"""
