// SPDX-License-Identifier: BSD-2-Clause
// A device that answers messages at once, for servers of files that tests play: what comes in is
// read, and what goes out is written, little-endian.
#pragma once

#include <drupe/mm/frames.h>
#include <drupe/share/device.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

namespace drupe::testing {

class FakeShare : public share::Device {
public:
    explicit FakeShare(std::string tag) : tag_(std::move(tag)) {}
    /// May change a reply before it is sent, or how many bytes are said to have come.
    std::function<void(std::string& reply, std::uint32_t& written)> spoil;

    std::string_view tag() const override { return tag_; }
    std::uint32_t most_pieces() const override { return 36; }
    void submit(share::Exchange& exchange) override {
        in_.clear();
        for (const share::Piece& p : exchange.out)
            in_.append(static_cast<const char*>(mm::phys_to_virt(p.at)), p.bytes);
        at_ = 0;
        out_.clear();
        std::string reply = reply_to_message();
        auto written = static_cast<std::uint32_t>(reply.size());
        if (spoil) spoil(reply, written);
        if (exchange.in.empty()) written = 0;
        std::string_view rest = reply;
        for (const share::Piece& p : exchange.in) {
            const std::size_t n = std::min<std::size_t>(p.bytes, rest.size());
            std::memcpy(mm::phys_to_virt(p.at), rest.data(), n);
            rest.remove_prefix(n);
        }
        exchange.written = written;
        exchange.outcome = Errc::ok;
        exchange.done(exchange);
    }

protected:
    ~FakeShare() = default;
    /// The message is in `in_`; the whole reply.
    virtual std::string reply_to_message() = 0;
    std::uint64_t number(unsigned width) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < width && at_ < in_.size(); i++)
            value |= std::uint64_t{static_cast<unsigned char>(in_[at_++])} << 8 * i;
        return value;
    }
    void put(std::uint64_t value, unsigned width) {
        for (unsigned i = 0; i < width; i++, value >>= 8) out_ += static_cast<char>(value & 0xff);
    }

    std::string in_, out_;
    std::size_t at_ = 0; // in in_

private:
    const std::string tag_;
};

} // namespace drupe::testing
