// SPDX-License-Identifier: BSD-2-Clause
// Both ends of the tables: any bytes as blocks can be walked, and what is built of any names can be
// found again. The first byte says which.
#include "../target.h"

#include <drupe/zfs/zap.h>

#include <algorithm>
#include <map>
#include <string>

using namespace drupe;
using namespace drupe::zfs;

namespace {

constexpr std::size_t build_bytes = 9000;

struct View final : BlockView {
    View(Bytes b, std::size_t s) : all(b), size(s) {}
    Result<Bytes> block(std::uint64_t index) override {
        if (index >= block_count()) return Errc::io;
        return all.subspan(index * size, size);
    }
    std::size_t block_size() const override { return size; }
    std::uint64_t block_count() const override { return all.size() / size; }
    Bytes all;
    std::size_t size;
};

void read_any(Bytes all, std::size_t block_size) {
    View view{all, block_size};
    auto zap = ZapReader::open(view);
    if (!zap.ok()) return;
    std::string name;
    ZapEntry e;
    std::size_t entries = 0;
    for (std::uint64_t at = 0;;) {
        Result<bool> more = zap.value().next(at, e);
        if (!more.ok() || !more.value()) break;
        FUZZ_CHECK(++entries <= all.size() / 16);
        FUZZ_CHECK(e.integer_size >= 1 && e.integer_size <= 8);
        if (zap.value().is_micro()) // names are views of the one block
            FUZZ_CHECK(e.name.data() + e.name.size() <= text_of(all.first(block_size)).end());
        name = e.name;
        if (entries < 4) (void)zap.value().lookup(name);
    }
    (void)zap.value().u64("");
    (void)zap.value().u64("name");
}

void build_and_find(Bytes bytes) {
    // Names of 1 to 64 bytes cut out of the input, each with its place as the value.
    std::map<std::string, std::uint64_t> wanted;
    for (std::size_t at = 0; at + 1 < bytes.size();) {
        std::size_t n = 1 + static_cast<std::size_t>(bytes[at]) % 64;
        std::string name(text_of(bytes.subspan(at + 1, std::min(n, bytes.size() - at - 1))));
        if (name.find('\0') == name.npos) wanted[name + std::to_string(at % 97)] = at;
        at += n;
    }
    std::vector<ZapItem> items;
    for (const auto& [name, value] : wanted) items.push_back({name, value});
    auto built = build_zap(items, 0x1234567 + bytes.size() * 2);
    FUZZ_CHECK(built.ok());
    View view{built.value().blocks.span(), built.value().block_size};
    auto zap = ZapReader::open(view);
    FUZZ_CHECK(zap.ok());
    FUZZ_CHECK(zap.value().claimed_entries() == wanted.size());
    for (const auto& [name, value] : wanted) {
        auto found = zap.value().u64(name);
        FUZZ_CHECK(found.ok() && found.value() == value);
    }
}

std::vector<std::uint8_t> with_mode(std::uint8_t mode, Bytes b) {
    std::vector<std::uint8_t> v(b.size() + 1, mode);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(b.data()), b.size(), v.begin() + 1);
    return v;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes == 0) return 0;
    Bytes rest{reinterpret_cast<const std::byte*>(data) + 1, bytes - 1};
    if ((data[0] & 0x80) == 0) {
        read_any(rest, std::size_t{512} << data[0] % 6);
        return 0;
    }
    // Building takes a thousand times as long as refusing: most inputs are left out.
    std::size_t sum = 0;
    for (std::size_t i = 0; i < bytes; i += 7) sum += data[i];
    if (sum % 64 == 0) build_and_find(rest);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    ZapItem micro[] = {{"ROOT", 34}, {"name", 5}};
    std::byte text[30] = {std::byte{'t'}};
    ZapItem fat[] = {{"org.illumos:lz4_compress", 0, 1, text}, {"name", 5}};
    auto a = build_zap(micro, 1), b = build_zap(fat, 1);
    FUZZ_CHECK(a.ok() && b.ok());
    corpus.push_back(with_mode(0, a.value().blocks.span()));
    std::vector<std::byte> followed(1024, std::byte{'A'});
    std::copy(a.value().blocks.begin(), a.value().blocks.end(), followed.begin());
    corpus.push_back(with_mode(0, followed));
    corpus.push_back(with_mode(5, b.value().blocks.span()));
    std::vector<std::byte> names(build_bytes);
    for (std::size_t i = 0; i < names.size(); ++i)
        names[i] = static_cast<std::byte>(33 + i * i % 89 + (i % 64 == 0 ? 50 : 0));
    corpus.push_back(with_mode(0x80, names));
    return corpus;
}
