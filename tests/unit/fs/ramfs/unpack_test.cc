// SPDX-License-Identifier: BSD-2-Clause
#include <support/cpio_builder.h>
#include <support/file_world.h>

#include <drupe/mm/frames.h>
#include <drupe/ramfs/ramfs.h>

#include <cstring>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::CpioBuilder;
using drupe::testing::FileWorld;

namespace {

ramfs::UnpackReport unpack(FileWorld& world, std::string archive) {
    return ramfs::unpack(*world.root(), std::as_writable_bytes(std::span(archive)),
                         ramfs::Archive::borrowed);
}

/// The archive in page frames that look like those a boot loader filled: nobody owns them.
class GivenArchive {
public:
    explicit GivenArchive(const std::string& archive)
        : pages_(PageCount::covering(archive.size()).n) {
        unsigned order = 0;
        while ((std::size_t{1} << order) < pages_) order++;
        base_ = mm::alloc_frames(order).value();
        for (std::size_t i = 0; i < (std::size_t{1} << order); i++) {
            mm::Frame& frame = mm::frame_of(base_ + i * page_size);
            frame.refs = i < pages_ ? 0 : 1;
            frame.order = 0;
            if (i >= pages_) mm::release_frame(base_ + i * page_size);
        }
        std::memset(mm::phys_to_virt(base_), 0, pages_ * page_size);
        std::memcpy(mm::phys_to_virt(base_), archive.data(), archive.size());
    }
    std::span<std::byte> bytes() const {
        return {static_cast<std::byte*>(mm::phys_to_virt(base_)), pages_ * page_size};
    }

private:
    std::size_t pages_;
    PhysAddr base_{};
};

} // namespace

TEST_CASE("an archive becomes files, links, devices and directories") {
    FileWorld world;
    CpioBuilder archive;
    archive.add({.name = ".", .mode = 040700, .uid = 3})
        .add({.name = "etc", .mode = 040755})
        .add({.name = "etc/passwd", .mode = 0100640, .data = "root", .uid = 7, .mtime = 12345})
        .add({.name = "./etc/link", .mode = 0120777, .data = "passwd"})
        .add({.name = "/null", .mode = 020666, .rdev_major = 1, .rdev_minor = 3})
        .trailer();
    const auto report = unpack(world, archive.bytes());
    CHECK(report.defect == nullptr);
    CHECK(report.entries == 5);
    CHECK(world.read("/etc/link") == "root");
    const auto passwd = walk(world.who, nullptr, "/etc/passwd", 0).value()->inode()->attributes();
    CHECK(passwd.mode == 0100640);
    CHECK(passwd.uid == 7);
    CHECK(passwd.mtime == Timestamp{12345, 0});
    CHECK(walk(world.who, nullptr, "/null", 0).value()->inode()->rdev() == make_device(1, 3));
    CHECK(world.root()->inode()->uid() == 3);
}

TEST_CASE("a later archive adds to an earlier one and replaces in it") {
    FileWorld world;
    CpioBuilder archive;
    archive.add({.name = "d", .mode = 040755})
        .add({.name = "d/old", .data = "old"})
        .add({.name = "same", .data = "one"})
        .trailer()
        .pad(512)
        .add({.name = "d", .mode = 040700})
        .add({.name = "same", .data = "two"})
        .add({.name = "d/new", .data = "new"})
        .trailer();
    CHECK(unpack(world, archive.bytes()).defect == nullptr);
    CHECK(world.read("/d/old") == "old");
    CHECK(world.read("/d/new") == "new");
    CHECK(world.read("/same") == "two");
    CHECK(walk(world.who, nullptr, "/d", 0).value()->inode()->mode() == 040700);
}

TEST_CASE("hard links share one file, and only within their archive") {
    FileWorld world;
    CpioBuilder archive;
    archive.add({.name = "a", .ino = 5, .nlink = 2})
        .add({.name = "b", .data = "shared", .ino = 5, .nlink = 2})
        .trailer()
        .add({.name = "c", .data = "other", .ino = 5, .nlink = 2})
        .trailer();
    CHECK(unpack(world, archive.bytes()).defect == nullptr);
    CHECK(world.read("/a") == "shared");
    CHECK(walk(world.who, nullptr, "/a", 0).value()->inode() ==
          walk(world.who, nullptr, "/b", 0).value()->inode());
    CHECK(walk(world.who, nullptr, "/a", 0).value()->inode()->nlink() == 2);
    CHECK(world.read("/c") == "other");
}

TEST_CASE("what stands before a defect stays") {
    FileWorld world;
    CpioBuilder archive;
    archive.add({.name = "good", .data = "kept"});
    const std::size_t good = archive.bytes().size();
    archive.bytes() += "garbage";
    const auto report = unpack(world, archive.bytes());
    REQUIRE(report.defect != nullptr);
    CHECK(report.defect_at == good);
    CHECK(world.read("/good") == "kept");
    CpioBuilder orphan;
    orphan.add({.name = "none/x", .data = "y"});
    CHECK(unpack(world, orphan.bytes()).defect != nullptr);
}

TEST_CASE("page-aligned data stays where it is, with a clean tail; the rest is given back") {
    FileWorld world;
    const std::size_t before = drupe::testing::TestMemory::free_frames();
    {
        CpioBuilder archive;
        const std::string big(2 * page_size + 100, 'b');
        archive.add({.name = "first", .data = big, .page_aligned = true})
            .add({.name = "small", .data = "copied"})
            .add({.name = "second", .data = std::string(page_size, 'c'), .page_aligned = true})
            .add({.name = "third", .data = std::string(600, 'd'), .page_aligned = true})
            .add({.name = "fourth", .data = std::string(600, 'e'), .page_aligned = true})
            .trailer()
            .pad(page_size);
        GivenArchive given(archive.bytes());
        const auto report = ramfs::unpack(*world.root(), given.bytes(), ramfs::Archive::given);
        CHECK(report.defect == nullptr);
        CHECK(report.pages_adopted == 6);
        CHECK(world.read("/first") == big);
        CHECK(world.read("/small") == "copied");
        for (const char* name : {"/first", "/second", "/third", "/fourth"}) {
            auto file = world.open(name, open_read_write).value();
            const std::uint64_t size = file->inode().size();
            REQUIRE(file->truncate(8 * page_size).ok());
            CHECK(world.read(name).substr(size) == std::string(8 * page_size - size, '\0'));
            REQUIRE(unlink(world.who, nullptr, name).ok());
        }
        REQUIRE(unlink(world.who, nullptr, "/small").ok());
    }
    CHECK(drupe::testing::TestMemory::free_frames() == before);
}
