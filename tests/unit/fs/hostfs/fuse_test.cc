// SPDX-License-Identifier: BSD-2-Clause
// A folder served by a FUSE server that a test plays, honest and not.
#include "host_folder.h"

#include <support/fake_fuse_server.h>

#include <random>
#include <string>
#include <vector>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::error_of;
using drupe::testing::FakeFuseServer;
using drupe::testing::HostFolder;

namespace {

enum Opcode : unsigned {
    get_attributes = 3,
    open_file = 14,
    release = 18,
    sync_file = 20,
    get_xattr = 22,
    flush_file = 25,
    open_directory_ = 27,
    create_file = 35,
    allocate_file = 43,
    rename2 = 45,
    seek_file = 46,
};

/// One server for all tests: devices are for ever.
FakeFuseServer& server() {
    static FakeFuseServer& one = *new FakeFuseServer("fuse");
    return one;
}

struct Folder : HostFolder {
    Folder() { server().reset(); }
    ~Folder() {
        server().spoil = nullptr;
        unmount();
    }
    Result<void> mount(std::string_view options = {}) {
        return HostFolder::mount(
            "/host", {.type = "virtiofs", .source = "fuse", .options = options, .flags = 0});
    }
};

} // namespace

TEST_CASE("virtiofs: what is written is with the server, and what is there is read") {
    Folder folder;
    REQUIRE(folder.mount().ok());
    const std::string large(100'000, 'x');
    folder.world.write("/host/file", large);
    CHECK(server().at("/file").content == large);
    server().at("/file").content = "the host's";
    CHECK(folder.world.read("/host/file") == "the host's");
    REQUIRE(make_directory(folder.world.who, nullptr, "/host/d", 0750).ok());
    CHECK(server().at("/d").mode == 040750);
    REQUIRE(folder.rename("/host/file", "/host/d/f") == Errc::ok);
    CHECK(server().node_at("/d/f") != 0);
    CHECK(folder.list("/host/d") == std::vector<std::string>{"f"});
    CHECK(error_of(vfs::remove_directory(folder.world.who, nullptr, "/host/d")) == Errc::not_empty);
    CHECK(folder.remove("/host/d/f") == Errc::ok);
    CHECK(folder.remove("/host/d/f") == Errc::not_found);
    CHECK(folder.list("/host/d").empty());
}

TEST_CASE("virtiofs: a long directory comes in several answers") {
    Folder folder;
    for (int i = 0; i < 900; i++)
        server().add("/a-name-that-is-not-short-" + std::to_string(i), 0100644);
    REQUIRE(folder.mount().ok());
    CHECK(folder.list("/host").size() == 900);
}

TEST_CASE("virtiofs: a number of the server's is one object, whatever its names") {
    Folder folder;
    server().add("/f", 0100644, "text");
    REQUIRE(folder.mount().ok());
    auto a = folder.world.open("/host/f", open_read_write).take_unchecked();
    REQUIRE(make_link(folder.world.who, nullptr, "/host/f", nullptr, "/host/g", 0).ok());
    auto b = folder.world.open("/host/g", open_read_only).take_unchecked();
    CHECK(&a->inode() == &b->inode());
    REQUIRE((folder.remove("/host/f") == Errc::ok && folder.remove("/host/g") == Errc::ok));
    folder.world.write("/host/f", "another file of that name");
    // The one without a name can still be asked for, and changed.
    CHECK(a->inode().attributes().nlink == 0);
    CHECK(a->truncate(2).ok());
    CHECK(a->inode().attributes().size == 2);
    CHECK(server().at("/f").content.size() == 25);
}

TEST_CASE("virtiofs: everything is given back, with as many uses as it was named") {
    Folder folder;
    for (int i = 0; i < 3; i++) {
        REQUIRE(folder.mount().ok());
        use(folder);
        {
            folder.world.write("/host/kept", "text");
            auto kept = folder.world.open("/host/kept", open_read_only).take_unchecked();
            for (int n = 0; n < 5; n++) CHECK(folder.world.read("/host/kept") == "text");
        }
        folder.unmount();
        CHECK(server().lookups() == 0);
        CHECK(server().handles.empty());
        CHECK_FALSE(server().is_up);
    }
}

TEST_CASE("virtiofs: what 9P cannot do goes through") {
    Folder folder;
    server().add("/a", 0100644, "the first");
    server().add("/b", 0100644, "the second");
    REQUIRE(folder.mount().ok());
    constexpr std::uint32_t exchange = 2;
    CHECK(folder.rename("/host/a", "/host/b", exchange) == Errc::ok);
    CHECK(server().at("/a").content == "the second");
    CHECK(folder.world.read("/host/b") == "the first");
    auto file = folder.world.open("/host/a", open_read_write).take_unchecked();
    CHECK(file->allocate(0, 100, 50).ok());
    CHECK(file->inode().size() == 150);
    CHECK(file->seek(7, seek_data).value() == 7);
    CHECK(file->seek(0, seek_hole).value() == 150);
    CHECK(file->flush().ok());
    CHECK(server().asked[flush_file] == 1);
}

TEST_CASE("virtiofs: what a server does not know is asked once, and done without") {
    Folder folder;
    server().add("/b", 0100644, "other");
    server().unknown = {open_file,     open_directory_, create_file, sync_file, flush_file,
                        allocate_file, rename2,         seek_file,   get_xattr};
    REQUIRE(folder.mount().ok());
    constexpr std::uint32_t exchange = 2;
    for (int i = 0; i < 2; i++) {
        auto file = folder.world.open("/host/b", open_read_write).take_unchecked();
        CHECK(file->sync(false).ok());
        CHECK(file->flush().ok());
        CHECK(file->allocate(0, 0, 10).error() == Errc::not_supported);
        CHECK(file->seek(0, seek_hole).value() == 5);
        CHECK(error_of(file->inode().get_xattr("user.a", {})) == Errc::not_supported);
        CHECK(folder.list("/host") == std::vector<std::string>{"b"});
        folder.world.write("/host/c", "");
        CHECK(folder.rename("/host/b", "/host/c", exchange) == Errc::invalid);
        CHECK(folder.remove("/host/c") == Errc::ok);
    }
    for (unsigned opcode : server().unknown) CHECK(server().asked[opcode] == 1);
    CHECK(server().asked[release] == 0);
}

TEST_CASE("virtiofs: a server that has to be opened files with, is asked each time") {
    Folder folder;
    server().add("/b", 0100644, "other");
    server().unknown = {open_file};
    server().flags = 0; // it did not agree to do without
    REQUIRE(folder.mount().ok());
    for (int i = 0; i < 2; i++)
        CHECK(error_of(folder.world.open("/host/b", open_read_only)) == Errc::not_implemented);
    CHECK(server().asked[open_file] == 2);
}

TEST_CASE("virtiofs: other versions and options are refused") {
    Folder folder;
    CHECK(error_of(folder.mount("dax=always")) == Errc::invalid);
    server().minor = 30;
    CHECK(error_of(folder.mount()) == Errc::not_supported);
    server().minor = 99;
    CHECK(folder.mount("dax=never").ok());
}

TEST_CASE("virtiofs: a server's errors come through, and numbers that are none are io") {
    Folder folder;
    server().add("/f", 0100644, "text");
    REQUIRE(folder.mount().ok());
    const auto with_error = [&](std::int32_t error) {
        server().spoil = [=](std::string& reply, std::uint32_t& written) {
            std::memcpy(reply.data() + 4, &error, 4);
            written = 16;
            reply.resize(16);
            const std::uint32_t bytes = 16;
            std::memcpy(reply.data(), &bytes, 4);
        };
        const Errc seen = error_of(folder.world.open("/host/f", open_read_only));
        server().spoil = nullptr;
        return seen;
    };
    CHECK(with_error(-13) == Errc::access);
    CHECK(with_error(-28) == Errc::no_space);
    CHECK(with_error(-122) == Errc::no_space);
    CHECK(with_error(-4) == Errc::interrupted);
    CHECK(with_error(5) == Errc::io);
    CHECK(with_error(-70000) == Errc::io);
    CHECK(with_error(INT32_MIN) == Errc::io);
}

TEST_CASE("virtiofs: whatever a server sends, calls end and memory is kept") {
    const unsigned seed = GENERATE(range(0u, 400u));
    std::mt19937 random(seed);
    Folder folder;
    const bool from_the_start = seed % 4 == 0;
    server().valid_seconds = seed % 3;
    const auto spoil = [&](std::string& reply, std::uint32_t& written) {
        if (random() % 6 != 0) return;
        switch (random() % 5) {
        case 0: // a number somewhere
            for (int i = 0; i < 4; i++)
                reply[random() % reply.size()] = static_cast<char>(random() % 3 ? 0xff : 0);
            break;
        case 1: reply.resize(random() % (reply.size() + 1)); break;
        case 2: reply.append(random() % 300, static_cast<char>(random())); break;
        case 3: written = static_cast<std::uint32_t>(random() % 200); break;
        case 4: reply[random() % reply.size()] ^= static_cast<char>(random()); break;
        }
    };
    if (from_the_start) server().spoil = spoil;
    if (!folder.mount().ok()) return;
    server().spoil = spoil;
    for (int i = 0; i < 5; i++) use(folder);
}
