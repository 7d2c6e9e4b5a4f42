# Keccak-256, the digest of one family of orders (all words of the struct but four stay), and an
# HMAC from saved states.
from libc.stdint cimport uint64_t

cdef extern from "keccak.h" nogil:
    void polymm_keccak256(const unsigned char* data, size_t n, unsigned char* out) noexcept

cdef extern from "sha256.h" nogil:
    ctypedef struct polymm_sha256:
        pass

    int polymm_sha256_has_extensions() noexcept
    void polymm_sha256_init(polymm_sha256* h, int extended) noexcept
    void polymm_sha256_update(polymm_sha256* h, const unsigned char* data, size_t n) noexcept
    void polymm_sha256_final(polymm_sha256* h, unsigned char* out) noexcept
    void polymm_base64url(const unsigned char* data, char* out) noexcept

cdef enum:
    WORD = 32                    # bytes of one EIP-712 word
    ORDER_WORDS = 12             # type hash and eleven fields
    SALT_WORD = 1
    MAKER_AMOUNT_WORD = 5
    TAKER_AMOUNT_WORD = 6
    TIMESTAMP_WORD = 9
    WRAP_WORDS = 7               # type hash, contents, name, version, chain, wallet, salt
    CONTENTS_WORD = 1
    SEALED = 66                  # 0x1901, domain separator, struct hash
    ID_DIGITS = 66               # 0x and 32 bytes
    SIGNATURE_DIGITS = 132       # 0x and 65 bytes
    BLOCK = 64                   # of SHA-256


cdef class OrderDigest:
    cdef unsigned char order[ORDER_WORDS * WORD]
    cdef unsigned char wrap[WRAP_WORDS * WORD]
    cdef unsigned char sealed[SEALED]
    cdef readonly bint wrapped

    cdef void seal_c(self, const unsigned char* struct_hash, unsigned char* out) noexcept nogil


cdef class HmacSha256:
    cdef polymm_sha256 inner     # after the block of the key and the inner pad
    cdef polymm_sha256 outer
