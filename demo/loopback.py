"""Keeps WebRTC on 127.0.0.1, so that the demo works with no network at all and is seen by no other machine."""

import aioice.ice


def stay_on_loopback() -> None:
    """Offer 127.0.0.1 as this process's only address for WebRTC."""
    # aioice leaves the loopback address out and has no setting for it; without a network nothing else remains.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
