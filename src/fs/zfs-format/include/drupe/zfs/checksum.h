// SPDX-License-Identifier: BSD-2-Clause
// The block checksums of ZFS. All work on whole buffers of the machine's byte order; SHA-2 is also
// incremental, because identifiers of an image are derived from a hash of its content.
#pragma once

#include <drupe/base/result.h>
#include <drupe/zfs/ondisk.h>

namespace drupe::zfs {

/// `data` is a multiple of 16 bytes (ZFS blocks are multiples of 512).
CksumValue fletcher_2(Bytes data);
/// `data` is a multiple of 4 bytes.
CksumValue fletcher_4(Bytes data);

/// FIPS 180-4 SHA-256. The state after finish() must not be used again.
class Sha256 {
public:
    void update(Bytes data);
    void update_u64(std::uint64_t v);
    /// The digest as four words; ZFS keeps them in the order of the digest's bytes, big-endian.
    CksumValue finish();

private:
    void block(const std::byte* p);
    std::uint32_t h_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::uint64_t length_ = 0;
    std::byte pending_[64];
};
CksumValue sha256(Bytes data);
/// SHA-512/256, the function behind the checksum property "sha512".
CksumValue sha512_256(Bytes data);

/// Whether checksum_of() can compute `c` (skein and edonr it cannot).
bool is_supported(Checksum c);
const char* name_of(Checksum c);

/// The checksum that a block pointer of kind `c` holds for `data`; Errc::not_supported otherwise.
Result<CksumValue> checksum_of(Checksum c, Bytes data);

/// Fills in the self-check at the end of `block` (a label part, an uberblock slot, a gang header):
/// SHA-256 over the whole with `verifier` in the place of the checksum.
void seal(MutableBytes block, const CksumValue& verifier);
/// Whether the self-check at the end of `block` holds. Leaves `block` as it was.
bool is_sealed(MutableBytes block, const CksumValue& verifier);
/// The verifier of label parts and uberblocks: their byte offset on the device.
constexpr CksumValue offset_verifier(std::uint64_t offset) { return {{offset, 0, 0, 0}}; }

} // namespace drupe::zfs
