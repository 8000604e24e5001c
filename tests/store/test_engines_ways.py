"""Ways to a database server: sockets, TLS, pools in between, users with few rights."""

import datetime as dt
import ipaddress
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.engine import KeyStore
from tests.store import samples
from tests.store.test_outages import OPERATIONS
from tests.support.mariadb import running_mariadb, shared_mariadb
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import running_postgres, shared_postgres


def works(store: KeyStore) -> None:
    store.upgrade()
    store.insert(samples.stored(), samples.entry())
    store.change("key-1", samples.moved)
    for name, operation in OPERATIONS.items():
        assert name
        operation(store)
    store.close()


def test_postgres_over_a_unix_socket() -> None:
    server = shared_postgres()
    url = server.new_database()
    login, _, place = url.rpartition("@")
    name = place.rpartition("/")[2]
    works(samples.open_store(f"{login}@/{name}?host={quote(str(server.folder), safe='')}&port={server.port}", timeout=60))


def test_mariadb_over_a_unix_socket() -> None:
    server = shared_mariadb()
    url = server.new_database()
    login, _, place = url.rpartition("@")
    name = place.rpartition("/")[2]
    works(samples.open_store(f"{login}@/{name}?unix_socket={quote(server.socket, safe='')}", timeout=60))


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mariadb+pymysql", "postgresql"])
def test_short_and_other_names_of_the_same(scheme: str) -> None:
    url = (shared_postgres() if scheme == "postgresql" else shared_mariadb()).new_database()
    works(samples.open_store(scheme + url[url.index("://") :], timeout=60))


def test_pgbouncer_in_session_mode() -> None:
    server = shared_postgres()
    with running_pgbouncer(server) as bouncer:
        url = bouncer.through(server.new_database())
        store = samples.open_store(url, timeout=60)
        works(store)
        store = samples.open_store(url, timeout=60)
        watch = store.database.watch()
        store.change("key-1", samples.moved)
        watch.wait(60)
        watch.close()
        bouncer.restart()
        assert store.read_key("key-1") is not None
        store.change("key-1", samples.moved)
        store.close()


def test_pgbouncer_in_transaction_mode_without_listening() -> None:
    server = shared_postgres()
    with running_pgbouncer(server, mode="transaction", pool_size=2) as bouncer:
        url = bouncer.through(server.new_database())
        works(samples.open_store(url, timeout=60, listen=False))
        stores = [samples.open_store(url, timeout=60, listen=False) for _ in range(4)]
        threads = [threading.Thread(target=changed_often, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = stores[0].read_key("key-1")
        assert found is not None
        assert stores[0].change_sequence() >= 40
        for store in stores:
            store.close()


def changed_often(store: KeyStore) -> None:
    for _ in range(10):
        store.read_key("key-1")
        store.change("key-1", samples.moved)


def write_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority, as `cert.pem` and `key.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_tls_to_postgres(tmp_path: Path) -> None:
    for folder in (tmp_path / "right", tmp_path / "wrong"):
        folder.mkdir()
        write_certificate(folder)
    with running_postgres() as server:
        for name in ("cert.pem", "key.pem"):
            target = server.folder / name
            target.write_bytes((tmp_path / "right" / name).read_bytes())
            target.chmod(0o600)
            server.give(target)
        server.options |= {
            "ssl": "on",
            "ssl_cert_file": f"{server.folder}/cert.pem",
            "ssl_key_file": f"{server.folder}/key.pem",
        }
        server.restart()
        url = server.new_database()
        store = samples.open_store(f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/right/cert.pem", timeout=60)
        store.upgrade()
        with store.database.reads.connect() as connection:
            used = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert used.scalar_one() is True
        works(store)
        wrong = samples.open_store(f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/wrong/cert.pem", timeout=60)
        with pytest.raises(StoreUnavailable):
            wrong.read_key("key-1")


def test_tls_to_mariadb(tmp_path: Path) -> None:
    for folder in (tmp_path / "right", tmp_path / "wrong"):
        folder.mkdir()
        write_certificate(folder)
    with running_mariadb() as server:
        for name in ("cert.pem", "key.pem"):
            target = server.folder / name
            target.write_bytes((tmp_path / "right" / name).read_bytes())
            server.give(target)
        server.options |= {"ssl-cert": f"{server.folder}/cert.pem", "ssl-key": f"{server.folder}/key.pem"}
        server.restart()
        url = server.new_database()
        store = samples.open_store(f"{url}?ssl_ca={tmp_path}/right/cert.pem&ssl_verify_identity=true", timeout=60)
        store.upgrade()
        with store.database.reads.connect() as connection:
            row = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()
            assert row[1]
        works(store)
        wrong = samples.open_store(f"{url}?ssl_ca={tmp_path}/wrong/cert.pem&ssl_verify_identity=true", timeout=60)
        with pytest.raises(StoreUnavailable):
            wrong.read_key("key-1")


@pytest.mark.parametrize("wrong", ["password", "database", "user"])
@pytest.mark.parametrize("server", [shared_postgres, shared_mariadb])
def test_a_login_that_is_refused_is_an_outage_that_shows_no_password(server: object, wrong: str) -> None:
    url: str = server().new_database()  # type: ignore[operator]
    changed = {
        "password": url.replace("Pass", "Wrong-Pass"),
        "database": url + "_absent",
        "user": url.replace("counterseal:", "nobody:"),
    }
    store = samples.open_store(changed[wrong], timeout=60)
    with pytest.raises(StoreUnavailable) as caught:
        store.read_key("key-1")
    error: BaseException | None = caught.value
    while error is not None:
        assert "Pass" not in str(error)
        assert "Pass" not in repr(error)
        error = error.__cause__ or error.__context__
    store.close()


def test_a_user_without_rights_to_change_tables_serves() -> None:
    """Migrations by another user: `counterseal db upgrade` runs as the owner."""
    server = shared_postgres()
    url = server.new_database()
    name = url.rpartition("/")[2]
    owner = samples.open_store(url, timeout=60)
    owner.upgrade()
    owner.close()
    server.execute("DO $$ BEGIN CREATE ROLE server LOGIN PASSWORD 'server'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    server.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO server", name)
    server.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO server", name)
    works(samples.open_store(f"postgresql://server:server@{server.address}/{name}", timeout=60))


def test_a_mariadb_user_without_rights_to_change_tables_serves() -> None:
    server = shared_mariadb()
    name = server.new_database().rpartition("/")[2]
    server.execute("CREATE USER IF NOT EXISTS owner@'%' IDENTIFIED BY 'owner'")
    server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON {name}.* TO owner@'%'")
    owner = samples.open_store(f"mysql://owner:owner@{server.address}/{name}", timeout=60)
    owner.upgrade()
    owner.close()
    server.execute("CREATE USER IF NOT EXISTS server@'%' IDENTIFIED BY 'server'")
    server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO server@'%'")
    works(samples.open_store(f"mysql://server:server@{server.address}/{name}", timeout=60))
