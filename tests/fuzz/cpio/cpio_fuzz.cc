// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as an archive give the same entries as a reader written in the dullest way, and every
// view lies inside the archive.
#include "../target.h"

#include <drupe/cpio/cpio.h>

#include <support/cpio_builder.h>

#include <cstring>
#include <optional>
#include <string>

using namespace drupe;

namespace {

/// One hexadecimal field; nothing when it is none.
std::optional<std::uint64_t> field(const std::string& all, std::size_t at, unsigned number) {
    std::uint64_t value = 0;
    for (char c : all.substr(at + 6 + 8 * number, 8)) {
        const char* digits = "0123456789abcdef";
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const char* found = c == 0 ? nullptr : std::strchr(digits, lower);
        if (!found) return {};
        value = value * 16 + static_cast<std::uint64_t>(found - digits);
    }
    return value;
}

struct Dull {
    const std::string& all;
    std::size_t at = 0;
    std::string name, data;
    std::uint64_t fields[13];

    cpio::Step next() {
        while (at < all.size() && all[at] == 0) at++;
        if (at == all.size()) return cpio::Step::end;
        if (at % 4 != 0 || all.size() - at < 110 || all.substr(at, 6) != "070701")
            return cpio::Step::defect;
        for (unsigned i = 0; i < 12; i++) {
            const auto value = field(all, at, i);
            if (!value) return cpio::Step::defect;
            fields[i] = *value;
        }
        const std::uint64_t name_bytes = fields[11], bytes = fields[6];
        if (name_bytes < 1 || name_bytes > 4096) return cpio::Step::defect;
        if (at + 110 + name_bytes > all.size()) return cpio::Step::defect;
        name = all.substr(at + 110, name_bytes);
        if (name.back() != 0) return cpio::Step::defect;
        name = name.c_str();
        const std::uint64_t data_at = (at + 110 + name_bytes + 3) / 4 * 4;
        if (data_at + bytes > all.size()) return cpio::Step::defect;
        data = all.substr(data_at, bytes);
        at = std::min<std::uint64_t>(all.size(), (data_at + bytes + 3) / 4 * 4);
        return name == "TRAILER!!!" ? cpio::Step::trailer : cpio::Step::entry;
    }
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const std::string all(reinterpret_cast<const char*>(data), bytes);
    std::vector<std::byte> copy(bytes); // exactly as long: a read beyond it shows
    if (bytes != 0) std::memcpy(copy.data(), data, bytes);
    cpio::Reader reader(copy);
    Dull dull{all, 0, {}, {}, {}};
    for (;;) {
        cpio::Entry entry;
        const cpio::Step step = reader.next(entry);
        FUZZ_CHECK(step == dull.next());
        FUZZ_CHECK(reader.offset() == dull.at);
        if (step == cpio::Step::defect) FUZZ_CHECK(reader.defect() != nullptr);
        if (step == cpio::Step::defect || step == cpio::Step::end) break;
        FUZZ_CHECK(entry.name == dull.name);
        FUZZ_CHECK(entry.data.size() == dull.data.size());
        FUZZ_CHECK(entry.data_offset + entry.data.size() <= bytes);
        FUZZ_CHECK(entry.data.empty() ||
                   std::memcmp(entry.data.data(), dull.data.data(), entry.data.size()) == 0);
        FUZZ_CHECK(entry.ino == dull.fields[0] && entry.mode == dull.fields[1]);
        FUZZ_CHECK(entry.uid == dull.fields[2] && entry.gid == dull.fields[3]);
        FUZZ_CHECK(entry.nlink == dull.fields[4] && entry.mtime == dull.fields[5]);
        FUZZ_CHECK(entry.device_major == dull.fields[9] && entry.device_minor == dull.fields[10]);
    }
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    drupe::testing::CpioBuilder plain, more;
    plain.add({.name = ".", .mode = 040755}).add({.name = "a", .data = "hello"});
    plain.add({.name = "link", .mode = 0120777, .data = "a"}).trailer().pad(512);
    more.add({.name = "dev", .mode = 020600, .rdev_major = 5, .rdev_minor = 1});
    more.add({.name = "big", .data = std::string(300, 'x'), .ino = 0xabcdef, .nlink = 2});
    more.trailer().pad(64);
    more.bytes() += plain.bytes();
    std::vector<std::vector<std::uint8_t>> corpus;
    for (const std::string& text : {plain.bytes(), more.bytes()})
        corpus.emplace_back(text.begin(), text.end());
    return corpus;
}
