"""A service account's file that is good at an emulator alone, for clients in a process that has read its variables.

google-auth looks for a metadata server where a variable said so when it was imported; a file it looks for each time.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tuning_emulator.proxy.metadata_server import TOKEN_PATH

_KEY_BITS = 2048


@cache
def _make_key() -> str:
    """A key of its own for each process: nothing checks what it signs."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write_service_account(path: Path, url: str, project: str) -> Path:
    """Writes the file. Source of its form: google-auth ``oauth2/service_account.py``.

    Args:
        url: Of the emulator, which gives tokens there. project: Of the account, and of clients that are given none.
    """
    account = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "tuning-emulator",
        "private_key": _make_key(),
        "client_email": f"tuning-emulator@{project}.iam.gserviceaccount.com",
        "client_id": "100000000000000000000",
        "token_uri": url + TOKEN_PATH,
    }
    path.write_text(json.dumps(account), "utf-8")
    return path
