// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/units.h>
#include <drupe/elf/load_plan.h>

#include <cstring>

namespace drupe::elf {
namespace {

constexpr std::uint32_t note_gnu_property = 5;          // NT_GNU_PROPERTY_TYPE_0
constexpr std::uint32_t property_aarch64 = 0xc000'0000; // GNU_PROPERTY_AARCH64_FEATURE_1_AND
constexpr std::uint32_t feature_bti = 1;

/// Takes words and runs of bytes off the front; a short read empties it.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
    bool is_empty() const { return rest_.empty(); }
    std::span<const std::byte> take(std::size_t bytes, std::size_t alignment) {
        if (bytes > rest_.size()) {
            rest_ = {};
            return {};
        }
        auto front = rest_.first(bytes);
        const std::size_t padded = align_up(bytes, alignment);
        rest_ = rest_.subspan(padded < rest_.size() ? padded : rest_.size());
        return front;
    }
    std::uint32_t word() {
        std::uint32_t value = 0;
        auto bytes = take(sizeof value, 4);
        if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }

private:
    std::span<const std::byte> rest_;
};

bool properties_have_bti(std::span<const std::byte> bytes) {
    Reader properties(bytes);
    while (!properties.is_empty()) {
        const std::uint32_t type = properties.word();
        const std::uint32_t size = properties.word();
        auto data = properties.take(size, 8);
        if (type == property_aarch64 && data.size() == 4)
            return (Reader(data).word() & feature_bti) != 0;
    }
    return false;
}

} // namespace

bool has_branch_targets(std::span<const std::byte> notes) {
    Reader reader(notes);
    while (!reader.is_empty()) {
        const std::uint32_t name_size = reader.word();
        const std::uint32_t size = reader.word();
        const std::uint32_t type = reader.word();
        auto name = reader.take(name_size, 4);
        auto descriptor = reader.take(size, 8);
        if (type == note_gnu_property && name.size() == 4 &&
            std::memcmp(name.data(), "GNU", 4) == 0)
            return properties_have_bti(descriptor);
    }
    return false;
}

} // namespace drupe::elf
