// SPDX-License-Identifier: BSD-2-Clause
#include "file_room.h"

#include <weak/runner.h>

#include <drupe/arch/direct_map.h>
#include <drupe/mm/frames.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/vfs/init.h>
#include <drupe/vfs/operations.h>

#include <cstdlib>
#include <vector>

namespace weak {

using namespace drupe;

namespace {

void make_memory() {
    constexpr std::uint64_t base = 0x4000'0000;
    constexpr std::size_t bytes = 16 << 20, alignment = 4 << 20;
    void* arena = std::aligned_alloc(alignment, bytes);
    arch::direct_map_offset = reinterpret_cast<std::uintptr_t>(arena) - base;
    mm::frames_init(std::vector<mm::MemoryRange>{{PhysAddr{base}, bytes}}, {});
}

} // namespace

FileRoom::FileRoom() {
    make_memory();
    WEAK_CHECK(vfs::init().ok());
    ramfs::register_types();
    file_system_ = ramfs::create({}).value();
    files_ = vfs::FdTable::create().value();
    fs_ = vfs::FsContext::create(file_system_->root()).value();
    who.files = files_.get();
    who.fs = fs_.get();
}

FileRoom& FileRoom::instance() {
    static FileRoom* const made = new FileRoom;
    return *made;
}

RefPtr<vfs::File> FileRoom::create(const char* path) {
    return vfs::open(who, nullptr, path, {vfs::open_read_write | vfs::open_create, 0644, 0})
        .value();
}
bool FileRoom::exists(const char* path) {
    return vfs::open(who, nullptr, path, {vfs::open_read_only, 0, 0}).ok();
}
void FileRoom::remove(const char* path) { WEAK_CHECK(vfs::unlink(who, nullptr, path).ok()); }

std::size_t FileRoom::put(vfs::File& file, char byte) {
    auto buffer = vfs::IoBuffer::kernel(&byte, 1);
    return file.write(buffer).value();
}
char FileRoom::get(vfs::File& file) {
    char byte = 0;
    auto buffer = vfs::IoBuffer::kernel(&byte, 1);
    return file.read(buffer).value() == 1 ? byte : '\0';
}

} // namespace weak
