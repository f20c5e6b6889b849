// SPDX-License-Identifier: BSD-2-Clause
// Name-value lists in both packed encodings: XDR (labels, pool configuration, extended attributes)
// and native (what the same libraries exchange in memory form). The reader is a view over bytes
// that never allocates and never trusts a length; nesting is bounded by its caller's recursion.
#pragma once

#include <drupe/zfs/array.h>

namespace drupe::zfs {

enum class NvEncoding : std::uint8_t { native = 0, xdr = 1 };

enum class NvType : std::uint32_t { // data_type_t
    unknown = 0,
    boolean = 1,
    byte = 2,
    int16 = 3,
    uint16 = 4,
    int32 = 5,
    uint32 = 6,
    int64 = 7,
    uint64 = 8,
    string = 9,
    byte_array = 10,
    int16_array = 11,
    uint16_array = 12,
    int32_array = 13,
    uint32_array = 14,
    int64_array = 15,
    uint64_array = 16,
    string_array = 17,
    hrtime = 18,
    nvlist = 19,
    nvlist_array = 20,
    boolean_value = 21,
    int8 = 22,
    uint8 = 23,
    boolean_array = 24,
    int8_array = 25,
    uint8_array = 26,
};

class NvList;

/// One pair of a list. Views into the list's bytes.
struct NvPair {
    std::string_view name;
    NvType type = NvType::unknown;
    std::uint32_t elements = 0;
    Bytes value;
    NvEncoding encoding = NvEncoding::xdr;

    /// Errc::invalid when the pair has another type, Errc::corrupt when its bytes are short.
    Result<std::uint64_t> as_u64() const;
    Result<std::string_view> as_string() const;
    Result<Bytes> as_byte_array() const;
    Result<NvList> as_nvlist() const;
    /// Element `index` of an nvlist array.
    Result<NvList> as_nvlist(std::uint32_t index) const;
};

/// A view of a packed list's pairs.
class NvList {
public:
    NvList() = default;
    /// Checks the stream header. Errc::corrupt, or Errc::not_supported for big-endian native.
    static Result<NvList> open(Bytes packed);

    /// Walks the pairs: next() gives true and fills `pair`, false at the end, Errc::corrupt.
    class Cursor {
    public:
        explicit Cursor(const NvList& list)
            : rest_(list.pairs_), encoding_(list.encoding_), depth_(list.depth_) {}
        Result<bool> next(NvPair& pair);
        Bytes rest() const { return rest_; }

    private:
        Result<bool> next_xdr(NvPair& pair);
        Result<bool> next_native(NvPair& pair);
        Bytes rest_;
        NvEncoding encoding_;
        unsigned depth_;
    };

    /// Errc::not_found, Errc::corrupt.
    Result<NvPair> find(std::string_view name) const;
    Result<std::uint64_t> u64(std::string_view name) const;
    Result<std::string_view> string(std::string_view name) const;

private:
    friend struct NvPair;
    Bytes pairs_;
    NvEncoding encoding_ = NvEncoding::xdr;
    unsigned depth_ = 0;
};

/// Writes a packed list to the end of `out`. After an error the content of `out` is unspecified.
/// Nested lists are written between begin_list() and end_list().
class NvWriter {
public:
    explicit NvWriter(Buffer& out, NvEncoding encoding = NvEncoding::xdr)
        : out_(out), encoding_(encoding) {}
    Result<void> begin();
    Result<void> end();
    Result<void> u64(std::string_view name, std::uint64_t value);
    Result<void> string(std::string_view name, std::string_view value);
    Result<void> boolean(std::string_view name); // present or absent; it has no value
    Result<void> byte_array(std::string_view name, Bytes value);
    /// A nested list, or with `elements` = 1 and NvType::nvlist_array an array of one list.
    Result<void> begin_list(std::string_view name, NvType type = NvType::nvlist);
    Result<void> end_list();

private:
    Result<void> pair(std::string_view name, NvType type, std::uint32_t elements, Bytes value);
    Result<std::size_t> header(std::string_view name, NvType type, std::uint32_t elements,
                               std::size_t native_value_size);
    Result<void> be32(std::uint32_t v);
    Result<void> pad(std::size_t alignment);

    Buffer& out_;
    NvEncoding encoding_;
    std::size_t base_ = 0;
    static constexpr int max_depth = 8;
    std::size_t open_[max_depth] = {};
    int depth_ = 0;
};

} // namespace drupe::zfs
