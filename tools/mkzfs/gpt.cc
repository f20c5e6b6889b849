// SPDX-License-Identifier: BSD-2-Clause
#include "gpt.h"

#include "output.h"

#include <array>
#include <cstring>
#include <zlib.h>

namespace drupe::mkzfs {

namespace {

constexpr std::size_t sector = 512, entry_count = 128, entry_size = 128;
constexpr std::size_t table_sectors = entry_count * entry_size / sector;
constexpr char signature[] = "EFI PART";

using Guid = std::array<std::uint8_t, 16>;
// Type GUIDs as they lie on disk (first three fields little-endian).
constexpr Guid type_zfs = {0xc3, 0x8c, 0x89, 0x6a, 0xd2, 0x1d, 0xb2, 0x11,
                           0x99, 0xa6, 0x08, 0x00, 0x20, 0x73, 0x66, 0x31}; // 6A898CC3-1DD2-11B2-…
constexpr Guid type_linux = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                             0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};

std::uint32_t crc(zfs::Bytes b) {
    return static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(b.data()), static_cast<uInt>(b.size())));
}

// A version-4 GUID from a hash of the seed, so that equal images have equal GUIDs.
Guid derive_guid(const zfs::CksumValue& seed, std::uint64_t index) {
    zfs::Sha256 hash;
    for (std::uint64_t w : seed.word) hash.update_u64(w);
    hash.update_u64(index);
    zfs::CksumValue v = hash.finish();
    Guid g;
    std::memcpy(g.data(), v.word, g.size());
    g[7] = static_cast<std::uint8_t>((g[7] & 0x0f) | 0x40);
    g[8] = static_cast<std::uint8_t>((g[8] & 0x3f) | 0x80);
    return g;
}

void put_guid(std::byte* p, const Guid& g) { std::memcpy(p, g.data(), g.size()); }

std::vector<std::byte> protective_mbr(std::uint64_t sectors) {
    std::vector<std::byte> b(sector);
    std::byte* entry = &b[446];
    entry[2] = std::byte{2}; // cylinder/head/sector of LBA 1
    entry[4] = std::byte{0xee};
    std::memset(entry + 5, 0xff, 3);
    zfs::store_le<std::uint32_t>(entry + 8, 1);
    std::uint64_t length = sectors - 1;
    zfs::store_le(entry + 12,
                  static_cast<std::uint32_t>(length > 0xffffffff ? 0xffffffff : length));
    b[510] = std::byte{0x55};
    b[511] = std::byte{0xaa};
    return b;
}

std::vector<std::byte> entries(const std::vector<Partition>& partitions,
                               const zfs::CksumValue& seed) {
    std::vector<std::byte> b(entry_count * entry_size);
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        const Partition& p = partitions[i];
        std::byte* e = &b[i * entry_size];
        put_guid(e, p.is_zfs ? type_zfs : type_linux);
        put_guid(e + 16, derive_guid(seed, 1 + i));
        zfs::store_le(e + 32, p.offset / sector);
        zfs::store_le(e + 40, (p.offset + p.size) / sector - 1);
        for (std::size_t k = 0; k < p.name.size(); ++k)
            e[56 + 2 * k] = static_cast<std::byte>(p.name[k]); // UTF-16LE of ASCII
    }
    return b;
}

std::vector<std::byte> header(std::uint64_t self, std::uint64_t other, std::uint64_t table,
                              std::uint64_t sectors, std::uint32_t table_crc, const Guid& guid) {
    std::vector<std::byte> b(sector);
    std::memcpy(b.data(), signature, 8);
    zfs::store_le<std::uint32_t>(&b[8], 0x00010000);
    zfs::store_le<std::uint32_t>(&b[12], 92);
    zfs::store_le(&b[24], self);
    zfs::store_le(&b[32], other);
    zfs::store_le<std::uint64_t>(&b[40], 2 + table_sectors);
    zfs::store_le<std::uint64_t>(&b[48], sectors - table_sectors - 2);
    put_guid(&b[56], guid);
    zfs::store_le(&b[72], table);
    zfs::store_le<std::uint32_t>(&b[80], entry_count);
    zfs::store_le<std::uint32_t>(&b[84], entry_size);
    zfs::store_le(&b[88], table_crc);
    zfs::store_le(&b[16], crc({b.data(), 92}));
    return b;
}

} // namespace

void write_gpt(Output& out, std::uint64_t disk_size, const std::vector<Partition>& partitions,
               const zfs::CksumValue& seed) {
    std::uint64_t sectors = disk_size / sector, last = sectors - 1;
    std::vector<std::byte> table = entries(partitions, seed);
    Guid guid = derive_guid(seed, 0);
    out.write_file(0, protective_mbr(sectors));
    out.write_file(sector, header(1, last, 2, sectors, crc(table), guid));
    out.write_file(2 * sector, table);
    out.write_file((last - table_sectors) * sector, table);
    out.write_file(last * sector, header(last, 1, last - table_sectors, sectors, crc(table), guid));
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> find_zfs_partition(zfs::BlockSource& disk) {
    std::byte h[sector];
    if (disk.size() < 4096 || !disk.read(sector, h).ok()) return std::nullopt;
    if (std::memcmp(h, signature, 8) != 0) return std::nullopt;
    std::uint32_t stored = zfs::load_le<std::uint32_t>(h + 16);
    zfs::store_le<std::uint32_t>(h + 16, 0);
    if (crc({h, 92}) != stored) return std::nullopt;
    std::uint64_t table = zfs::load_le<std::uint64_t>(h + 72);
    std::uint32_t count = zfs::load_le<std::uint32_t>(h + 80);
    std::uint32_t size = zfs::load_le<std::uint32_t>(h + 84);
    if (size < entry_size || size > 4096 || count > 1024) return std::nullopt;
    for (std::uint32_t i = 0; i < count; ++i) {
        std::byte e[entry_size];
        if (!disk.read(table * sector + std::uint64_t{i} * size, e).ok()) return std::nullopt;
        if (std::memcmp(e, type_zfs.data(), type_zfs.size()) != 0) continue;
        std::uint64_t first = zfs::load_le<std::uint64_t>(e + 32);
        std::uint64_t end = zfs::load_le<std::uint64_t>(e + 40) + 1;
        if (end <= first || end > disk.size() / sector) return std::nullopt;
        return std::pair{first * sector, (end - first) * sector};
    }
    return std::nullopt;
}

} // namespace drupe::mkzfs
