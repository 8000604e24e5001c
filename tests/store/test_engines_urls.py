"""What URLs of MySQL and MariaDB may say, and drivers that are not installed."""

from typing import Any

import pytest

from counterseal.server.errors import ConfigError
from counterseal.server.store import mysql_driver, mysql_tls
from tests.store import samples


@pytest.mark.parametrize(
    ("query", "addresses"),
    [("", [("h", 3306)]), ("?host=i:1&host=j", [("h", 3306), ("i", 1), ("j", 3306)]),
     ("?host=[::1]:5", [("h", 3306), ("::1", 5)]), ("?host=[::1]", [("h", 3306), ("::1", 3306)])],
)  # fmt: skip
def test_addresses_of_mysql(query: str, addresses: list[tuple[str, int]]) -> None:
    from sqlalchemy import make_url

    assert list(mysql_driver.read_url(make_url(f"mysql://u:p@h/d{query}")).addresses) == addresses


def test_tls_of_mysql_checks_unless_told_otherwise() -> None:
    import ssl

    def read(**given: str) -> Any:
        return mysql_tls.read_tls(given).get("ssl")

    assert read() is None
    assert read(ssl="false") is None
    assert mysql_tls.read_tls({"ssl_disabled": "true"}) == {"ssl_disabled": True}
    for given in ({"ssl": "true"}, {"ssl_verify_cert": "true"}, {"ssl_check_hostname": "1"}):
        context = read(**given)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert read(ssl_verify_identity="false").check_hostname is False
    assert read(ssl_verify_identity="false").verify_mode is ssl.CERT_REQUIRED
    assert read(ssl_verify_cert="false").verify_mode is ssl.CERT_NONE
    for wrong in ({"ssl": "perhaps"}, {"ssl_ca": "/nowhere"}, {"ssl_cert": "/nowhere"}, {"ssl_cipher": "none such"}):
        with pytest.raises(ConfigError, match="COUNTERSEAL_DATABASE_URL"):
            read(**wrong)


@pytest.mark.parametrize(
    ("url", "driver", "extra"), [("postgresql://u@h/d", "psycopg", "postgres"), ("mysql://u@h/d", "pymysql", "mysql")]
)
def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, url: str, driver: str, extra: str) -> None:
    import sys

    monkeypatch.setitem(sys.modules, driver, None)
    for name in ("mysql_driver", "postgres_driver", "postgres_watch"):
        monkeypatch.delitem(sys.modules, f"counterseal.server.store.{name}", raising=False)
        monkeypatch.delattr(f"counterseal.server.store.{name}", raising=False)
    with pytest.raises(ConfigError, match=f"COUNTERSEAL_DATABASE_URL.*`{extra}`"):
        samples.open_store(url, timeout=1)
