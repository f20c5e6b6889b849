// SPDX-License-Identifier: BSD-2-Clause
// A folder that a server of the test's is mounted on, whatever its protocol.
#pragma once

#include <support/file_world.h>

#include <drupe/hostfs/hostfs.h>
#include <drupe/vfs/file_system.h>

#include <string>
#include <vector>

namespace drupe::testing {

Errc error_of(const auto& result) { return result.ok() ? Errc::ok : result.error(); }

struct HostFolder {
    FileWorld world;
    HostFolder() {
        register_once();
        REQUIRE(vfs::make_directory(world.who, nullptr, "/host", 0755).ok());
    }
    static void register_once() {
        static const bool once = (hostfs::register_types(), true);
        REQUIRE(once);
    }
    Result<void> mount(const char* path, const vfs::MountRequest& request) {
        RefPtr<vfs::Dentry> at = TRY(vfs::walk(world.who, nullptr, path, vfs::walk_follow));
        return vfs::MountTable::mount(*at, request);
    }
    void unmount() {
        const auto root = vfs::walk(world.who, nullptr, "/host", vfs::walk_follow);
        if (root.ok() && root.value()->is_root())
            CHECK(vfs::MountTable::unmount(*root.value(), true).ok());
    }
    std::vector<std::string> list(const std::string& path) {
        struct Names final : vfs::DirectorySink {
            std::vector<std::string> seen;
            bool add(std::string_view name, std::uint64_t, std::uint8_t, std::uint64_t) override {
                seen.emplace_back(name);
                return seen.size() < 1000;
            }
        } names;
        auto file = world.open(path, vfs::open_read_only | vfs::open_directory);
        if (file.ok()) static_cast<void>(file.value()->read_directory(names));
        return names.seen;
    }
    Errc remove(const char* path) { return error_of(vfs::unlink(world.who, nullptr, path)); }
    Errc rename(const char* from, const char* to, std::uint32_t flags = 0) {
        return error_of(vfs::rename(world.who, nullptr, from, nullptr, to, flags));
    }
};

/// What a program might do there, whatever the server says to it.
inline void use(HostFolder& folder) {
    using namespace vfs;
    TaskContext& who = folder.world.who;
    char scratch[4096];
    static_cast<void>(make_directory(who, nullptr, "/host/d", 0755));
    if (auto file = folder.world.open("/host/d/f", open_read_write | open_create); file.ok()) {
        char bytes[5000] = "text";
        auto from = IoBuffer::kernel(static_cast<const void*>(bytes), sizeof bytes);
        static_cast<void>(file.value()->write(from));
        auto to = IoBuffer::kernel(bytes, sizeof bytes);
        static_cast<void>(file.value()->read_at(to, 0));
        file.value()->attach(); // as a region would
        if (auto pages = file.value()->mappable(true, true); pages.ok()) {
            if (auto page = pages.value()->get_page(0); page.ok()) mm::release_frame(page.value());
            static_cast<void>(pages.value()->write_back());
        }
        static_cast<void>(file.value()->allocate(0, 0, 9000));
        file.value()->detach();
        static_cast<void>(file.value()->truncate(3));
        static_cast<void>(file.value()->seek(0, seek_hole));
        static_cast<void>(file.value()->sync(false));
        static_cast<void>(file.value()->flush());
        static_cast<void>(file.value()->inode().attributes());
    }
    static_cast<void>(make_link(who, nullptr, "/host/d/f", nullptr, "/host/d/h", 0));
    static_cast<void>(make_symlink(who, "f", nullptr, "/host/d/l"));
    if (auto link = walk(who, nullptr, "/host/d/l", 0); link.ok())
        static_cast<void>(link.value()->inode()->link_target(who, scratch));
    static_cast<void>(folder.list("/host/d"));
    static_cast<void>(folder.rename("/host/d", "/host/e"));
    if (auto e = walk(who, nullptr, "/host/e", 0); e.ok()) {
        static_cast<void>(e.value()->fs().stats());
        std::byte value[8] = {};
        static_cast<void>(e.value()->inode()->set_xattr("user.a", value, 0));
        static_cast<void>(e.value()->inode()->get_xattr("user.a", value));
        static_cast<void>(e.value()->inode()->get_xattr("", {}));
    }
    for (const char* name : {"/host/e/f", "/host/e/h", "/host/e/l", "/host/d/f", "/host/d/l"})
        static_cast<void>(folder.remove(name));
    static_cast<void>(vfs::remove_directory(who, nullptr, "/host/e"));
}

} // namespace drupe::testing
