// SPDX-License-Identifier: BSD-2-Clause
// Our own codecs, space maps and attribute areas: decoding any bytes writes nothing outside its
// buffer, and what is encoded is decoded again.
#include "../target.h"

#include <drupe/zfs/codec.h>
#include <drupe/zfs/sa.h>
#include <drupe/zfs/space_map.h>

#include <algorithm>
#include <cstring>

using namespace drupe;
using namespace drupe::zfs;

namespace {

constexpr std::size_t guard = 64, room = 2048;

struct Guarded {
    std::byte all[room + 2 * guard];
    Guarded() { std::memset(all, 0xa5, sizeof all); }
    MutableBytes middle(std::size_t n) { return {all + guard, n}; }
    void check(std::size_t n) {
        for (std::size_t i = 0; i < guard; ++i) {
            FUZZ_CHECK(all[i] == std::byte{0xa5});
            FUZZ_CHECK(all[guard + n + i] == std::byte{0xa5});
        }
    }
};

void round_trip(Bytes in) {
    std::byte packed[2 * room], back[room];
    std::size_t n = zle_encode(in, packed);
    FUZZ_CHECK(in.empty() || n != 0);
    FUZZ_CHECK(zle_decode({packed, n}, {back, in.size()}).ok());
    FUZZ_CHECK(std::equal(in.begin(), in.end(), back));
}

void decode_any(Bytes in, std::size_t size) {
    Guarded zle, lzjb;
    (void)zle_decode(in, zle.middle(size));
    zle.check(size);
    (void)lzjb_decode(in, lzjb.middle(size));
    lzjb.check(size);
    Bytes rest = in;
    SpaceMapEntry e;
    for (std::size_t n = 0;; ++n) {
        auto more = decode_space_map(rest, e, 9);
        if (!more.ok() || !more.value()) break;
        FUZZ_CHECK(n <= in.size() / 8);
        FUZZ_CHECK(e.length != 0);
    }
}

const SaTables& tables() {
    static const SaTables t = [] {
        struct View final : BlockView {
            explicit View(const ZapImage& i) : image(i) {}
            Result<Bytes> block(std::uint64_t i) override {
                return Bytes{image.blocks.span()}.subspan(i * image.block_size, image.block_size);
            }
            std::size_t block_size() const override { return image.block_size; }
            std::uint64_t block_count() const override {
                return image.blocks.size() / image.block_size;
            }
            const ZapImage& image;
        };
        auto registry = build_sa_registry(1), layouts = build_sa_layouts(1);
        View a{registry.value()}, b{layouts.value()};
        auto za = ZapReader::open(a), zb = ZapReader::open(b);
        return SaTables::read(za.value(), zb.value()).take_unchecked();
    }();
    return t;
}

void decode_attributes(Bytes in) {
    ZplAttrs a;
    if (!tables().decode(in, a).ok()) return;
    for (Bytes v : {a.symlink, a.dxattr})
        FUZZ_CHECK(v.empty() ||
                   (v.data() >= in.data() && v.data() + v.size() <= in.data() + in.size()));
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    Bytes in{reinterpret_cast<const std::byte*>(data), std::min(bytes, room)};
    round_trip(in);
    decode_any(in, in.empty() ? 0 : 16 + static_cast<std::size_t>(in[0]) * 7);
    decode_attributes(in);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    std::vector<std::uint8_t> zeros(1000), mixed(700);
    for (std::size_t i = 0; i < mixed.size(); ++i)
        mixed[i] = i % 100 < 40 ? 0 : static_cast<std::uint8_t>(i * 7);
    corpus.push_back(zeros);
    corpus.push_back(mixed);
    std::vector<std::uint8_t> copies; // LZJB: a literal and seven long copies for each map byte
    for (int group = 0; group < 5; ++group) {
        copies.insert(copies.end(), {0xfe, 'x'});
        for (int i = 0; i < 7; ++i) copies.insert(copies.end(), {0xfc, 0x01});
    }
    corpus.push_back(copies);
    ZplAttrs a;
    a.mode = 0120777;
    a.symlink = bytes_of("target of a link");
    a.dxattr = bytes_of("packed attributes");
    std::byte bonus[bonus_size] = {};
    Buffer spill;
    auto done = encode_attributes(a, bonus, spill);
    FUZZ_CHECK(done.ok());
    auto* p = reinterpret_cast<const std::uint8_t*>(bonus);
    corpus.emplace_back(p, p + done.value().bonus_length);
    return corpus;
}
