"""A service account of Google's, with a key that nobody else has."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def account(token_url: str) -> dict[str, str]:
    """Return the file of an account that gets its tokens at `token_url`."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": "p-1",
        "private_key": pem.decode(),
        "client_email": "robot@p-1.iam.gserviceaccount.com",
        "token_uri": token_url,
    }
