// SPDX-License-Identifier: BSD-2-Clause
// ZFS keeps zstd frames without their magic number, which the library calls an experimental
// parameter; the contexts are kept for each thread, for making them costs more than a block does.
#define ZSTD_STATIC_LINKING_ONLY
#include "codecs.h"

#include <lz4.h>
#include <memory>
#include <zlib.h>
#include <zstd.h>

namespace drupe::mkzfs {

namespace {

using zfs::Bytes;
using zfs::Compress;
using zfs::MutableBytes;

const char* chars(Bytes b) { return reinterpret_cast<const char*>(b.data()); }
char* chars(MutableBytes b) { return reinterpret_cast<char*>(b.data()); }

struct FreeCctx {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDctx {
    void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

ZSTD_CCtx* zstd_encoder() {
    static thread_local std::unique_ptr<ZSTD_CCtx, FreeCctx> context{ZSTD_createCCtx()};
    if (context) ZSTD_CCtx_setParameter(context.get(), ZSTD_c_format, ZSTD_f_zstd1_magicless);
    return context.get();
}

ZSTD_DCtx* zstd_decoder() {
    static thread_local std::unique_ptr<ZSTD_DCtx, FreeDctx> context{ZSTD_createDCtx()};
    if (context) ZSTD_DCtx_setParameter(context.get(), ZSTD_d_format, ZSTD_f_zstd1_magicless);
    return context.get();
}

Result<void> decode_zstd(Bytes in, MutableBytes out) {
    ZSTD_DCtx* context = zstd_decoder();
    if (context == nullptr) return Errc::no_memory;
    std::size_t n = ZSTD_decompressDCtx(context, out.data(), out.size(), in.data(), in.size());
    if (ZSTD_isError(n) != 0 || n != out.size()) return Errc::corrupt;
    return {};
}

Result<std::size_t> encode_zstd(int level, Bytes in, MutableBytes out) {
    ZSTD_CCtx* context = zstd_encoder();
    if (context == nullptr) return Errc::no_memory;
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0);
    std::size_t n = ZSTD_compress2(context, out.data(), out.size(), in.data(), in.size());
    return ZSTD_isError(n) != 0 ? std::size_t{0} : n;
}

// ZFS keeps gzip's blocks as zlib streams.
Result<void> decode_gzip(Bytes in, MutableBytes out) {
    uLongf length = out.size();
    uLong consumed = in.size();
    int status = uncompress2(reinterpret_cast<Bytef*>(out.data()), &length,
                             reinterpret_cast<const Bytef*>(in.data()), &consumed);
    if (status != Z_OK || length != out.size()) return Errc::corrupt;
    return {};
}

Result<std::size_t> encode_gzip(int level, Bytes in, MutableBytes out) {
    uLongf length = out.size();
    int status = compress2(reinterpret_cast<Bytef*>(out.data()), &length,
                           reinterpret_cast<const Bytef*>(in.data()), in.size(), level);
    return status == Z_OK ? std::size_t{length} : std::size_t{0};
}

Result<void> decode_lz4(Bytes in, MutableBytes out) {
    int n = LZ4_decompress_safe(chars(in), chars(out), static_cast<int>(in.size()),
                                static_cast<int>(out.size()));
    if (n < 0 || static_cast<std::size_t>(n) != out.size()) return Errc::corrupt;
    return {};
}

} // namespace

Result<void> SystemCodecs::decode(Compress codec, Bytes in, MutableBytes out) {
    if (codec == Compress::lz4) return decode_lz4(in, out);
    if (codec == Compress::zstd) return decode_zstd(in, out);
    if (codec >= Compress::gzip_1 && codec <= Compress::gzip_9) return decode_gzip(in, out);
    return Errc::not_supported;
}

Result<std::size_t> SystemCodecs::encode(Compress codec, int level, Bytes in, MutableBytes out) {
    if (codec == Compress::lz4) {
        int n = LZ4_compress_default(chars(in), chars(out), static_cast<int>(in.size()),
                                     static_cast<int>(out.size()));
        return static_cast<std::size_t>(n);
    }
    if (codec == Compress::zstd) return encode_zstd(level, in, out);
    if (codec >= Compress::gzip_1 && codec <= Compress::gzip_9) return encode_gzip(level, in, out);
    return Errc::not_supported;
}

} // namespace drupe::mkzfs
