"""The commands, one file per family. Importing this package fills :data:`bot.command.REGISTRY`."""

from bot.commands import (
    alert,
    answer,
    ask,
    chart,
    ex_date,
    favourites,
    limits,
    past,
    rehearse,
    review,
    settings,
    system,
    trade,
    undo,
    watch,
    why,
)

__all__ = [
    "alert",
    "answer",
    "ask",
    "chart",
    "ex_date",
    "favourites",
    "limits",
    "past",
    "rehearse",
    "review",
    "settings",
    "system",
    "trade",
    "undo",
    "watch",
    "why",
]
