"""The history of the schema, and the only place that runs Alembic.

There is no alembic.ini: a new revision is drafted, from a connection to a database at the newest one, by
``alembic.command.revision(configuration(connection), "why", autogenerate=True, rev_id="0002")``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from core.errors import ConfigError

if TYPE_CHECKING:
    from alembic.config import Config

HERE: Final = Path(__file__).parent
REVISIONS: Final = tuple(sorted(path.name.split("_")[0] for path in (HERE / "versions").glob("[0-9]*.py")))
"""Every revision that this program knows, oldest first: the number in front of the file name is the revision."""
HEAD: Final = REVISIONS[-1]


def version(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty. Cheap: loads no Alembic.

    Raises:
        ConfigError: the database is newer than this program.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found not in REVISIONS:
        raise ConfigError(
            [f"数据库的版本({found})比程序认识的({HEAD})新。请升级盯盘程序，或者把 DATABASE_URL 换成另一个数据库。"]
        )
    return found


def to_head(connection: Connection) -> None:
    """Bring the database behind ``connection`` to the newest revision, inside the caller's transaction."""
    from alembic import command

    command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """What alembic.ini would say."""
    from alembic.config import Config

    config = Config()
    # A percent sign would be read as an interpolation.
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
