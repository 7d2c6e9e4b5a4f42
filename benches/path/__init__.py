"""The path over loopback sockets: bytes out and back, frames in; p50, p99 and p99.9."""
