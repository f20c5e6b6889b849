// SPDX-License-Identifier: BSD-2-Clause
#include <support/file_world.h>

#include <drupe/vfs/paged_file.h>
#include <drupe/vfs/pipe.h>
#include <drupe/vfs/record_lock.h>

#include <set>
#include <vector>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::FileWorld;

namespace {

std::size_t put(File& file, const std::string& text) {
    auto buffer = IoBuffer::kernel(text.data(), text.size());
    return file.write(buffer).value();
}
std::string get(File& file, std::size_t bytes) {
    std::string text(bytes, '?');
    auto buffer = IoBuffer::kernel(text.data(), text.size());
    text.resize(file.read(buffer).value());
    return text;
}

struct Names final : DirectorySink {
    std::vector<std::string> seen;
    std::size_t room = SIZE_MAX;
    bool add(std::string_view name, std::uint64_t, std::uint8_t, std::uint64_t) override {
        if (seen.size() == room) return false;
        seen.emplace_back(name);
        return true;
    }
};

} // namespace

TEST_CASE("holes read as zeros, take no room and can be found") {
    FileWorld world;
    auto file = world.open("/sparse", open_read_write | open_create).value();
    std::uint64_t at = 10 * page_size + 5;
    auto buffer = IoBuffer::kernel("data", 4);
    REQUIRE(file->write_at(buffer, at, false).value() == 4);
    CHECK(file->inode().size() == 10 * page_size + 9);
    CHECK(file->inode().attributes().blocks == 8);
    CHECK(file->seek(0, seek_data).value() == 10 * page_size);
    CHECK(file->seek(0, seek_hole).value() == 0);
    CHECK(file->seek(10 * page_size, seek_hole).value() == 10 * page_size + 9);
    CHECK(file->seek(10 * page_size + 9, seek_data).error() == Errc::no_device);
    REQUIRE(file->seek(page_size - 2, seek_set).ok());
    CHECK(get(*file, 4) == std::string(4, '\0'));
}

TEST_CASE("what a file had behind a cut does not come back") {
    FileWorld world;
    world.write("/f", std::string(9000, 'x'));
    auto file = world.open("/f", open_read_write).value();
    REQUIRE(file->truncate(100).ok());
    REQUIRE(file->truncate(9000).ok());
    CHECK(world.read("/f") == std::string(100, 'x') + std::string(8900, '\0'));
    REQUIRE(file->allocate(3, 50, 8000).ok()); // punch, keep the size
    CHECK(world.read("/f") == std::string(50, 'x') + std::string(8950, '\0'));
}

TEST_CASE("punching leaves what lies around the hole") {
    FileWorld world;
    world.write("/f", std::string(3 * page_size, 'y'));
    auto file = world.open("/f", open_read_write).value();
    REQUIRE(file->allocate(3, 100, 2 * page_size).ok());
    CHECK(world.read("/f") == std::string(100, 'y') + std::string(2 * page_size, '\0') +
                                  std::string(page_size - 100, 'y'));
    CHECK(file->inode().attributes().blocks == 16);
}

TEST_CASE("appending ignores the position, and an unlinked file lives while it is open") {
    FileWorld world;
    world.write("/log", "one ");
    auto file = world.open("/log", open_read_write | open_append).value();
    REQUIRE(file->seek(0, seek_set).ok());
    CHECK(put(*file, "two") == 3);
    REQUIRE(unlink(world.who, nullptr, "/log").ok());
    CHECK(world.open("/log", open_read_only).error() == Errc::not_found);
    CHECK(file->inode().nlink() == 0);
    REQUIRE(file->seek(0, seek_set).ok());
    CHECK(get(*file, 100) == "one two");
}

TEST_CASE("a directory listed in pieces shows each name once while others go and come") {
    FileWorld world;
    REQUIRE(make_directory(world.who, nullptr, "/d", 0755).ok());
    std::set<std::string> expected{".", ".."};
    for (int i = 0; i < 50; i++) {
        const std::string name = "n" + std::to_string(i);
        world.write("/d/" + name, "");
        expected.insert(name);
    }
    auto directory = world.open("/d", open_read_only | open_directory).value();
    std::multiset<std::string> seen;
    for (int round = 0;; round++) {
        Names names;
        names.room = 7;
        REQUIRE(directory->read_directory(names).ok());
        if (names.seen.empty()) break;
        for (auto& n : names.seen) {
            seen.insert(n);
            if (n[0] == 'n') REQUIRE(unlink(world.who, nullptr, ("/d/" + n).c_str()).ok());
        }
    }
    CHECK(std::multiset<std::string>(expected.begin(), expected.end()) == seen);
    CHECK(remove_directory(world.who, nullptr, "/d").ok());
    Names none;
    REQUIRE(directory->seek(0, seek_set).ok());
    CHECK(directory->read_directory(none).error() == Errc::not_found);
}

TEST_CASE("renaming a directory below itself is refused") {
    FileWorld world;
    REQUIRE(make_directory(world.who, nullptr, "/a", 0755).ok());
    REQUIRE(make_directory(world.who, nullptr, "/a/b", 0755).ok());
    CHECK(rename(world.who, nullptr, "/a", nullptr, "/a/b/c", 0).error() == Errc::invalid);
    CHECK(rename(world.who, nullptr, "/a/b", nullptr, "/a", 0).error() == Errc::not_empty);
    REQUIRE(make_directory(world.who, nullptr, "/c", 0755).ok());
    REQUIRE(rename(world.who, nullptr, "/a/b", nullptr, "/c/a-longer-name", 0).ok());
    CHECK(walk(world.who, nullptr, "/c/a-longer-name/..", 0).value() ==
          walk(world.who, nullptr, "/c", 0).value());
    REQUIRE(rename(world.who, nullptr, "/a", nullptr, "/c", rename_exchange).ok());
    CHECK(walk(world.who, nullptr, "/a/a-longer-name", 0).ok());
}

TEST_CASE("a pipe keeps bytes in order across its ring") {
    FileWorld world;
    auto ends = create_pipe(open_nonblock).value();
    std::string sent, received;
    unsigned seed = 1;
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1664525 + 1013904223;
        const std::size_t n = (seed >> 8) % 9000 + 1;
        if (seed & 0x80) {
            std::string text(n, 'a');
            for (auto& c : text) c = static_cast<char>(seed = seed * 1664525 + 1013904223);
            auto buffer = IoBuffer::kernel(text.data(), text.size());
            auto moved = ends.write_end->write(buffer);
            if (moved.ok()) {
                if (n <= 4096) CHECK(moved.value() == n);
                sent += text.substr(0, moved.value());
            } else {
                CHECK(moved.error() == Errc::would_block);
            }
        } else {
            std::string text(n, 0);
            auto buffer = IoBuffer::kernel(text.data(), text.size());
            auto moved = ends.read_end->read(buffer);
            if (moved.ok()) received += text.substr(0, moved.value());
        }
        if (i % 500 == 499)
            (void)set_pipe_capacity(*ends.read_end, std::size_t{4096} << (seed >> 5) % 7);
        CHECK(sent.size() - received.size() <= pipe_capacity(*ends.write_end).value());
    }
    std::string rest(1 << 20, 0);
    auto buffer = IoBuffer::kernel(rest.data(), rest.size());
    if (auto moved = ends.read_end->read(buffer); moved.ok())
        received += rest.substr(0, moved.value());
    CHECK((sent == received)); // not printed: random bytes
}

TEST_CASE("a pipe says when an end is gone") {
    FileWorld world;
    auto ends = create_pipe(open_nonblock).value();
    CHECK(ends.read_end->poll(nullptr) == 0);
    CHECK((ends.write_end->poll(nullptr) & poll_out) != 0);
    CHECK(put(*ends.write_end, "last") == 4);
    ends.write_end = nullptr;
    CHECK((ends.read_end->poll(nullptr) & (poll_in | poll_hup)) == (poll_in | poll_hup));
    CHECK(get(*ends.read_end, 10) == "last");
    CHECK(get(*ends.read_end, 10).empty());
    auto other = create_pipe(0).value();
    other.read_end = nullptr;
    auto buffer = IoBuffer::kernel("x", 1);
    CHECK(other.write_end->write(buffer).error() == Errc::broken_pipe);
    CHECK((other.write_end->poll(nullptr) & poll_err) != 0);
}

TEST_CASE("record locks split, join and stand in each other's way") {
    FileWorld world;
    world.write("/f", "x");
    auto file = world.open("/f", open_read_write).value();
    Inode& inode = file->inode();
    int a = 0, b = 0;
    const auto lock = [&](int& who, LockType type, std::uint64_t first, std::uint64_t last) {
        auto done = set_record_lock(inode, {type, first, last, &who, false, 1}, WhenHeld::fail);
        return done.ok() ? Errc::ok : done.error();
    };
    CHECK(lock(a, LockType::exclusive, 0, 99) == Errc::ok);
    CHECK(lock(b, LockType::shared, 50, 50) == Errc::would_block);
    CHECK(lock(a, LockType::none, 40, 60) == Errc::ok);
    CHECK(lock(b, LockType::exclusive, 40, 60) == Errc::ok);
    CHECK(lock(b, LockType::shared, 39, 39) == Errc::would_block);
    CHECK(lock(b, LockType::shared, 61, 61) == Errc::would_block);
    CHECK(lock(a, LockType::shared, 0, 39) == Errc::ok);
    CHECK(lock(b, LockType::shared, 39, 39) == Errc::ok);
    const auto held = test_record_lock(inode, {LockType::exclusive, 0, 10, &b, false, 1});
    CHECK(held.type == LockType::shared);
    CHECK(held.first == 0);
    CHECK(held.last == 39);
    // Of several in the way the first in the file is told, whichever was made first.
    CHECK(lock(a, LockType::exclusive, 200, 209) == Errc::ok);
    CHECK(lock(a, LockType::shared, 150, 159) == Errc::ok);
    CHECK(test_record_lock(inode, {LockType::exclusive, 100, 300, &b, false, 1}).first == 150);
    release_record_locks(inode, &a);
    CHECK(lock(b, LockType::exclusive, 0, INT64_MAX) == Errc::ok);
    release_record_locks(inode, &b);
    // flock belongs to the open file.
    auto other = world.open("/f", open_read_write).value();
    CHECK(set_flock(*file, LockType::shared, WhenHeld::fail).ok());
    CHECK(set_flock(*other, LockType::shared, WhenHeld::fail).ok());
    CHECK(set_flock(*other, LockType::exclusive, WhenHeld::fail).error() == Errc::would_block);
    file = nullptr;
    CHECK(set_flock(*other, LockType::exclusive, WhenHeld::fail).ok());
}

TEST_CASE("a memory file is sealed step by step") {
    FileWorld world;
    auto file = create_memory_file("m", Sealing::allowed).value();
    REQUIRE(put(*file, "0123456789") == 10);
    PagedInode& inode = *file->inode().as_paged();
    REQUIRE(inode.add_seals(seal_shrink).ok());
    CHECK(file->truncate(5).error() == Errc::not_permitted);
    REQUIRE(inode.add_seals(seal_grow).ok());
    CHECK(file->truncate(50).error() == Errc::not_permitted);
    REQUIRE(inode.add_seals(seal_write | seal_seal).ok());
    auto buffer = IoBuffer::kernel("x", 1);
    std::uint64_t at = 0;
    CHECK(file->write_at(buffer, at, false).error() == Errc::not_permitted);
    CHECK(inode.add_seals(seal_write).error() == Errc::not_permitted);
    auto plain = create_memory_file("n", Sealing::never).value();
    CHECK(plain->inode().as_paged()->add_seals(seal_write).error() == Errc::not_permitted);
}

TEST_CASE("a file that runs cannot be written, one that is written cannot run") {
    FileWorld world;
    world.write("/prog", "#!", 0755);
    {
        auto running = open_executable(world.who, nullptr, "/prog").value();
        CHECK(world.open("/prog", open_write_only).error() == Errc::text_busy);
        CHECK(open_executable(world.who, nullptr, "/prog").ok());
    }
    auto writing = world.open("/prog", open_write_only).value();
    CHECK(open_executable(world.who, nullptr, "/prog").error() == Errc::text_busy);
}

TEST_CASE("only members make set-gid programs for a directory's group") {
    FileWorld world;
    REQUIRE(make_directory(world.who, nullptr, "/shared", 0777).ok());
    auto directory = walk(world.who, nullptr, "/shared", 0).value();
    REQUIRE(change_owner(world.who, *directory, ~0u, 50).ok());
    REQUIRE(change_mode(world.who, *directory, 02777).ok());
    world.who.credentials.effective_uid = 7;
    for (std::uint32_t group : {7u, 50u}) {
        INFO(group);
        world.who.credentials.effective_gid = group;
        const std::string path = "/shared/" + std::to_string(group);
        auto file = world.open(path, open_create | open_write_only, 02755).value();
        CHECK(file->inode().gid() == 50);
        CHECK(((file->inode().mode() & mode_setgid) != 0) == (group == 50));
    }
}
