// SPDX-License-Identifier: BSD-2-Clause
#include <support/file_world.h>

#include <drupe/vfs/file_system.h>
#include <drupe/vfs/path.h>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::FileWorld;

namespace {

Errc error_of(const auto& result) { return result.ok() ? Errc::ok : result.error(); }

std::string name_of(FileWorld& world, const char* path, std::uint32_t flags = walk_follow) {
    auto found = walk(world.who, nullptr, path, flags);
    if (!found.ok()) return "error " + std::to_string(static_cast<int>(found.error()));
    char buffer[8192];
    return std::string(path_of(*found.value(), world.root().get(), buffer).value());
}

void make_tree(FileWorld& world) {
    REQUIRE(make_directory(world.who, nullptr, "/a", 0755).ok());
    REQUIRE(make_directory(world.who, nullptr, "/a/b", 0755).ok());
    world.write("/a/b/file", "text");
    REQUIRE(make_symlink(world.who, "b/file", nullptr, "/a/rel").ok());
    REQUIRE(make_symlink(world.who, "/a/b", nullptr, "/abs").ok());
    REQUIRE(make_symlink(world.who, "loop", nullptr, "/loop").ok());
    REQUIRE(make_symlink(world.who, "nothing", nullptr, "/dangling").ok());
}

} // namespace

TEST_CASE("a walk finds names through directories, dots and links") {
    FileWorld world;
    make_tree(world);
    CHECK(name_of(world, "/") == "/");
    CHECK(name_of(world, "///a//b///") == "/a/b");
    CHECK(name_of(world, "/a/./b/../b/file") == "/a/b/file");
    CHECK(name_of(world, "/../../a") == "/a");
    CHECK(name_of(world, "/a/rel") == "/a/b/file");
    CHECK(name_of(world, "/abs/file") == "/a/b/file");
    CHECK(name_of(world, "/abs/../rel") == "/a/b/file");
    CHECK(name_of(world, "/abs", 0) == "/abs");
    CHECK(name_of(world, "/abs/", 0) == "/a/b");
    CHECK(name_of(world, "a/b") == "/a/b");
}

TEST_CASE("a walk that cannot go on says why") {
    FileWorld world;
    make_tree(world);
    const auto why = [&](const std::string& path, std::uint32_t flags = walk_follow) {
        return error_of(walk(world.who, nullptr, path.c_str(), flags));
    };
    CHECK(why("") == Errc::not_found);
    CHECK(why("/a/none") == Errc::not_found);
    CHECK(why("/none/b") == Errc::not_found);
    CHECK(why("/dangling") == Errc::not_found);
    CHECK(why("/a/b/file/x") == Errc::not_directory);
    CHECK(why("/a/b/file/") == Errc::not_directory);
    CHECK(why("/a/b/file/..") == Errc::not_directory);
    CHECK(why("/loop") == Errc::symlink_loop);
    CHECK(why("/loop/x") == Errc::symlink_loop);
    CHECK(why("/" + std::string(256, 'n')) == Errc::name_too_long);
    CHECK(why("/" + std::string(255, 'n')) == Errc::not_found);
    CHECK(why("/a/b", walk_no_symlinks) == Errc::ok);
    CHECK(why("/abs/file", walk_no_symlinks) == Errc::symlink_loop);
    CHECK(why("/abs", walk_beneath) == Errc::cross_device);
}

TEST_CASE("forty links are followed, forty-one are not") {
    FileWorld world;
    world.write("/end", "x");
    std::string before = "end";
    for (int i = 1; i <= 41; i++) {
        const std::string name = "/l" + std::to_string(i);
        REQUIRE(make_symlink(world.who, before.c_str(), nullptr, name.c_str()).ok());
        before = name.substr(1);
    }
    CHECK(walk(world.who, nullptr, "/l40", walk_follow).ok());
    CHECK(error_of(walk(world.who, nullptr, "/l41", walk_follow)) == Errc::symlink_loop);
}

TEST_CASE("searching needs the execute bit, except for user 0") {
    FileWorld world;
    make_tree(world);
    auto directory = walk(world.who, nullptr, "/a", walk_follow).value();
    REQUIRE(change_mode(world.who, *directory, 0644).ok());
    CHECK(walk(world.who, nullptr, "/a/b", walk_follow).ok());
    world.who.credentials.effective_uid = 1000;
    CHECK(error_of(walk(world.who, nullptr, "/a/b", walk_follow)) == Errc::access);
    CHECK(error_of(walk(world.who, nullptr, "/a/none", walk_follow)) == Errc::access);
}

TEST_CASE("mounts cover a directory, dot-dot leaves them, and busy ones stay") {
    FileWorld world;
    make_tree(world);
    auto at = walk(world.who, nullptr, "/a/b", walk_follow).value();
    REQUIRE(MountTable::mount(*at, {"tmpfs", "none", "mode=700", 0}).ok());
    CHECK(error_of(walk(world.who, nullptr, "/a/b/file", walk_follow)) == Errc::not_found);
    auto inside = walk(world.who, nullptr, "/a/b", walk_follow).value();
    CHECK((inside->inode()->mode() & mode_permissions) == 0700);
    CHECK(name_of(world, "/a/b") == "/a/b");
    CHECK(name_of(world, "/a/b/..") == "/a");
    world.write("/a/b/new", "inside");
    CHECK(name_of(world, "/abs/new") == "/a/b/new");
    {
        auto held = world.open("/a/b/new", open_read_only).value();
        CHECK(error_of(MountTable::unmount(*inside, false)) == Errc::busy);
    }
    CHECK(error_of(remove_directory(world.who, nullptr, "/a/b")) == Errc::busy);
    CHECK(MountTable::unmount(*inside, false).ok());
    CHECK(world.read("/a/b/file") == "text");
}

TEST_CASE("a detached mount lives until its last file goes") {
    FileWorld world;
    REQUIRE(make_directory(world.who, nullptr, "/m", 0755).ok());
    auto at = walk(world.who, nullptr, "/m", walk_follow).value();
    REQUIRE(MountTable::mount(*at, {"tmpfs", "none", "", 0}).ok());
    world.write("/m/file", "still here");
    auto file = world.open("/m/file", open_read_only).value();
    {
        auto inside = walk(world.who, nullptr, "/m", walk_follow).value();
        CHECK(MountTable::unmount(*inside, true).ok());
    }
    CHECK(error_of(walk(world.who, nullptr, "/m/file", walk_follow)) == Errc::not_found);
    char text[16];
    auto buffer = IoBuffer::kernel(text, sizeof text);
    CHECK(file->read(buffer).value() == 10);
}

TEST_CASE(
    "a mount on a removed directory fails and leaves nothing behind") { // the leak checker looks
    FileWorld world;
    REQUIRE(make_directory(world.who, nullptr, "/m", 0755).ok());
    auto at = walk(world.who, nullptr, "/m", walk_follow).value();
    REQUIRE(remove_directory(world.who, nullptr, "/m").ok());
    CHECK(error_of(MountTable::mount(*at, {"tmpfs", "none", "", 0})) == Errc::not_found);
}

TEST_CASE("removing a deep chain of directories uses no deep stack") {
    FileWorld world;
    RefPtr<Dentry> at = world.root();
    for (int i = 0; i < 3000; i++) {
        REQUIRE(make_directory(world.who, at.get(), "d", 0755).ok());
        at = walk(world.who, at.get(), "d", 0).value();
    }
    auto held = at;
    at = nullptr;
    CHECK(is_ancestor(*world.root(), *held));
}
