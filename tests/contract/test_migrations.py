"""The migrations lead to the tables the code knows, and can be run again and at once, on every engine."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from node import db
from schemas.errors import StoreUnavailable
from tests.engines import NewDatabase


# An index of PostgreSQL alone is no index to miss on SQLite.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_migrations_lead_to_the_tables_of_the_code(tmp_path: Path, new_database: NewDatabase) -> None:
    engine = db.connect(new_database(tmp_path))
    db.migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
    engine.dispose()


def test_the_index_is_clustered_by_place(tmp_path: Path) -> None:
    engine = db.connect(f"sqlite:///{tmp_path / 'new.db'}")
    db.migrate(engine)
    with engine.connect() as connection:
        made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'variant'").scalar_one()
    assert "WITHOUT ROWID" in made
    assert "PRIMARY KEY (bin, start," in made
    engine.dispose()


def test_two_may_migrate_at_once_and_again(tmp_path: Path, new_database: NewDatabase) -> None:
    url = new_database(tmp_path)
    engines = [db.connect(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(db.migrate, engines))
    db.migrate(engines[0])
    assert "variant" in sa.inspect(engines[0]).get_table_names()
    for engine in engines:
        engine.dispose()


def test_a_schema_of_another_version_is_refused_and_left_alone(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    engine = db.connect(new_database(tmp_path))
    db.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match="schema 9999"):
        db.migrate(engine)
    assert db.held_schema(engine) == "9999"
    engine.dispose()
