"""The areas of the client for asyncio, generated; `opsloop.AsyncClient` puts them together."""
