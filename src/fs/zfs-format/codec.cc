// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/codec.h>

namespace drupe::zfs {

namespace {
constexpr std::size_t zle_literals = 64; // the level in OpenZFS's table for ZLE
constexpr std::size_t zle_zeros = 256 - zle_literals;
} // namespace

// A byte b < 64 is followed by b + 1 literals; b >= 64 stands for b - 63 zeros.
std::size_t zle_encode(Bytes in, MutableBytes out) {
    std::size_t i = 0, o = 0;
    while (i < in.size()) {
        if (o == out.size()) return 0;
        std::size_t start = i, at = o++;
        if (in[i] == std::byte{0}) {
            while (i < in.size() && i - start < zle_zeros && in[i] == std::byte{0}) ++i;
            out[at] = static_cast<std::byte>(i - start - 1 + zle_literals);
            continue;
        }
        // A single zero among literals is cheaper left in place.
        while (i < in.size() && i - start < zle_literals &&
               (in[i] != std::byte{0} || (i + 1 < in.size() && in[i + 1] != std::byte{0})))
            ++i;
        if (out.size() - o < i - start) return 0;
        std::memcpy(&out[o], &in[start], i - start);
        o += i - start;
        out[at] = static_cast<std::byte>(i - start - 1);
    }
    return o;
}

Result<void> zle_decode(Bytes in, MutableBytes out) {
    std::size_t i = 0, o = 0;
    while (o < out.size()) {
        if (i == in.size()) return Errc::corrupt;
        std::size_t b = static_cast<std::size_t>(in[i++]);
        std::size_t n = b < zle_literals ? b + 1 : b + 1 - zle_literals;
        if (n > out.size() - o) return Errc::corrupt;
        if (b < zle_literals) {
            if (n > in.size() - i) return Errc::corrupt;
            std::memcpy(&out[o], &in[i], n);
            i += n;
        } else {
            std::memset(&out[o], 0, n);
        }
        o += n;
    }
    return {};
}

// Each bit of a map byte says whether a literal or a two-byte (length, distance) pair follows.
Result<void> lzjb_decode(Bytes in, MutableBytes out) {
    constexpr unsigned match_bits = 6, match_min = 3, offset_mask = (1 << (16 - match_bits)) - 1;
    std::size_t i = 0, o = 0;
    unsigned map = 0, mask = 0x80;
    while (o < out.size()) {
        mask <<= 1;
        if (mask == 0x100) {
            if (i >= in.size()) return Errc::corrupt;
            map = static_cast<unsigned>(in[i++]);
            mask = 1;
        }
        if ((map & mask) == 0) {
            if (i >= in.size()) return Errc::corrupt;
            out[o++] = in[i++];
            continue;
        }
        if (in.size() - i < 2) return Errc::corrupt;
        unsigned first = static_cast<unsigned>(in[i]), second = static_cast<unsigned>(in[i + 1]);
        i += 2;
        std::size_t length = (first >> (8 - match_bits)) + match_min;
        std::size_t distance = (first << 8 | second) & offset_mask;
        if (distance == 0 || distance > o) return Errc::corrupt;
        for (; length != 0 && o < out.size(); --length, ++o) out[o] = out[o - distance];
    }
    return {};
}

const char* name_of(Compress c) {
    constexpr const char* names[] = {"inherit", "on",     "off",    "lzjb",   "empty",  "gzip-1",
                                     "gzip-2",  "gzip-3", "gzip-4", "gzip-5", "gzip-6", "gzip-7",
                                     "gzip-8",  "gzip-9", "zle",    "lz4",    "zstd"};
    return c < Compress::count_ ? names[static_cast<unsigned>(c)] : "unknown";
}

namespace {
constexpr bool is_gzip(Compress c) { return c >= Compress::gzip_1 && c <= Compress::gzip_9; }
// OpenZFS records the library version and the level in front of a zstd stream.
constexpr std::uint32_t zstd_version = 10405;
} // namespace

Result<void> decompress(Codecs& codecs, Compress c, Bytes in, MutableBytes out) {
    switch (c) {
    case Compress::off:
        if (in.size() < out.size()) return Errc::corrupt;
        std::memcpy(out.data(), in.data(), out.size());
        return {};
    case Compress::empty: std::memset(out.data(), 0, out.size()); return {};
    case Compress::lzjb: return lzjb_decode(in, out);
    case Compress::zle: return zle_decode(in, out);
    case Compress::lz4:
    case Compress::zstd: {
        std::size_t header = c == Compress::lz4 ? 4 : 8;
        if (in.size() < header) return Errc::corrupt;
        std::size_t length = load_be32(in.data());
        if (length > in.size() - header) return Errc::corrupt;
        return codecs.decode(c, in.subspan(header, length), out);
    }
    default:
        if (is_gzip(c)) return codecs.decode(c, in, out);
        return Errc::not_supported;
    }
}

Result<std::size_t> compress(Codecs& codecs, Compress c, int level, Bytes in, MutableBytes out) {
    if (c == Compress::zle) return zle_encode(in, out);
    if (is_gzip(c)) {
        level = static_cast<int>(c) - static_cast<int>(Compress::gzip_1) + 1;
        return codecs.encode(c, level, in, out);
    }
    if (c != Compress::lz4 && c != Compress::zstd) return Errc::not_supported;
    std::size_t header = c == Compress::lz4 ? 4 : 8;
    if (out.size() <= header) return std::size_t{0};
    std::size_t length = TRY(codecs.encode(c, level, in, out.subspan(header)));
    if (length == 0) return std::size_t{0};
    store_be32(out.data(), static_cast<std::uint32_t>(length));
    if (c == Compress::zstd)
        store_le(out.data() + 4, zstd_version | static_cast<std::uint32_t>(level) << 24);
    return header + length;
}

} // namespace drupe::zfs
