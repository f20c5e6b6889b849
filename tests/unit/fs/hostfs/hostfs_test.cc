// SPDX-License-Identifier: BSD-2-Clause
// A folder served by a server that a test plays, honest and not.
#include "host_folder.h"

#include <support/fake_p9_server.h>

#include <random>
#include <string>
#include <vector>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::error_of;
using drupe::testing::FakeP9Server;
using drupe::testing::HostFolder;

namespace {

/// One server for all tests: devices are for ever.
FakeP9Server& server() {
    static FakeP9Server& one = *new FakeP9Server("home");
    return one;
}

struct Folder : HostFolder {
    Folder() {
        server().objects.clear();
        server().objects[""] = {1, 040755, "", 1};
        server().spoil = nullptr;
    }
    ~Folder() {
        server().spoil = nullptr;
        unmount();
    }
    Result<void> mount(std::string_view options = {}) { return mount("/host", "home", options); }
    Result<void> mount(const char* path, std::string_view tag, std::string_view options) {
        return HostFolder::mount(path,
                                 {.type = "9p", .source = tag, .options = options, .flags = 0});
    }
};

} // namespace

TEST_CASE("hostfs: what is written is with the server, and what is there is read") {
    Folder folder;
    REQUIRE(folder.mount("trans=virtio,version=9p2000.L,msize=8192").ok());
    const std::string large(100'000, 'x');
    folder.world.write("/host/file", large);
    CHECK(server().objects["/file"].content == large);
    server().objects["/file"].content = "the host's";
    CHECK(folder.world.read("/host/file") == "the host's");
    REQUIRE(make_directory(folder.world.who, nullptr, "/host/d", 0750).ok());
    CHECK(server().objects["/d"].mode == 040750);
    REQUIRE(vfs::rename(folder.world.who, nullptr, "/host/file", nullptr, "/host/d/f", 0).ok());
    CHECK(server().objects.contains("/d/f"));
    CHECK(folder.list("/host/d") == std::vector<std::string>{"f"});
    CHECK(error_of(vfs::remove_directory(folder.world.who, nullptr, "/host/d")) == Errc::not_empty);
    CHECK(folder.remove("/host/d/f") == Errc::ok);
    CHECK(folder.remove("/host/d/f") == Errc::not_found);
    CHECK(folder.list("/host/d").empty());
}

TEST_CASE("hostfs: a long directory comes in several answers") {
    Folder folder;
    for (int i = 0; i < 900; i++)
        server().objects["/a-name-that-is-not-short-" + std::to_string(i)] = {
            100u + static_cast<unsigned>(i), 0100644, "", 1};
    REQUIRE(folder.mount().ok());
    CHECK(folder.list("/host").size() == 900);
}

TEST_CASE("hostfs: one object has one inode while it is in use") {
    Folder folder;
    server().objects["/f"] = {50, 0100644, "text", 1};
    REQUIRE(folder.mount().ok());
    auto a = folder.world.open("/host/f", open_read_only);
    auto b = folder.world.open("/host/f", open_read_write);
    REQUIRE((a.ok() && b.ok()));
    CHECK(&a.value()->inode() == &b.value()->inode());
    server().objects["/f"].mode = 040755; // another thing by now
    auto c = walk(folder.world.who, nullptr, "/host/f", 0);
    REQUIRE(c.ok());
    CHECK(c.value()->inode() != &a.value()->inode());
}

TEST_CASE("hostfs: mappings see the file, and go back to the server") {
    Folder folder;
    server().objects["/f"] = {50, 0100644, "abc" + std::string(5000, '.'), 1};
    REQUIRE(folder.mount().ok());
    auto file = folder.world.open("/host/f", open_read_write).take_unchecked();
    auto pages = file->mappable(true, true).take_unchecked();
    file->attach();
    const auto at = [&](std::uint64_t index) {
        const PhysAddr frame = pages->get_page(index).value();
        mm::release_frame(frame); // the object keeps it
        return static_cast<char*>(mm::phys_to_virt(frame));
    };
    CHECK(std::string(at(0), 4) == "abc.");
    CHECK(std::string(at(1) + 5003 - 4096, 3) == std::string(3, '\0'));
    at(0)[1] = 'M';
    auto from = IoBuffer::kernel(static_cast<const void*>("W"), 1);
    std::uint64_t offset = 2;
    CHECK(file->write_at(from, offset, false).value() == 1);
    CHECK(at(0)[2] == 'W');
    char three[3];
    auto to = IoBuffer::kernel(three, 3);
    CHECK(file->read_at(to, 0).value() == 3);
    CHECK(std::string(three, 3) == "aMW");
    server().objects["/f"].content[4500] = 'H'; // on a page that the mapping left alone
    file->detach();                             // as munmap does
    CHECK(server().objects["/f"].content[4500] == 'H');
    CHECK(server().objects["/f"].content.substr(0, 4) == "aMW.");
    CHECK(server().objects["/f"].content.size() == 5003);
    server().objects["/f"].content = "fresh";
    server().objects["/f"].changed++;
    pages = file->mappable(true, false).take_unchecked();
    CHECK(std::string(at(0), 5) == "fresh");
    CHECK(pages->get_page(1).error() == Errc::out_of_range);
}

TEST_CASE("hostfs: a file that lost its name keeps what was known of it") {
    Folder folder;
    REQUIRE(folder.mount().ok());
    folder.world.write("/host/f", "text");
    auto file = folder.world.open("/host/f", open_read_write).take_unchecked();
    REQUIRE(folder.remove("/host/f") == Errc::ok);
    folder.world.write("/host/f", "another file of that name");
    CHECK(file->inode().attributes().nlink == 0);
    CHECK(file->inode().attributes().size == 4);
    CHECK(file->truncate(0).error() == Errc::not_found);
    CHECK(server().objects["/f"].content.size() == 25);
}

TEST_CASE("hostfs: a folder is mounted once at a time, and gives everything back") {
    Folder folder;
    for (int i = 0; i < 3; i++) {
        REQUIRE(folder.mount().ok());
        {
            REQUIRE(make_directory(folder.world.who, nullptr, "/host/sub", 0755).ok());
            CHECK(error_of(folder.mount("/host/sub", "home", {})) == Errc::busy);
            CHECK(error_of(folder.mount("/host/sub", "none", {})) == Errc::wrong_device);
        }
        use(folder);
        REQUIRE(vfs::remove_directory(folder.world.who, nullptr, "/host/sub").ok());
        folder.unmount();
        CHECK(server().fids.empty());
    }
}

TEST_CASE("hostfs: options that ask for something else are refused") {
    Folder folder;
    for (const char* options : {"trans=tcp", "version=9p2000.u", "msize=100", "msize=x"})
        CHECK(error_of(folder.mount(options)) == Errc::invalid);
    CHECK(folder.mount("cache=loose,access=any,msize=1000000").ok());
}

TEST_CASE("hostfs: whatever a server sends, calls end and memory is kept") {
    const unsigned seed = GENERATE(range(0u, 400u));
    std::mt19937 random(seed);
    Folder folder;
    const bool from_the_start = seed % 4 == 0;
    const auto spoil = [&](std::string& reply, std::uint32_t& written) {
        if (random() % 6 != 0) return;
        switch (random() % 5) {
        case 0: // a number somewhere
            for (int i = 0; i < 4; i++)
                reply[random() % reply.size()] = static_cast<char>(random() % 3 ? 0xff : 0);
            break;
        case 1: reply.resize(random() % (reply.size() + 1)); break;
        case 2: reply.append(random() % 300, static_cast<char>(random())); break;
        case 3: written = static_cast<std::uint32_t>(random() % 70); break;
        case 4: reply[7 + random() % (reply.size() - 6) - 1] ^= static_cast<char>(random()); break;
        }
    };
    if (from_the_start) server().spoil = spoil;
    if (!folder.mount().ok()) return;
    server().spoil = spoil;
    for (int i = 0; i < 5; i++) use(folder);
}
