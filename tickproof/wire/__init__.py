"""Payload <-> ticks: Arrow frames and JSON. WireError names what is wrong and where."""
