// SPDX-License-Identifier: BSD-2-Clause
#include "firmware_files.h"

#include <drupe/base/format.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/trace/log.h>
#include <drupe/vfs/generated_file.h>

#include <algorithm>
#include <string_view>

namespace drupe::image {
namespace {

using drivers::FirmwareItem;

constinit drivers::FirmwareItems* source = nullptr;

Result<void> write_revision(FormatSink& out, const void*) {
    format_to(out, "{}\n", TRY(source->features()));
    return {};
}
Result<void> write_key(FormatSink& out, const void* item) {
    format_to(out, "{}\n", static_cast<const FirmwareItem*>(item)->key);
    return {};
}
Result<void> write_name(FormatSink& out, const void* item) {
    format_to(out, "{}\n", static_cast<const FirmwareItem*>(item)->name);
    return {};
}
Result<void> write_size(FormatSink& out, const void* item) {
    format_to(out, "{}\n", static_cast<const FirmwareItem*>(item)->bytes);
    return {};
}
Result<void> write_raw(FormatSink& out, const void* subject) {
    const auto& item = *static_cast<const FirmwareItem*>(subject);
    std::byte part[512];
    for (std::uint64_t at = 0; at < item.bytes; at += sizeof part) {
        const std::span<std::byte> wanted{part,
                                          std::min<std::size_t>(sizeof part, item.bytes - at)};
        TRY(source->read(item.key, at, wanted));
        out.put({reinterpret_cast<const char*>(wanted.data()), wanted.size()});
    }
    return {};
}

struct Leaf {
    const char* name;
    Result<void> (*write)(FormatSink& out, const void* item);
};
constexpr Leaf leaves[] = {
    {"key", write_key}, {"name", write_name}, {"size", write_size}, {"raw", write_raw}};

/// An item and its files, which live as long as the machine.
struct ItemFiles {
    static constexpr std::size_t longest = 96;
    FirmwareItem item;
    char paths[2 * std::size(leaves)][longest];
    vfs::GeneratedFile files[2 * std::size(leaves)];
};

/// Parts of a path that lead somewhere else, or nowhere.
bool is_path(std::string_view name) {
    for (;;) {
        const std::string_view part = name.substr(0, name.find('/'));
        if (part.empty() || part == "." || part == "..") return false;
        if (part.size() == name.size()) return true;
        name.remove_prefix(part.size() + 1);
    }
}

void add_item(const FirmwareItem& item) {
    auto made = make_own<ItemFiles>();
    if (!made.ok()) return log(LogLevel::error, "fw_cfg: there is too little memory");
    ItemFiles& own = *made.value().leak();
    own.item = item;
    std::size_t n = 0;
    const auto add = [&](std::string_view folder, auto id, const Leaf& leaf) {
        BufferSink path(own.paths[n]); // zeroed, and never full
        format_to(path, "firmware/qemu_fw_cfg/{}/{}/{}", folder, id, leaf.name);
        own.files[n].path = own.paths[n];
        own.files[n].write_of = leaf.write;
        own.files[n].subject = &own.item;
        vfs::register_file(vfs::sys_files, own.files[n++]);
    };
    for (const Leaf& leaf : leaves) {
        add("by_key", item.key, leaf);
        if (is_path(own.item.name)) add("by_name", std::string_view(own.item.name), leaf);
    }
}

void add_items() {
    const auto count = source->count();
    for (std::uint32_t i = 0; count.ok() && i < count.value(); i++) {
        const auto item = source->item(i);
        if (!item.ok()) break;
        add_item(item.value());
    }
}

} // namespace

void offer_firmware_files(drivers::FirmwareItems& items) {
    static constinit vfs::GeneratedFile revision{"firmware/qemu_fw_cfg/rev", nullptr, nullptr,
                                                 write_revision};
    if (source) return;
    auto late = make_own<vfs::LateFiles>("firmware/qemu_fw_cfg/", add_items);
    if (!late.ok()) return;
    source = &items;
    vfs::register_file(vfs::sys_files, revision);
    vfs::register_late(vfs::sys_files, *late.value().leak());
}

} // namespace drupe::image
