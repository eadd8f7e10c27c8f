"""GHASH by hand, to build one GCM ciphertext with a valid tag under two keys."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

POLYNOMIAL = 0xE1 << 120


def _multiply(left: int, right: int) -> int:
    """In GF(2^128), bits reflected as in NIST SP 800-38D section 6.3."""
    product = 0
    for bit in range(127, -1, -1):
        if right >> bit & 1:
            product ^= left
        left = left >> 1 ^ (POLYNOMIAL if left & 1 else 0)
    return product


def _power(base: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = _multiply(result, base)
        base, exponent = _multiply(base, base), exponent >> 1
    return result


def _inverse(value: int) -> int:
    return _power(value, 2**128 - 2)


def _aes(key: bytes, block: bytes) -> int:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return int.from_bytes(encryptor.update(block), "big")


def _blocks(text: bytes) -> list[int]:
    padded = text + bytes(-len(text) % 16)
    return [int.from_bytes(padded[i : i + 16], "big") for i in range(0, len(padded), 16)]


def _ghash(subkey: int, associated: bytes, ciphertext: bytes) -> int:
    lengths = (len(associated) * 8 << 64) | len(ciphertext) * 8
    total = 0
    for block in [*_blocks(associated), *_blocks(ciphertext), lengths]:
        total = _multiply(total ^ block, subkey)
    return total


def sealed_under_both(
    keys: tuple[bytes, bytes], nonce: bytes, associated: bytes, ciphertext: bytes
) -> bytes:
    """Change the last block of a ciphertext so that one tag is valid under both keys.

    The tag is GHASH plus a mask, both linear in the last block x: solving
    x·H1² + rest1 = x·H2² + rest2 takes one inversion (the partitioning oracle of GCM).
    """
    if len(ciphertext) % 16:
        raise ValueError("whole blocks, please")
    body = ciphertext[:-16] + bytes(16)
    subkeys = [_aes(key, bytes(16)) for key in keys]
    masks = [_aes(key, nonce + (1).to_bytes(4, "big")) for key in keys]
    rests = [
        _ghash(subkey, associated, body) ^ mask for subkey, mask in zip(subkeys, masks, strict=True)
    ]
    squares = [_multiply(subkey, subkey) for subkey in subkeys]
    last = _multiply(rests[0] ^ rests[1], _inverse(squares[0] ^ squares[1]))
    forged = ciphertext[:-16] + last.to_bytes(16, "big")
    tag = _ghash(subkeys[0], associated, forged) ^ masks[0]
    return forged + tag.to_bytes(16, "big")
