"""Password hashes: Argon2id through `cryptography`, as text that carries its own settings (PHC).

The cost is RFC 9106's second recommendation, for where memory is short (3 passes over 64 MiB in 4 lanes, a salt of 128
bits, a tag of 256; https://www.rfc-editor.org/rfc/rfc9106#section-4). What a password must look like: arena/people.py.
"""

import base64
import os
import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

AT_ONCE = threading.BoundedSemaphore(2)
"""So that many who sign in at once do not take 64 MiB each."""


@dataclass(frozen=True)
class Cost:
    """`memory` in KiB."""

    passes: int = 3
    memory: int = 64 * 1024
    lanes: int = 4

    def hashed(self, password: str) -> str:
        """With a new salt."""
        kind = Argon2id(
            salt=os.urandom(16), length=32, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory
        )
        with AT_ONCE:
            return kind.derive_phc_encoded(_bytes(password))

    @property
    def nobodys(self) -> str:
        """A hash that belongs to no password, to be compared at the same cost where there is no person."""
        salt, tag = (base64.b64encode(bytes(length)).rstrip(b"=").decode() for length in (16, 32))
        return f"$argon2id$v=19$m={self.memory},t={self.passes},p={self.lanes}${salt}${tag}"


def matches(password: str, hashed: str) -> bool:
    """Whether this is the password that was hashed."""
    with AT_ONCE:
        try:
            Argon2id.verify_phc_encoded(_bytes(password), hashed)
        except InvalidKey:
            return False
        return True


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
