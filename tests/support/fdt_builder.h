// SPDX-License-Identifier: BSD-2-Clause
// Writes device trees for tests, token by token, so that wrong ones can be written too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drupe::test {

class FdtBuilder {
public:
    FdtBuilder& begin(std::string_view name) {
        word(1);
        structure_ += std::string(name) + '\0';
        pad();
        return *this;
    }
    FdtBuilder& end() {
        word(2);
        return *this;
    }
    FdtBuilder& nop() {
        word(4);
        return *this;
    }
    FdtBuilder& property(std::string_view name, std::string_view value) {
        word(3);
        word(static_cast<std::uint32_t>(value.size()));
        word(name_at(name));
        structure_ += value;
        pad();
        return *this;
    }
    /// A list of strings, each with its NUL.
    FdtBuilder& strings(std::string_view name, std::initializer_list<std::string_view> list) {
        std::string value;
        for (std::string_view s : list) value += std::string(s) + '\0';
        return property(name, value);
    }
    FdtBuilder& cells(std::string_view name, std::initializer_list<std::uint32_t> list) {
        std::string value;
        for (std::uint32_t c : list) value += big_endian(c);
        return property(name, value);
    }
    FdtBuilder& reserve(std::uint64_t base, std::uint64_t bytes) {
        reservations_.emplace_back(base, bytes);
        return *this;
    }

    /// The blob, aligned as the boot protocol asks. The tree must have been ended.
    std::vector<std::uint64_t> build() const {
        std::string reserve_map;
        for (auto [base, bytes] : reservations_) reserve_map += big64(base) + big64(bytes);
        reserve_map += big64(0) + big64(0);
        const std::string structure = structure_ + big_endian(9);
        constexpr std::size_t header = 40;
        const std::size_t structure_at = header + reserve_map.size();
        const std::size_t strings_at = structure_at + structure.size();
        const std::size_t total = strings_at + strings_.size();
        std::string blob;
        for (std::size_t v :
             {std::size_t{0xd00dfeed}, total, structure_at, strings_at, header, std::size_t{17},
              std::size_t{16}, std::size_t{0}, strings_.size(), structure.size()})
            blob += big_endian(static_cast<std::uint32_t>(v));
        blob += reserve_map + structure + strings_;
        std::vector<std::uint64_t> words((blob.size() + 7) / 8);
        std::memcpy(words.data(), blob.data(), blob.size());
        return words;
    }

private:
    static std::string big_endian(std::uint32_t v) {
        const char bytes[] = {static_cast<char>(v >> 24), static_cast<char>(v >> 16),
                              static_cast<char>(v >> 8), static_cast<char>(v)};
        return {bytes, 4};
    }
    static std::string big64(std::uint64_t v) {
        return big_endian(static_cast<std::uint32_t>(v >> 32)) +
               big_endian(static_cast<std::uint32_t>(v));
    }
    void word(std::uint32_t v) { structure_ += big_endian(v); }
    void pad() { structure_.resize((structure_.size() + 3) & ~std::size_t{3}); }
    std::uint32_t name_at(std::string_view name) {
        const std::string wanted = std::string(name) + '\0';
        std::size_t at = strings_.find(wanted);
        if (at == std::string::npos) {
            at = strings_.size();
            strings_ += wanted;
        }
        return static_cast<std::uint32_t>(at);
    }
    std::string structure_, strings_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> reservations_;
};

} // namespace drupe::test
