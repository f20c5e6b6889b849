// SPDX-License-Identifier: BSD-2-Clause
// The build machine's lz4, zlib and zstd behind the format library's interface.
#pragma once

#include <drupe/zfs/codec.h>

namespace drupe::mkzfs {

class SystemCodecs final : public zfs::Codecs {
public:
    Result<void> decode(zfs::Compress codec, zfs::Bytes in, zfs::MutableBytes out) override;
    Result<std::size_t> encode(zfs::Compress codec, int level, zfs::Bytes in,
                               zfs::MutableBytes out) override;
};

} // namespace drupe::mkzfs
