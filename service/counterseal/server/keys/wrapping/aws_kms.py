"""AWS KMS as the wrapping key: it never leaves KMS. Region, endpoint and credentials come the usual AWS way.

The master key's id goes along as encryption context: KMS authenticates it, writes it to its log, and policies can ask for it.
"""

import logging
import re
from typing import Any, Final, Protocol

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.keys.wrapping.base import SETTING

CONTEXT: Final = "counterseal:master-key-id"
# A key id, an alias, or the ARN of either; "mrk-" ids are those of multi-region keys.
_KEY: Final = re.compile(r"[A-Za-z0-9:/_.-]{1,2048}")
# Seconds, and attempts in all: a server that starts asks once for each master key, and says within the minute what is wrong.
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 5
_ATTEMPTS: Final = 3
# Error codes that mean "ask again later"; https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
_OUTAGES: Final = frozenset(
    {
        *("DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException", "InternalFailure"),
        *("ServiceUnavailable", "ServiceUnavailableException", "InternalServerError", "InternalError"),
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "RequestTimeout"),
        *("RequestTimeoutException", "LimitExceededException", "SlowDown"),
    }
)


class Kms(Protocol):
    """What is used of boto3's client. Its methods take their arguments by the names of KMS's API."""

    def encrypt(self, **arguments: Any) -> dict[str, Any]:
        """See KMS Encrypt."""

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        """See KMS Decrypt."""


class AwsKmsWrapper:
    """Wraps under a symmetric key of AWS KMS. Thread-safe, as boto3's clients are."""

    def __init__(self, key: str, client: Kms) -> None:
        """`key` is what KMS takes as KeyId."""
        self._key = key
        self._client = client

    def wrap(self, key: bytes, *, master_key_id: str) -> bytes:
        """See KeyWrapper. Needs kms:Encrypt."""
        return self._call("Encrypt", self._client.encrypt, "CiphertextBlob", master_key_id, Plaintext=key)

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        """See KeyWrapper. Needs kms:Decrypt. The key is named: KMS would otherwise open what any key of the account wrapped."""
        return self._call("Decrypt", self._client.decrypt, "Plaintext", master_key_id, CiphertextBlob=wrapped)

    def _call(self, name: str, operation: Any, answer: str, master_key_id: str, **given: bytes) -> bytes:
        from botocore import exceptions

        try:
            found = operation(KeyId=self._key, EncryptionContext={CONTEXT: master_key_id}, **given)[answer]
        except exceptions.ClientError as error:
            raise _refusal(error, f"{SETTING}: AWS KMS, {name} of the master key {master_key_id}") from None
        except (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.MetadataRetrievalError) as error:
            # EndpointConnectionError, timeouts, broken connections, TLS. Its text may quote what was sent: the kind is enough.
            raise StoreUnavailable(f"{SETTING}: AWS KMS does not answer ({type(error).__name__})") from None
        except exceptions.BotoCoreError as error:
            raise ConfigError(
                f"{SETTING}: AWS KMS cannot be asked ({type(error).__name__}): are region and credentials given?"
            ) from None
        if not isinstance(found, bytes):
            raise ConfigError(f"{SETTING}: AWS KMS, {name}: the answer holds no key")
        return found


def _refusal(error: Any, what: str) -> ConfigError | StoreUnavailable:
    code = str(error.response.get("Error", {}).get("Code", ""))
    http_code = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _OUTAGES or http_code >= 500:
        return StoreUnavailable(f"{what}: no answer for now ({_named(code)}, {http_code})")
    return ConfigError(f"{what}: refused ({_named(code)})")


def _named(code: str) -> str:
    """Return the code if it reads like one: whatever answers in KMS's place could send anything."""
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else "no known reason"


def open_kms(key: str) -> AwsKmsWrapper:
    """Open AWS KMS; nothing is asked before the first key.

    Raises:
        ConfigError: `key` cannot be one, boto3 is not installed, or what it finds in the environment cannot be used.
    """
    if not _KEY.fullmatch(key):
        raise ConfigError(f"{SETTING}: aws-kms: needs a key id, an alias (alias/...) or an ARN")
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise ConfigError(f"{SETTING}: aws-kms needs boto3: install counterseal[aws-kms]") from None
    # At DEBUG, botocore logs the parameters of its calls and the answers: keys in plain text.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    bounds = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    try:
        # A session of its own: the default one is not thread-safe, and is anybody's to configure.
        return AwsKmsWrapper(key, boto3.session.Session().client("kms", config=bounds))
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"{SETTING}: AWS KMS cannot be opened ({type(error).__name__}): are region and endpoint given?"
        ) from None
