// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/nvlist.h>

namespace drupe::zfs {

namespace {

constexpr std::size_t stream_header = 4;       // encoding, byte order, two reserved bytes
constexpr std::size_t native_pair_header = 16; // nvpair_t before the name
constexpr std::size_t native_list_size = 24;   // nvlist_t as it lies in a native pair
constexpr std::uint32_t nv_unique_name = 1;
constexpr unsigned max_nesting = 16;

std::size_t xdr_padded(std::size_t n) { return (n + 3) & ~std::size_t{3}; }
std::size_t native_padded(std::size_t n) { return (n + 7) & ~std::size_t{7}; }

// The rest of a list after its last pair: what an enclosing list continues with.
Result<Bytes> skip_pairs(const NvList& list) {
    NvList::Cursor cursor{list};
    NvPair pair;
    while (TRY(cursor.next(pair))) {}
    return cursor.rest();
}

} // namespace

Result<NvList> NvList::open(Bytes packed) {
    if (packed.size() < stream_header + 8) return Errc::corrupt;
    unsigned encoding = static_cast<unsigned>(packed[0]);
    if (encoding > 1) return Errc::corrupt;
    NvList list;
    list.encoding_ = static_cast<NvEncoding>(encoding);
    if (list.encoding_ == NvEncoding::native && packed[1] != std::byte{1})
        return Errc::not_supported;
    list.pairs_ = packed.subspan(stream_header + 8); // version and flags say nothing we need
    return list;
}

Result<bool> NvList::Cursor::next(NvPair& pair) {
    return encoding_ == NvEncoding::xdr ? next_xdr(pair) : next_native(pair);
}

Result<bool> NvList::Cursor::next_xdr(NvPair& pair) {
    if (rest_.size() < 8) return Errc::corrupt;
    std::size_t size = load_be32(rest_.data());
    if (size == 0) {
        rest_ = rest_.subspan(8);
        return false;
    }
    if (size < 20 || size > rest_.size()) return Errc::corrupt;
    Bytes body = rest_.first(size).subspan(8);
    std::size_t name = load_be32(body.data());
    body = body.subspan(4);
    if (name > body.size() || xdr_padded(name) + 8 > body.size()) return Errc::corrupt;
    pair.name = text_of(body.first(name));
    body = body.subspan(xdr_padded(name));
    pair.type = static_cast<NvType>(load_be32(body.data()));
    pair.elements = load_be32(body.data() + 4);
    pair.value = body.subspan(8);
    pair.encoding = encoding_;
    rest_ = rest_.subspan(size);
    return true;
}

Result<bool> NvList::Cursor::next_native(NvPair& pair) {
    if (rest_.size() < 4) return Errc::corrupt;
    std::size_t size = load_le<std::uint32_t>(rest_.data());
    if (size == 0) {
        rest_ = rest_.subspan(4);
        return false;
    }
    if (size < native_pair_header || size > rest_.size()) return Errc::corrupt;
    std::size_t name = load_le<std::uint16_t>(&rest_[4]);
    std::size_t value = native_padded(native_pair_header + name);
    if (name == 0 || value > size) return Errc::corrupt;
    pair.name = text_of(rest_.subspan(native_pair_header, name - 1));
    pair.type = static_cast<NvType>(load_le<std::uint32_t>(&rest_[12]));
    pair.elements = load_le<std::uint32_t>(&rest_[8]);
    pair.value = rest_.subspan(value, size - value);
    pair.encoding = encoding_;
    // The pairs of nested lists follow the pair that holds them.
    bool is_list = pair.type == NvType::nvlist, is_array = pair.type == NvType::nvlist_array;
    Bytes nested = rest_.subspan(size);
    rest_ = nested;
    if (!is_list && !is_array) return true;
    for (std::uint32_t i = 0; i < (is_list ? 1 : pair.elements); ++i) {
        NvList inner;
        inner.encoding_ = encoding_;
        inner.depth_ = depth_ + 1;
        if (inner.depth_ > max_nesting) return Errc::corrupt; // the skipping below recurses
        inner.pairs_ = rest_;
        rest_ = TRY(skip_pairs(inner));
    }
    pair.value = nested.first(nested.size() - rest_.size());
    return true;
}

Result<NvPair> NvList::find(std::string_view name) const {
    Cursor cursor{*this};
    NvPair pair;
    while (TRY(cursor.next(pair)))
        if (pair.name == name) return pair;
    return Errc::not_found;
}

Result<std::uint64_t> NvList::u64(std::string_view name) const { return TRY(find(name)).as_u64(); }

Result<std::string_view> NvList::string(std::string_view name) const {
    return TRY(find(name)).as_string();
}

Result<std::uint64_t> NvPair::as_u64() const {
    if (type != NvType::uint64 && type != NvType::int64) return Errc::invalid;
    if (value.size() < 8) return Errc::corrupt;
    return encoding == NvEncoding::xdr ? load_be64(value.data())
                                       : load_le<std::uint64_t>(value.data());
}

Result<std::string_view> NvPair::as_string() const {
    if (type != NvType::string) return Errc::invalid;
    if (encoding == NvEncoding::xdr) {
        if (value.size() < 4) return Errc::corrupt;
        std::size_t n = load_be32(value.data());
        if (n > value.size() - 4) return Errc::corrupt;
        return text_of(value.subspan(4, n));
    }
    std::string_view text = text_of(value);
    std::size_t end = text.find('\0');
    if (end == std::string_view::npos) return Errc::corrupt;
    return text.substr(0, end);
}

Result<Bytes> NvPair::as_byte_array() const {
    if (type != NvType::byte_array) return Errc::invalid;
    if (elements > value.size()) return Errc::corrupt;
    return value.first(elements);
}

Result<NvList> NvPair::as_nvlist() const {
    if (type != NvType::nvlist) return Errc::invalid;
    NvList list;
    list.encoding_ = encoding;
    if (encoding == NvEncoding::xdr && value.size() < 8) return Errc::corrupt;
    list.pairs_ = encoding == NvEncoding::xdr ? value.subspan(8) : value;
    return list;
}

Result<NvList> NvPair::as_nvlist(std::uint32_t index) const {
    if (type != NvType::nvlist_array) return Errc::invalid;
    if (index >= elements) return Errc::not_found;
    NvList list;
    list.encoding_ = encoding;
    Bytes rest = value;
    for (std::uint32_t i = 0;; ++i) {
        if (encoding == NvEncoding::xdr) {
            if (rest.size() < 8) return Errc::corrupt;
            rest = rest.subspan(8);
        }
        list.pairs_ = rest;
        if (i == index) return list;
        rest = TRY(skip_pairs(list));
    }
}

Result<void> NvWriter::be32(std::uint32_t v) {
    std::byte b[4];
    store_be32(b, v);
    return out_.append(b);
}

Result<void> NvWriter::pad(std::size_t alignment) {
    std::size_t n = out_.size() - base_;
    return out_.resize(base_ + ((n + alignment - 1) & ~(alignment - 1)));
}

Result<void> NvWriter::begin() {
    std::byte header[stream_header] = {static_cast<std::byte>(encoding_), std::byte{1}};
    TRY(out_.append(header));
    base_ = out_.size(); // padding counts from here: the header is as long as an XDR unit
    std::byte version_and_flags[8] = {};
    if (encoding_ == NvEncoding::xdr)
        store_be32(version_and_flags + 4, nv_unique_name);
    else
        store_le<std::uint32_t>(version_and_flags + 4, nv_unique_name);
    return out_.append(version_and_flags);
}

Result<void> NvWriter::end() {
    std::byte zeros[8] = {};
    return out_.append(Bytes{zeros, encoding_ == NvEncoding::xdr ? 8u : 4u});
}

// Writes everything before the value; gives the offset of the pair, whose size is patched later.
Result<std::size_t> NvWriter::header(std::string_view name, NvType type, std::uint32_t elements,
                                     std::size_t native_value_size) {
    std::size_t at = out_.size();
    std::size_t native_size =
        native_padded(native_pair_header + name.size() + 1) + native_padded(native_value_size);
    if (encoding_ == NvEncoding::xdr) {
        TRY(be32(0)); // the encoded size, known when the pair ends
        TRY(be32(static_cast<std::uint32_t>(native_size)));
        TRY(be32(static_cast<std::uint32_t>(name.size())));
        TRY(out_.append(bytes_of(name)));
        TRY(pad(4));
        TRY(be32(static_cast<std::uint32_t>(type)));
        TRY(be32(elements));
        return at;
    }
    std::byte h[native_pair_header] = {};
    store_le(h, static_cast<std::uint32_t>(native_size));
    store_le(h + 4, static_cast<std::uint16_t>(name.size() + 1));
    store_le(h + 8, elements);
    store_le(h + 12, static_cast<std::uint32_t>(type));
    TRY(out_.append(h));
    TRY(out_.append(bytes_of(name)));
    TRY(out_.resize(at + native_padded(native_pair_header + name.size() + 1)));
    return at;
}

Result<void> NvWriter::pair(std::string_view name, NvType type, std::uint32_t elements,
                            Bytes value) {
    bool is_string = type == NvType::string;
    std::size_t at = TRY(header(name, type, elements, value.size() + (is_string ? 1 : 0)));
    if (encoding_ == NvEncoding::native) {
        std::size_t start = out_.size();
        TRY(out_.append(value));
        return out_.resize(start + native_padded(value.size() + (is_string ? 1 : 0)));
    }
    if (is_string) TRY(be32(static_cast<std::uint32_t>(value.size())));
    TRY(out_.append(value));
    TRY(pad(4));
    store_be32(&out_[at], static_cast<std::uint32_t>(out_.size() - at));
    return {};
}

Result<void> NvWriter::u64(std::string_view name, std::uint64_t value) {
    std::byte b[8];
    if (encoding_ == NvEncoding::xdr)
        store_be64(b, value);
    else
        store_le(b, value);
    return pair(name, NvType::uint64, 1, b);
}

Result<void> NvWriter::string(std::string_view name, std::string_view value) {
    return pair(name, NvType::string, 1, bytes_of(value));
}

Result<void> NvWriter::boolean(std::string_view name) { return pair(name, NvType::boolean, 0, {}); }

Result<void> NvWriter::byte_array(std::string_view name, Bytes value) {
    return pair(name, NvType::byte_array, static_cast<std::uint32_t>(value.size()), value);
}

Result<void> NvWriter::begin_list(std::string_view name, NvType type) {
    DRUPE_ASSERT(depth_ < max_depth);
    bool is_array = type == NvType::nvlist_array;
    std::size_t native_size = native_list_size + (is_array ? 8 : 0);
    open_[depth_] = TRY(header(name, type, 1, native_size));
    ++depth_;
    std::byte list[native_list_size + 8] = {};
    if (encoding_ == NvEncoding::native) {
        store_le<std::uint32_t>(list + (is_array ? 12 : 4), nv_unique_name);
        return out_.append(Bytes{list, native_size});
    }
    store_be32(list + 4, nv_unique_name);
    return out_.append(Bytes{list, 8});
}

Result<void> NvWriter::end_list() {
    DRUPE_ASSERT(depth_ > 0);
    std::size_t at = open_[--depth_];
    TRY(end());
    if (encoding_ == NvEncoding::xdr)
        store_be32(&out_[at], static_cast<std::uint32_t>(out_.size() - at));
    return {};
}

} // namespace drupe::zfs
