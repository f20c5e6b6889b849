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

} // namespace drupe::testing
