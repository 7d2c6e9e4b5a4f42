from polymm._core.staging cimport Staging, TokenTable

cdef int fast_frame(
    const char* p, const char* end, const TokenTable* tokens, Staging* staging
) noexcept nogil
