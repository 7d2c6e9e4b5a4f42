"""Keccak-256, the EIP-712 digest of an order, and the HMAC of a request, from ready states.

A quote changes salt, amounts and time stamp; exchange, maker, signer, token and side stay. So an
order's digest is four integers written into a ready struct and four permutations (a wrapped one:
seven), and an HMAC starts behind its key. The order's shape is its venue's, but every text and
address comes from outside: this module knows no literal of the venue.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset


cdef inline void write_word(unsigned char* word, uint64_t value) noexcept nogil:
    """Write the low eight bytes of a big-endian word; the others stay zero."""
    cdef int i
    for i in range(8):
        word[WORD - 1 - i] = <unsigned char>(value >> (8 * i))


cdef inline void write_hex(char* text, const unsigned char* data, int n) noexcept nogil:
    """Write n bytes as 2 * n digits in lower case."""
    cdef const char* digits = b"0123456789abcdef"
    cdef int i
    for i in range(n):
        text[2 * i] = digits[data[i] >> 4]
        text[2 * i + 1] = digits[data[i] & 15]


def signature_text(bytes signature not None) -> str:
    """Write a recoverable signature as Ethereum does: 0x, r, s and v (27 or 28) in hexadecimal.

    Args:
        signature: r, s and the recovery id, 65 bytes.

    Raises:
        ValueError: Another length, or a recovery id above 1, which no digest is known to give.
    """
    cdef char text[SIGNATURE_DIGITS]
    cdef const unsigned char* data = signature
    cdef unsigned char v
    if len(signature) != 65 or data[64] > 1:
        raise ValueError("a signature must be 65 bytes that end in 0 or 1")
    v = 27 + data[64]
    text[0], text[1] = b"0", b"x"
    write_hex(text + 2, data, 64)
    write_hex(text + 130, &v, 1)
    return text[:SIGNATURE_DIGITS].decode("ascii")


def keccak256(bytes data not None) -> bytes:
    """Hash bytes with Keccak-256, as Ethereum does (not SHA3-256: the padding differs).

    Returns:
        32 bytes.
    """
    cdef unsigned char out[WORD]
    polymm_keccak256(<const unsigned char*>data, <size_t>len(data), out)
    return out[:WORD]


cdef class OrderDigest:
    """Digests of one family of orders: same exchange, maker, signer, token and side.

    Args:
        separator: EIP-712 domain separator of the exchange, 32 bytes.
        order: The order struct as 12 words, 384 bytes: type hash, salt, maker, signer, token id,
            maker amount, taker amount, side, signature type, time stamp, metadata, builder. The
            words of salt, amounts and time stamp must be zero.
        wrap: For a contract wallet, the ERC-7739 struct around an order as 7 words, 224 bytes:
            type hash, contents, name hash, version hash, chain id, wallet, salt. The word of the
            contents must be zero. None where the order's own digest is signed.

    Raises:
        ValueError: A length is wrong or a word to be filled is not zero.
    """

    def __init__(self, bytes separator not None, bytes order not None, bytes wrap=None):
        holes = (SALT_WORD, MAKER_AMOUNT_WORD, TAKER_AMOUNT_WORD, TIMESTAMP_WORD)
        for name, given, words, empty in (
            ("separator", separator, 1, ()),
            ("order", order, ORDER_WORDS, holes),
            ("wrap", bytes(WRAP_WORDS * WORD) if wrap is None else wrap, WRAP_WORDS, (1,)),
        ):
            if len(given) != words * WORD:
                raise ValueError(f"{name} must be {words * WORD} bytes, was {len(given)}")
            for word in empty:
                if any(given[word * WORD:(word + 1) * WORD]):
                    raise ValueError(f"word {word} of {name} must be zero: it is filled later")
        self.wrapped = wrap is not None
        memcpy(self.order, <const unsigned char*>order, ORDER_WORDS * WORD)
        if wrap is None:
            memset(self.wrap, 0, WRAP_WORDS * WORD)
        else:
            memcpy(self.wrap, <const unsigned char*>wrap, WRAP_WORDS * WORD)
        self.sealed[0], self.sealed[1] = 0x19, 0x01
        memcpy(self.sealed + 2, <const unsigned char*>separator, WORD)

    cdef void seal_c(self, const unsigned char* struct_hash, unsigned char* out) noexcept nogil:
        """Digest a struct hash under the exchange's domain."""
        memcpy(self.sealed + 2 + WORD, struct_hash, WORD)
        polymm_keccak256(self.sealed, SEALED, out)

    def fill(
        self,
        uint64_t salt,
        uint64_t maker_amount_e6,
        uint64_t taker_amount_e6,
        uint64_t timestamp_ms,
    ) -> tuple[str, bytes, bytes]:
        """Digest one order of the family.

        Returns:
            The order's id (0x and 64 digits of its digest), the digest to be signed (the same
            unless wrapped), and the order's struct hash; 32 bytes each.

        Raises:
            OverflowError: A value is negative or needs more than 64 bits.
        """
        cdef unsigned char contents[WORD]
        cdef unsigned char outer[WORD]
        cdef unsigned char digest[WORD]
        cdef char text[ID_DIGITS]
        write_word(self.order + SALT_WORD * WORD, salt)
        write_word(self.order + MAKER_AMOUNT_WORD * WORD, maker_amount_e6)
        write_word(self.order + TAKER_AMOUNT_WORD * WORD, taker_amount_e6)
        write_word(self.order + TIMESTAMP_WORD * WORD, timestamp_ms)
        polymm_keccak256(self.order, ORDER_WORDS * WORD, contents)
        self.seal_c(contents, digest)
        text[0], text[1] = b"0", b"x"
        write_hex(text + 2, digest, WORD)
        if self.wrapped:
            memcpy(self.wrap + CONTENTS_WORD * WORD, contents, WORD)
            polymm_keccak256(self.wrap, WRAP_WORDS * WORD, outer)
            self.seal_c(outer, digest)
        return text[:ID_DIGITS].decode("ascii"), digest[:WORD], contents[:WORD]


cdef class HmacSha256:
    """HMAC-SHA256 of one key (RFC 2104), with the states behind both padded keys saved.

    It has no text form and cannot be pickled: its states are as good as the key.

    Args:
        key: Any length.
        portable: Leave the processor's SHA extensions unused; for tests.
    """

    def __init__(self, bytes key not None, *, bint portable=False):
        cdef int extended = not portable and polymm_sha256_has_extensions()
        cdef unsigned char block[BLOCK]
        cdef int i
        memset(block, 0, BLOCK)
        polymm_sha256_init(&self.inner, extended)
        polymm_sha256_init(&self.outer, extended)
        if len(key) > BLOCK:
            polymm_sha256_update(&self.inner, <const unsigned char*>key, <size_t>len(key))
            polymm_sha256_final(&self.inner, block)
            polymm_sha256_init(&self.inner, extended)
        else:
            memcpy(block, <const unsigned char*>key, <size_t>len(key))
        for i in range(BLOCK):
            block[i] ^= 0x36
        polymm_sha256_update(&self.inner, block, BLOCK)
        for i in range(BLOCK):
            block[i] ^= 0x36 ^ 0x5C
        polymm_sha256_update(&self.outer, block, BLOCK)
        memset(block, 0, BLOCK)

    def __reduce_ex__(self, protocol):
        raise TypeError("an HmacSha256 cannot be pickled or copied")

    def sign(self, bytes head not None, bytes body=b"") -> str:
        """Sign a message that is given in two parts.

        Returns:
            44 characters of base64 in the alphabet of URLs, padded.
        """
        cdef unsigned char mac[WORD]
        cdef char text[44]
        cdef polymm_sha256 state = self.inner
        polymm_sha256_update(&state, <const unsigned char*>head, <size_t>len(head))
        polymm_sha256_update(&state, <const unsigned char*>body, <size_t>len(body))
        polymm_sha256_final(&state, mac)
        state = self.outer
        polymm_sha256_update(&state, mac, WORD)
        polymm_sha256_final(&state, mac)
        polymm_base64url(mac, text)
        return text[:44].decode("ascii")
