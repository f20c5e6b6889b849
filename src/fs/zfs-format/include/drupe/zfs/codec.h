// SPDX-License-Identifier: BSD-2-Clause
// Block compression. ZLE and LZJB are ours; LZ4, gzip and zstd come from libraries that whoever
// links this library injects: the image tool takes the system's, the kernel its own copies.
#pragma once

#include <drupe/base/result.h>
#include <drupe/zfs/ondisk.h>

namespace drupe::zfs {

/// The library codecs. Implementations are stateless or thread-safe.
class Codecs {
public:
    /// Decodes `in` into exactly out.size() bytes. `in` is the codec's own stream (the length words
    /// that ZFS puts before LZ4 and zstd streams are already gone); for gzip it may be followed by
    /// padding. Errc::corrupt for a bad stream, Errc::not_supported for an unknown codec.
    virtual Result<void> decode(Compress codec, Bytes in, MutableBytes out) = 0;
    /// Encodes `in`; returns the length, or 0 when the result does not fit into `out`.
    virtual Result<std::size_t> encode(Compress codec, int level, Bytes in, MutableBytes out) = 0;

protected:
    ~Codecs() = default;
};

const char* name_of(Compress c);

/// Decodes a block's psize bytes into exactly out.size() bytes. Errc::corrupt, not_supported.
Result<void> decompress(Codecs& codecs, Compress c, Bytes in, MutableBytes out);

/// Encodes `in` with the framing ZFS expects; returns 0 when it does not fit into `out`.
/// `level` matters for zstd only (gzip's is in `c`).
Result<std::size_t> compress(Codecs& codecs, Compress c, int level, Bytes in, MutableBytes out);

/// ZLE with the parameter ZFS uses (64). Zero when the result does not fit into `out`.
std::size_t zle_encode(Bytes in, MutableBytes out);
Result<void> zle_decode(Bytes in, MutableBytes out);
Result<void> lzjb_decode(Bytes in, MutableBytes out);

} // namespace drupe::zfs
