"""A file as a network: its modules, what they change, and what cannot be used, with reasons."""

from __future__ import annotations

from .network import Match as Match
from .network import Module as Module
from .network import Network as Network
from .network import Unused as Unused
from .network import load as load
