"""Bring a database to this program's schema at start, in one transaction, or refuse it."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from medquorum.node.store.dialects import parse_storage_url, writer_engine
from medquorum.node.store.errors import StoreTooNew

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSIONS: Final = MIGRATIONS / "versions"


def upgrade_to_head(storage_url: str, *, versions: Path = VERSIONS) -> str | None:
    """Apply every outstanding revision in `versions`; return the revision reached (None: none).

    Raises StoreTooNew when the database holds a revision this program does not know.
    """
    engine = writer_engine(parse_storage_url(storage_url))
    try:
        with engine.begin() as connection:
            config = migration_config(connection, versions=versions)
            _refuse_unknown_revisions(connection, ScriptDirectory.from_config(config))
            command.upgrade(config, "head")
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def migration_config(connection: Connection, *, versions: Path = VERSIONS) -> Config:
    """Return an Alembic configuration bound to an open connection."""
    config = Config()
    config.set_main_option("script_location", _escaped(MIGRATIONS))
    config.set_main_option("version_locations", _escaped(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _refuse_unknown_revisions(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    if unknown:
        raise StoreTooNew(
            f"the database is at revision {', '.join(sorted(unknown))}, newer than this program; "
            "start the newer version, or restore a backup made by this one"
        )
