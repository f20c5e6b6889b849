// SPDX-License-Identifier: BSD-2-Clause
#include "properties.h"

#include "failure.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <iterator>

namespace drupe::mkzfs {

namespace {

struct Choice {
    std::string_view name;
    std::uint64_t value;
};

constexpr Choice on_off[] = {{"off", 0}, {"on", 1}};
constexpr Choice can_mount[] = {{"off", 0}, {"on", 1}, {"noauto", 2}};
constexpr Choice xattr[] = {{"off", 0}, {"on", 1}, {"dir", 1}, {"sa", 2}};
constexpr Choice sync_modes[] = {{"standard", 0}, {"always", 1}, {"disabled", 2}};
constexpr Choice snapdir[] = {{"hidden", 0}, {"visible", 1}};
constexpr Choice acltype[] = {
    {"off", 0}, {"noacl", 0}, {"posix", 1}, {"posixacl", 1}, {"nfsv4", 2}};
constexpr Choice aclinherit[] = {
    {"discard", 0}, {"noallow", 1}, {"restricted", 3}, {"passthrough", 4}, {"passthrough-x", 5}};
constexpr Choice copies[] = {{"1", 1}, {"2", 2}, {"3", 3}};
constexpr Choice cache[] = {{"none", 0}, {"metadata", 1}, {"all", 2}};
constexpr Choice logbias[] = {{"latency", 0}, {"throughput", 1}};
constexpr Choice redundant[] = {{"all", 0}, {"most", 1}};

struct ChoiceProperty {
    std::string_view name;
    std::span<const Choice> choices;
};
constexpr ChoiceProperty choice_properties[] = {
    {"atime", on_off},          {"relatime", on_off},
    {"devices", on_off},        {"exec", on_off},
    {"setuid", on_off},         {"readonly", on_off},
    {"overlay", on_off},        {"vscan", on_off},
    {"nbmand", on_off},         {"canmount", can_mount},
    {"xattr", xattr},           {"sync", sync_modes},
    {"snapdir", snapdir},       {"acltype", acltype},
    {"aclinherit", aclinherit}, {"copies", copies},
    {"primarycache", cache},    {"secondarycache", cache},
    {"logbias", logbias},       {"redundant_metadata", redundant},
};
constexpr std::string_view size_properties[] = {"quota", "reservation", "refquota",
                                                "refreservation"};

void put(DatasetSettings& d, std::string_view name, std::uint64_t value) {
    std::erase_if(d.properties, [&](const Property& p) { return p.name == name; });
    d.properties.push_back({std::string(name), value, {}});
}

void put_text(DatasetSettings& d, std::string_view name, std::string_view value) {
    std::erase_if(d.properties, [&](const Property& p) { return p.name == name; });
    d.properties.push_back({std::string(name), std::nullopt, std::string(value)});
}

// "gzip-9" -> 9 when `prefix` is "gzip-"; the default without a number.
std::optional<unsigned> level_of(std::string_view value, std::string_view codec, unsigned usual,
                                 unsigned highest) {
    if (value == codec) return usual;
    if (!value.starts_with(codec) || value.size() == codec.size() || value[codec.size()] != '-')
        return std::nullopt;
    return static_cast<unsigned>(parse_number(value.substr(codec.size() + 1), codec, 1, highest));
}

void set_compression(DatasetSettings& d, std::string_view value) {
    constexpr unsigned level_shift = 7; // SPA_COMPRESSBITS: zstd's level stands above its number
    Encoding& e = d.data;
    e.level = 0;
    if (value == "off") {
        e.compress = zfs::Compress::off;
    } else if (value == "zle") {
        e.compress = zfs::Compress::zle;
    } else if (value == "lz4") {
        e.compress = zfs::Compress::lz4;
    } else if (auto gzip = level_of(value, "gzip", 6, 9)) {
        e.compress =
            static_cast<zfs::Compress>(static_cast<unsigned>(zfs::Compress::gzip_1) + *gzip - 1);
    } else if (auto zstd = level_of(value, "zstd", 3, 19)) {
        e.compress = zfs::Compress::zstd;
        e.level = static_cast<int>(*zstd);
    } else {
        fail("compression '{}' is none of off, zle, lz4, gzip, gzip-1 to gzip-9, zstd, zstd-1 to "
             "zstd-19",
             value);
    }
    std::uint64_t number = static_cast<std::uint64_t>(e.compress);
    if (e.compress == zfs::Compress::zstd && value != "zstd")
        number |= static_cast<std::uint64_t>(e.level) << level_shift;
    put(d, "compression", number);
}

void set_checksum(DatasetSettings& d, std::string_view value) {
    if (value == "fletcher4")
        d.data.checksum = zfs::Checksum::fletcher_4;
    else if (value == "sha256")
        d.data.checksum = zfs::Checksum::sha256;
    else
        fail("checksum '{}' is neither fletcher4 nor sha256", value);
    put(d, "checksum", static_cast<std::uint64_t>(d.data.checksum));
}

void set_record_size(DatasetSettings& d, std::string_view value) {
    std::uint64_t size = parse_size(value, "recordsize");
    if (!std::has_single_bit(size) || size < zfs::sector_size || size > zfs::max_block_size)
        fail("recordsize '{}' is no power of two from 512 to 16M", value);
    d.record_size = size;
    put(d, "recordsize", size);
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == ' ';
}

void check_component(std::string_view part, std::string_view whole, std::string_view what) {
    if (part.empty() || part.size() > 200 || part == "." || part == ".." ||
        !std::all_of(part.begin(), part.end(), is_name_character))
        fail("'{}' is no name for a {}", whole, what);
}

} // namespace

std::uint64_t parse_number(std::string_view text, std::string_view what, std::uint64_t low,
                           std::uint64_t high) {
    std::uint64_t value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        fail("{}: '{}' is no number", what, text);
    if (value < low || value > high) fail("{}: {} is not from {} to {}", what, value, low, high);
    return value;
}

std::uint64_t parse_size(std::string_view text, std::string_view what) {
    std::string_view digits = text;
    unsigned shift = 0;
    for (std::string_view suffix : {"iB", "B"})
        if (digits.size() > 2 && digits.ends_with(suffix)) {
            digits.remove_suffix(suffix.size());
            break;
        }
    constexpr std::string_view units = "KMGTPE";
    if (!digits.empty()) {
        char last = digits.back();
        if (last >= 'a' && last <= 'z') last = static_cast<char>(last - 'a' + 'A');
        if (std::size_t at = units.find(last); at != std::string_view::npos) {
            shift = 10 * (static_cast<unsigned>(at) + 1);
            digits.remove_suffix(1);
        }
    }
    std::uint64_t value{};
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() ||
        value > (UINT64_MAX >> 1 >> shift))
        fail("{}: '{}' is no size", what, text);
    return value << shift;
}

void set_property(DatasetSettings& d, std::string_view name, std::string_view value) {
    if (name == "compression") return set_compression(d, value);
    if (name == "checksum") return set_checksum(d, value);
    if (name == "recordsize") return set_record_size(d, value);
    if (name == "mountpoint") {
        if (value != "none" && value != "legacy" && !value.starts_with('/'))
            fail("mountpoint '{}' is no absolute path, nor 'none' or 'legacy'", value);
        return put_text(d, name, value);
    }
    if (name.find(':') != std::string_view::npos) { // a user property
        check_component(name, name, "property");
        if (value.size() > 8191) fail("the value of {} is too long", name);
        return put_text(d, name, value);
    }
    if (std::find(std::begin(size_properties), std::end(size_properties), name) !=
        std::end(size_properties))
        return put(d, name, value == "none" ? 0 : parse_size(value, name));
    for (const ChoiceProperty& p : choice_properties) {
        if (p.name != name) continue;
        std::string known;
        for (const Choice& c : p.choices) {
            if (c.name == value) return put(d, name, c.value);
            known += fmt::format("{}{}", known.empty() ? "" : ", ", c.name);
        }
        fail("{} '{}' is none of {}", name, value, known);
    }
    fail("there is no property '{}'", name);
}

std::string property_names() {
    std::string all = "compression checksum recordsize mountpoint";
    for (const ChoiceProperty& p : choice_properties) all += fmt::format(" {}", p.name);
    for (std::string_view s : size_properties) all += fmt::format(" {}", s);
    return all + " and user properties (with a ':' in the name)";
}

void check_pool_name(std::string_view name) {
    check_component(name, name, "pool");
    bool letter = (name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z';
    for (std::string_view reserved : {"mirror", "raidz", "draid", "spare"})
        if (name.starts_with(reserved)) fail("a pool cannot be called '{}'", name);
    if (!letter || name == "log" || name.find(' ') != std::string_view::npos)
        fail("a pool cannot be called '{}'", name);
}

void check_dataset_name(std::string_view name) {
    std::string_view rest = name;
    for (;;) {
        std::size_t slash = rest.find('/');
        check_component(rest.substr(0, slash), name, "dataset");
        if (slash == std::string_view::npos) return;
        rest = rest.substr(slash + 1);
    }
}

void check_snapshot_name(std::string_view name) { check_component(name, name, "snapshot"); }

} // namespace drupe::mkzfs
