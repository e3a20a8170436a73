"""Which addresses may be called: a request is only ever sent to an address that was looked at before."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from opsloop.executors.outcomes import Fatal, Retry

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def resolve(host: str, port: int, *, allow_private: bool, allowed_by: str) -> Address:
    """The address of a host, to which the connection must then go: asked again, the name may be elsewhere.

    Raises Retry for a name that cannot be resolved; Fatal when any of its addresses is not public, unless
    `allow_private`. `allowed_by` says in the message what policy would have to have.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"the host {host!r} cannot be resolved: {error}") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise Fatal(
                    f"the host {host!r} is at {address}, which is not a public address; {allowed_by} for that"
                )
    return addresses[0]


def is_public(address: Address) -> bool:
    """True for an address out on the internet; addresses wrapped in IPv6 are judged by what they wrap."""
    wrapped: ipaddress.IPv4Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    judged: Address = wrapped or address
    return judged.is_global and not judged.is_multicast and not judged.is_reserved
