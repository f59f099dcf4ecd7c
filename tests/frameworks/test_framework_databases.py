"""Whoever logs an object of a database waits for no query: it shows what it holds, or its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from django.contrib.auth.models import User
from django.db.models import QuerySet
from payloads import record, row, sent, traced
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column, relationship

from helicone_logging import bind
from helicone_logging.payload.export_policy import ExportPolicy


class Base(DeclarativeBase):
    pass


class Order(Base):
    """As most write one: its text is made of what it has loaded."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]

    def __repr__(self) -> str:
        return f"Order({self.id}, {self.item})"


class DataBase(MappedAsDataclass, DeclarativeBase):
    pass


class Customer(DataBase):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str]
    pets: Mapped[list[Pet]] = relationship(default_factory=list)


class Pet(DataBase):
    __tablename__ = "pet"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str]
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id"), default=None)


class Database:
    """An empty database, and the statements that it is asked to run."""

    def __init__(self) -> None:
        self.engine = sa.create_engine("sqlite://")
        Base.metadata.create_all(self.engine)
        DataBase.metadata.create_all(self.engine)
        self.statements: list[str] = []
        sa.event.listen(self.engine, "before_cursor_execute", lambda *given: self.statements.append(given[2]))


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.engine.dispose()


FIELDS = (
    "order",
    "user_id",
    "model",
    "messages",
    "completion",
    "properties",
    "status",
    "duration",
    "trace_id",
    "span_id",
)


@pytest.mark.parametrize("name", FIELDS)
def test_an_expired_object_is_named(database: Database, name: str) -> None:
    with Session(database.engine) as session:
        order = Order(item="tea")
        session.add(order)
        session.commit()
        database.statements.clear()
        sent(traced(**{name: order}))
        assert sent(traced(values=[order]))["values"] == '["<Order 1, expired>"]'
        assert database.statements == []
        assert order.item == "tea"
        assert sent(traced(values=[order]))["values"] == '["Order(1, tea)"]'


def test_a_relationship_that_is_not_loaded_stays_so(database: Database) -> None:
    with Session(database.engine) as session:
        session.add(Customer("ada", [Pet("rex")]))
        session.commit()
    with Session(database.engine) as session:
        customer = session.scalars(sa.select(Customer)).one()
        database.statements.clear()
        assert sent(traced(customer=customer))["customer"] == '{"id":1,"name":"ada"}'
        assert database.statements == []


class Asked(QuerySet):  # type: ignore[type-arg]
    """A QuerySet that fails the test where it is evaluated."""

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            raise AssertionError("a query")


@pytest.mark.parametrize("name", FIELDS)
def test_a_query_set_is_named_and_not_evaluated(name: str) -> None:
    found: Any = Asked(User)
    values = sent(traced(**{name: found, "found": [found]}))
    assert values["found"] == '["<Asked of User, not evaluated>"]'
    assert found._result_cache is None


def test_a_query_set_that_was_evaluated_shows_what_it_found() -> None:
    found: Any = Asked(User)
    found._result_cache = [User(username="ada")]
    assert sent(traced(found=found))["found"] == "<Asked [<User: ada>]>"


def test_a_query_set_is_nobody_and_no_message() -> None:
    shown = row(traced(user_id=Asked(User), prompt=Asked(User)))
    assert "not evaluated" in shown.messages[0].content


@pytest.mark.parametrize("name", FIELDS)
def test_to_choose_a_record_is_no_query_either(database: Database, name: str) -> None:
    with Session(database.engine) as session, bind(trace_id="t"):
        order = Order(item="tea")
        session.add(order)
        session.commit()
        database.statements.clear()
        policy = ExportPolicy("explicit", {})
        assert policy(record(**{name: order})) == policy(record(**{name: Asked(User)}))
        assert database.statements == []
