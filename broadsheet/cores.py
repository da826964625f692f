"""Cores: how many processes of one kind this machine is given, where nobody says how many."""

from __future__ import annotations

import os

WORKERS = max(1, min(4, os.cpu_count() or 1))
