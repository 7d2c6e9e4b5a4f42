"""Bytes to and from a peer: connections, deadlines, pacing. Nothing here knows a venue."""
