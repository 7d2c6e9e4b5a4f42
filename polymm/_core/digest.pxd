# Keccak-256 and the digest of one family of orders: all words of the struct but four stay.
from libc.stdint cimport uint64_t

cdef extern from "keccak.h" nogil:
    void polymm_keccak256(const unsigned char* data, size_t n, unsigned char* out) noexcept

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


cdef class OrderDigest:
    cdef unsigned char order[ORDER_WORDS * WORD]
    cdef unsigned char wrap[WRAP_WORDS * WORD]
    cdef unsigned char sealed[SEALED]
    cdef readonly bint wrapped

    cdef void seal_c(self, const unsigned char* struct_hash, unsigned char* out) noexcept nogil
