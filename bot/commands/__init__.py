"""The commands, one file per family. Importing this package fills :data:`bot.command.REGISTRY`."""

from bot.commands import alert, ask, chart, favourites, system, trade, watch

__all__ = ["alert", "ask", "chart", "favourites", "system", "trade", "watch"]
