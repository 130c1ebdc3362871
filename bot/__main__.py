"""``python -m bot``: the same as ``dingpan``, where the script is not on the path."""

from bot.cli import main

main()
