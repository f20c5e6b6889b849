// SPDX-License-Identifier: BSD-2-Clause
// A small formatter for the kernel: "{}" with optional ":" [0] [width] [x|#x|c]. Writes to a sink
// and never allocates. A bad format or a missing argument prints as "{?}": a log line must not
// fail.
#pragma once

#include <drupe/base/errc.h>
#include <drupe/base/units.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace drupe {

class FormatSink {
public:
    virtual void put(std::string_view text) = 0;

protected:
    ~FormatSink() = default;
};

class FormatArg {
public:
    enum class Kind : std::uint8_t { signed_int, unsigned_int, text, character, boolean };
    constexpr FormatArg(std::signed_integral auto v)
        : kind_(Kind::signed_int),
          number_(static_cast<std::uint64_t>(static_cast<std::int64_t>(v))) {}
    constexpr FormatArg(std::unsigned_integral auto v) : kind_(Kind::unsigned_int), number_(v) {}
    constexpr FormatArg(bool v) : kind_(Kind::boolean), number_(v) {}
    constexpr FormatArg(char v) : kind_(Kind::character), number_(static_cast<unsigned char>(v)) {}
    constexpr FormatArg(std::string_view v) : kind_(Kind::text), number_(0), text_(v) {}
    constexpr FormatArg(const char* v) : FormatArg(std::string_view(v ? v : "(null)")) {}
    FormatArg(const void* v)
        : kind_(Kind::unsigned_int), is_address_(true),
          number_(reinterpret_cast<std::uintptr_t>(v)) {}
    template <class E>
    requires std::is_enum_v<E>
    constexpr FormatArg(E v)
        : kind_(Kind::unsigned_int),
          is_address_(std::is_same_v<E, PhysAddr> || std::is_same_v<E, VirtAddr>),
          number_(static_cast<std::uint64_t>(v)) {}

    Kind kind() const { return kind_; }
    bool is_address() const { return is_address_; }
    std::uint64_t number() const { return number_; }
    std::string_view text() const { return text_; }

private:
    Kind kind_;
    bool is_address_ = false;
    std::uint64_t number_;
    std::string_view text_{};
};

void vformat(FormatSink& sink, std::string_view format, std::span<const FormatArg> args);

template <class... Args>
void format_to(FormatSink& sink, std::string_view format, const Args&... args) {
    const FormatArg list[sizeof...(Args) + 1] = {FormatArg(args)..., FormatArg(0)};
    vformat(sink, format, {list, sizeof...(Args)});
}

/// Collects into a caller's buffer, dropping what does not fit.
class BufferSink final : public FormatSink {
public:
    explicit BufferSink(std::span<char> buffer) : buffer_(buffer) {}
    void put(std::string_view text) override;
    std::string_view text() const { return {buffer_.data(), used_}; }
    bool truncated() const { return truncated_; }

private:
    std::span<char> buffer_;
    std::size_t used_ = 0;
    bool truncated_ = false;
};

template <class... Args>
std::string_view format_into(std::span<char> buffer, std::string_view format, const Args&... args) {
    BufferSink sink(buffer);
    format_to(sink, format, args...);
    return sink.text();
}

} // namespace drupe
