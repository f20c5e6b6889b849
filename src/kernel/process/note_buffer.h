// SPDX-License-Identifier: BSD-2-Clause
// Bytes that grow, and the notes of ELF files in them. Private to this room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace drupe::process {

class NoteBuffer {
public:
    NoteBuffer() = default;
    NoteBuffer(const NoteBuffer&) = delete;
    NoteBuffer& operator=(const NoteBuffer&) = delete;
    ~NoteBuffer() { delete[] bytes_; }

    const char* data() const { return bytes_; }
    std::size_t size() const { return size_; }
    /// There was no memory for all of it.
    bool has_failed() const { return has_failed_; }

    void put(const void* from, std::size_t bytes) {
        if (!reserve(bytes)) return;
        std::memcpy(bytes_ + size_, from, bytes);
        size_ += bytes;
    }
    template <class T>
    void put(const T& value) {
        put(&value, sizeof value);
    }
    /// Zeros up to the next multiple of `step`.
    void pad(std::size_t step) {
        constexpr char zeros[8] = {};
        put(zeros, (step - size_ % step) % step);
    }
    template <class T>
    void note(std::string_view owner, std::uint32_t type, const T& value) {
        begin(owner, type, sizeof value);
        put(value);
        pad(4);
    }
    /// The descriptor of `bytes` follows, and then pad(4).
    void begin(std::string_view owner, std::uint32_t type, std::size_t bytes) {
        const std::uint32_t head[3] = {static_cast<std::uint32_t>(owner.size() + 1),
                                       static_cast<std::uint32_t>(bytes), type};
        put(head);
        put(owner.data(), owner.size());
        put(char{0});
        pad(4);
    }

private:
    bool reserve(std::size_t more) {
        if (has_failed_) return false;
        if (size_ + more <= capacity_) return true;
        const std::size_t wanted =
            std::max(size_ + more, std::max<std::size_t>(4096, capacity_ * 2));
        char* const larger = new (std::nothrow) char[wanted];
        if (!larger) {
            has_failed_ = true;
            return false;
        }
        if (size_ != 0) std::memcpy(larger, bytes_, size_);
        delete[] std::exchange(bytes_, larger);
        capacity_ = wanted;
        return true;
    }
    char* bytes_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
    bool has_failed_ = false;
};

} // namespace drupe::process
