"""Keeps WebRTC on 127.0.0.1, so that the demo works without a network and no other machine can reach it."""

import aioice.ice


def stay_on_loopback() -> None:
    """Offer 127.0.0.1 as this process's only address for WebRTC."""
    # aioice has no setting to include the loopback address, which is the only one without a network.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
