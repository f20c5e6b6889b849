// SPDX-License-Identifier: BSD-2-Clause
// The pieces of the on-disk format, each against published values or against its other half.
#include <catch2/catch.hpp>

#include <drupe/zfs/checksum.h>
#include <drupe/zfs/codec.h>
#include <drupe/zfs/nvlist.h>
#include <drupe/zfs/object.h>
#include <drupe/zfs/sa.h>
#include <drupe/zfs/space_map.h>
#include <drupe/zfs/zap.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace drupe;
using namespace drupe::zfs;

namespace {

std::vector<std::byte> random_bytes(std::size_t n, unsigned seed) {
    std::mt19937 random{seed};
    std::vector<std::byte> v(n);
    for (std::byte& b : v) b = static_cast<std::byte>(random());
    return v;
}

struct NoCodecs final : Codecs {
    Result<void> decode(Compress, Bytes, MutableBytes) override { return Errc::not_supported; }
    Result<std::size_t> encode(Compress, int, Bytes, MutableBytes) override {
        return Errc::not_supported;
    }
};

// The blocks of a table in memory.
struct ImageView final : BlockView {
    explicit ImageView(const ZapImage& i) : image(i) {}
    Result<Bytes> block(std::uint64_t index) override {
        if (index >= block_count()) return Errc::io;
        return Bytes{image.blocks.span()}.subspan(index * image.block_size, image.block_size);
    }
    std::size_t block_size() const override { return image.block_size; }
    std::uint64_t block_count() const override { return image.blocks.size() / image.block_size; }
    const ZapImage& image;
};

} // namespace

TEST_CASE("SHA-256 gives the values of FIPS 180-4's examples") {
    CHECK(sha256(bytes_of("abc")).word[0] == 0xba7816bf8f01cfea);
    CHECK(sha256({}).word[3] == 0xa495991b7852b855);
    std::string long_message = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    CHECK(sha256(bytes_of(long_message)).word[0] == 0x248d6a61d20638b8);
}

TEST_CASE("SHA-256 does not depend on how its input is cut") {
    auto data = random_bytes(1000, 1);
    CksumValue whole = sha256(data);
    for (std::size_t cut : {1u, 63u, 64u, 65u, 127u, 500u}) {
        Sha256 s;
        s.update(Bytes{data}.first(cut));
        s.update(Bytes{data}.subspan(cut));
        CHECK(s.finish() == whole);
    }
}

TEST_CASE("SHA-512/256 gives the value of FIPS 180-4's example") {
    CHECK(sha512_256(bytes_of("abc")).word[0] == 0x53048e2681941ef9);
    CHECK(sha512_256({}).word[0] == 0xc672b8d1ef56ed28);
}

TEST_CASE("Fletcher sums weigh words by their place") {
    std::byte words[16] = {std::byte{1}, {},           {}, {}, std::byte{2}, {},          {},
                           {},           std::byte{3}, {}, {}, {},           std::byte{4}};
    CHECK(fletcher_4(words) == CksumValue{{10, 20, 35, 56}});
    CHECK(fletcher_2(words) ==
          CksumValue{{1 + (2ull << 32), 3 + (4ull << 32), 1 + (2ull << 32), 3 + (4ull << 32)}});
}

TEST_CASE("a sealed block is sealed for its place only") {
    auto block = random_bytes(1024, 2);
    seal(block, offset_verifier(4096));
    CHECK(is_sealed(block, offset_verifier(4096)));
    CHECK_FALSE(is_sealed(block, offset_verifier(8192)));
    block[5] ^= std::byte{1};
    CHECK_FALSE(is_sealed(block, offset_verifier(4096)));
}

TEST_CASE("what ZLE encodes it decodes") {
    std::mt19937 random{3};
    for (int round = 0; round < 300; ++round) {
        std::vector<std::byte> data(1 + random() % 2000);
        for (std::size_t i = 0; i < data.size();) {
            std::size_t run = std::min<std::size_t>(1 + random() % 400, data.size() - i);
            bool zero = random() % 2 != 0;
            for (std::size_t k = 0; k < run; ++k)
                data[i++] = zero ? std::byte{0} : static_cast<std::byte>(random() % 3);
        }
        std::vector<std::byte> packed(data.size() * 2 + 16), back(data.size());
        std::size_t n = zle_encode(data, packed);
        REQUIRE(n != 0);
        REQUIRE(zle_decode(Bytes{packed}.first(n), back).ok());
        REQUIRE(back == data);
        REQUIRE(zle_encode(data, MutableBytes{packed}.first(n - 1)) == 0);
        CHECK_FALSE(zle_decode(Bytes{packed}.first(n - 1), back).ok());
    }
}

TEST_CASE(
    "LZJB decodes a literal and an overlapping copy, and refuses a copy from before the start") {
    // Map 0b10: a literal, then a copy of 5 bytes from distance 1.
    std::byte good[] = {std::byte{2}, std::byte{'x'}, std::byte{2 << 2}, std::byte{1}};
    std::byte out[6];
    REQUIRE(lzjb_decode(good, out).ok());
    CHECK(text_of(out) == "xxxxxx");
    good[3] = std::byte{2};
    CHECK(lzjb_decode(good, out).error() == Errc::corrupt);
}

TEST_CASE("name-value lists come back from both encodings") {
    auto encoding = GENERATE(NvEncoding::xdr, NvEncoding::native);
    Buffer out;
    NvWriter nv{out, encoding};
    std::byte raw[] = {std::byte{1}, std::byte{2}, std::byte{3}};
    REQUIRE(nv.begin().ok());
    REQUIRE(nv.u64("number", 0x123456789abcdef0).ok());
    REQUIRE(nv.begin_list("inner").ok());
    REQUIRE(nv.string("deep", "value").ok());
    REQUIRE(nv.end_list().ok());
    REQUIRE(nv.begin_list("array", NvType::nvlist_array).ok());
    REQUIRE(nv.u64("element", 7).ok());
    REQUIRE(nv.end_list().ok());
    REQUIRE(nv.byte_array("bytes", raw).ok());
    REQUIRE(nv.boolean("flag").ok());
    REQUIRE(nv.string("last", "").ok());
    REQUIRE(nv.end().ok());

    auto list = NvList::open(out.span());
    REQUIRE(list.ok());
    CHECK(list.value().u64("number").value() == 0x123456789abcdef0);
    CHECK(list.value().string("last").value() == "");
    CHECK(list.value().find("inner").value().as_nvlist().value().string("deep").value() == "value");
    auto array = list.value().find("array").value();
    CHECK(array.as_nvlist(0).value().u64("element").value() == 7);
    CHECK(array.as_nvlist(1).error() == Errc::not_found);
    CHECK(list.value().find("bytes").value().as_byte_array().value().size() == 3);
    CHECK(list.value().find("flag").value().type == NvType::boolean);
    CHECK(list.value().u64("absent").error() == Errc::not_found);
    CHECK(list.value().u64("last").error() == Errc::invalid);
    for (std::size_t cut = 0; cut + 1 < out.size(); ++cut) { // every truncation is noticed
        auto part = NvList::open(Bytes{out.span()}.first(cut));
        if (part.ok()) CHECK_FALSE(part.value().u64("absent").error() == Errc::ok);
    }
}

TEST_CASE("tables of every size hold what was put into them") {
    auto [count, long_names] = GENERATE(table<std::size_t, bool>({{0, false},
                                                                  {1, false},
                                                                  {1, true},
                                                                  {100, false},
                                                                  {2047, false},
                                                                  {2048, false},
                                                                  {300, true},
                                                                  {20000, true}}));
    std::map<std::string, std::uint64_t> wanted;
    for (std::size_t i = 0; i < count; ++i)
        wanted[(long_names ? std::string(50 + i % 200, 'n') : "name") + std::to_string(i)] = i * 3;
    std::vector<ZapItem> items;
    for (const auto& [name, value] : wanted) items.push_back({name, value});
    auto built = build_zap(items, 0x1234567);
    REQUIRE(built.ok());
    ImageView view{built.value()};
    auto opened = ZapReader::open(view);
    REQUIRE(opened.ok());
    ZapReader zap = std::move(opened).value();
    CHECK(zap.is_micro() == (count < 2048 && !(long_names && count != 0)));
    CHECK(zap.claimed_entries() == count);
    std::map<std::string, std::uint64_t> found;
    ZapEntry e;
    for (std::uint64_t at = 0; zap.next(at, e).value();) found[std::string(e.name)] = e.value;
    CHECK(found == wanted);
    if (count > 3000) return; // one lookup copies no block, but opening them all takes a while
    for (const auto& [name, value] : wanted) REQUIRE(zap.u64(name).value() == value);
    CHECK(zap.u64("no such name").error() == Errc::not_found);
}

TEST_CASE("tables keep arrays of integers of every size") {
    std::uint16_t small[] = {1, 2, 0xfffe};
    std::string text = "a text that needs more than one chunk of twenty-one bytes";
    ZapItem items[] = {{"small", 0, 2, std::as_bytes(std::span{small})},
                       {"text", 0, 1, bytes_of(text)}};
    auto built = build_zap(items, 1);
    REQUIRE(built.ok());
    ImageView view{built.value()};
    ZapReader zap = ZapReader::open(view).value();
    ZapEntry e = zap.lookup("small").value();
    CHECK(e.integers == 3);
    CHECK(load_be16(&e.values[4]) == 0xfffe);
    CHECK(text_of(zap.lookup("text").value().values) == text);
}

TEST_CASE("attributes come back from bonus buffer and spill block") {
    auto [link, xattr] = GENERATE(table<std::size_t, std::size_t>({{0, 0},
                                                                   {10, 0},
                                                                   {144, 0},
                                                                   {145, 0},
                                                                   {4000, 0},
                                                                   {0, 100},
                                                                   {0, 5000},
                                                                   {10, 40},
                                                                   {10, 3000},
                                                                   {4000, 30000}}));
    std::string target(link, 't');
    auto extra = random_bytes(xattr, 5);
    ZplAttrs a;
    a.mode = link != 0 ? 0120777 : 0100644;
    a.size = link;
    a.uid = 3;
    a.gid = 4;
    a.links = 2;
    a.parent = 77;
    a.mtime = {123, 456};
    a.symlink = bytes_of(target);
    a.dxattr = extra;
    std::byte bonus[bonus_size] = {};
    Buffer spill;
    auto done = encode_attributes(a, bonus, spill);
    REQUIRE(done.ok());
    CHECK(done.value().bonus_length <= (spill.empty() ? bonus_size : bonus_size_spill));

    auto registry = build_sa_registry(1), layouts = build_sa_layouts(1);
    ImageView registry_view{registry.value()}, layouts_view{layouts.value()};
    ZapReader registry_zap = ZapReader::open(registry_view).value();
    ZapReader layouts_zap = ZapReader::open(layouts_view).value();
    auto tables = SaTables::read(registry_zap, layouts_zap);
    REQUIRE(tables.ok());
    ZplAttrs b;
    REQUIRE(tables.value().decode({bonus, done.value().bonus_length}, b).ok());
    if (!spill.empty()) REQUIRE(tables.value().decode(spill.span(), b).ok());
    CHECK(b.mode == a.mode);
    CHECK(b.uid == 3);
    CHECK(b.parent == 77);
    CHECK(b.mtime.nanoseconds == 456);
    CHECK(text_of(b.symlink) == target);
    CHECK(text_of(b.dxattr) == text_of(extra));
}

TEST_CASE("a symlink's target lies where boot loaders look for it") {
    ZplAttrs a;
    a.mode = 0120777;
    a.symlink = bytes_of("usr/lib");
    std::byte bonus[bonus_size] = {};
    Buffer spill;
    REQUIRE(encode_attributes(a, bonus, spill).ok());
    std::size_t header = (load_le<std::uint16_t>(bonus + 4) >> 10) * 8;
    CHECK(text_of({bonus + header + 0xa0, 7}) == "usr/lib");
}

TEST_CASE("space maps list what was put into them, in entries no longer than they may be") {
    Buffer out;
    REQUIRE(encode_space_map(out, {4096, 40000ull * 4096, SpaceMapEntry::Type::alloc}, 12).ok());
    REQUIRE(encode_space_map(out, {8192, 4096, SpaceMapEntry::Type::free}, 12).ok());
    CHECK(out.size() == 3 * 8);
    Bytes rest = out.span();
    SpaceMapEntry e;
    std::uint64_t sum = 0;
    REQUIRE(decode_space_map(rest, e, 12).value());
    CHECK(e.offset == 4096);
    sum += e.length;
    REQUIRE(decode_space_map(rest, e, 12).value());
    CHECK(e.offset == 4096 + 32768ull * 4096);
    CHECK(sum + e.length == 40000ull * 4096);
    REQUIRE(decode_space_map(rest, e, 12).value());
    CHECK(e.type == SpaceMapEntry::Type::free);
    CHECK_FALSE(decode_space_map(rest, e, 12).value());
}

TEST_CASE("blocks of codecs nobody linked are refused, not misread") {
    NoCodecs none;
    std::byte in[64] = {}, out[512];
    for (Compress c : {Compress::lz4, Compress::zstd, Compress::gzip_9, Compress::inherit})
        CHECK_FALSE(decompress(none, c, in, out).ok());
}

TEST_CASE("what goes into a pointer comes out of it, whatever its length") {
    std::byte payload[embedded_payload_size], back[embedded_payload_size];
    for (std::size_t i = 0; i < sizeof payload; ++i) payload[i] = static_cast<std::byte>(i + 1);
    for (std::size_t n : {1u, 47u, 48u, 49u, 72u, 73u, 111u, 112u}) {
        Blkptr bp = embedded_blkptr(ObjectType::plain_file_contents, 131072, Compress::lz4,
                                    Bytes{payload}.first(n), 7);
        CHECK(bp.is_embedded());
        CHECK(bp.psize() == n);
        CHECK(bp.lsize() == 131072);
        CHECK(bp.compress() == Compress::lz4);
        CHECK(bp.type() == ObjectType::plain_file_contents);
        CHECK(bp.level() == 0);
        CHECK(bp.birth == 7);
        CHECK(bp.is_little_endian());
        CHECK(bp.asize() == 0);
        CHECK(bp.fill_count() == 1);
        embedded_payload(bp, back);
        CHECK(std::memcmp(back, payload, n) == 0);
    }
}

TEST_CASE("a block of more than 128 KiB may lie in its pointer") {
    struct Repeat final : Codecs { // a stream is the byte it repeats
        Result<void> decode(Compress, Bytes in, MutableBytes out) override {
            std::fill(out.begin(), out.end(), in[0]);
            return {};
        }
        Result<std::size_t> encode(Compress, int, Bytes, MutableBytes) override {
            return Errc::not_supported;
        }
    } codecs;
    struct Nothing final : BlockSource {
        Result<void> read(std::uint64_t, MutableBytes) override { return Errc::io; }
        std::uint64_t size() const override { return 0; }
    } nothing;
    BlockReader reader{nothing, codecs};
    constexpr std::size_t lsize = 256 * 1024, psize = 5;
    Blkptr bp{};
    bp.prop = 1ull << 63 | 1ull << 39 | std::uint64_t{static_cast<unsigned>(Compress::lz4)} << 32 |
              (psize - 1) << 25 | (lsize - 1);
    bp.birth = 1;
    std::byte stream[8] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}, std::byte{'x'}};
    bp.dva[0].word[0] = load_le<std::uint64_t>(stream);
    std::vector<std::byte> out(lsize);
    REQUIRE(reader.read(bp, out).ok());
    CHECK(std::count(out.begin(), out.end(), std::byte{'x'}) == lsize);
}
