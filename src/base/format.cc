// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/format.h>

namespace drupe {
namespace {

struct Spec {
    bool zero = false;
    bool prefix = false;
    bool hex = false;
    unsigned width = 0;
};

Spec parse_spec(std::string_view text) {
    Spec spec;
    for (char c : text) {
        if (c == '0' && spec.width == 0)
            spec.zero = true;
        else if (c >= '0' && c <= '9')
            spec.width = spec.width * 10 + static_cast<unsigned>(c - '0');
        else if (c == '#')
            spec.prefix = true;
        else if (c == 'x')
            spec.hex = true;
    }
    return spec;
}

void pad(FormatSink& sink, char fill, std::size_t have, unsigned width) {
    for (std::size_t n = have; n < width; n++) sink.put({&fill, 1});
}

void put_number(FormatSink& sink, std::uint64_t value, bool negative, Spec spec) {
    char digits[24];
    std::size_t at = sizeof digits;
    const unsigned base = spec.hex ? 16 : 10;
    do digits[--at] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    const std::string_view sign = negative ? "-" : (spec.hex && spec.prefix) ? "0x" : "";
    const std::size_t length = sizeof digits - at + sign.size();
    if (!spec.zero) pad(sink, ' ', length, spec.width);
    sink.put(sign);
    if (spec.zero) pad(sink, '0', length, spec.width);
    sink.put({digits + at, sizeof digits - at});
}

void put_arg(FormatSink& sink, const FormatArg& arg, Spec spec) {
    switch (arg.kind()) {
    case FormatArg::Kind::text:
        sink.put(arg.text());
        pad(sink, ' ', arg.text().size(), spec.width);
        return;
    case FormatArg::Kind::boolean: sink.put(arg.number() ? "true" : "false"); return;
    case FormatArg::Kind::character: {
        const char c = static_cast<char>(arg.number());
        sink.put({&c, 1});
        return;
    }
    case FormatArg::Kind::signed_int: {
        const auto value = static_cast<std::int64_t>(arg.number());
        const bool negative = value < 0 && !spec.hex;
        put_number(sink, negative ? std::uint64_t{0} - arg.number() : arg.number(), negative, spec);
        return;
    }
    case FormatArg::Kind::unsigned_int:
        if (arg.is_address()) spec.hex = spec.prefix = true;
        put_number(sink, arg.number(), false, spec);
        return;
    }
}

} // namespace

void vformat(FormatSink& sink, std::string_view format, std::span<const FormatArg> args) {
    std::size_t next = 0;
    while (!format.empty()) {
        const std::size_t brace = format.find('{');
        if (brace != 0) {
            sink.put(format.substr(0, brace));
            if (brace == std::string_view::npos) return;
            format.remove_prefix(brace);
        }
        if (format.starts_with("{{")) {
            sink.put("{");
            format.remove_prefix(2);
            continue;
        }
        const std::size_t close = format.find('}');
        if (close == std::string_view::npos || next == args.size()) {
            sink.put("{?}");
            if (close == std::string_view::npos) return;
        } else {
            put_arg(sink, args[next++], parse_spec(format.substr(1, close - 1)));
        }
        format.remove_prefix(close + 1);
    }
}

void BufferSink::put(std::string_view text) {
    for (char c : text) {
        if (used_ == buffer_.size()) {
            truncated_ = true;
            return;
        }
        buffer_[used_++] = c;
    }
}

} // namespace drupe
