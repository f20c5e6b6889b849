// SPDX-License-Identifier: BSD-2-Clause
#include <support/file_world.h>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::FileWorld;

namespace {
struct Fixture : FileWorld {
    Fixture() { write("/f", "x"); }
    RefPtr<File> file() { return open("/f", open_read_only).value(); }
    FdTable& table() { return *who.files; }
};
} // namespace

TEST_CASE("the lowest free number is given out") {
    Fixture f;
    for (std::uint32_t i = 0; i < 5; i++)
        CHECK(f.table().install(f.file(), false, 1024).value() == i);
    CHECK(f.table().close(1).ok());
    CHECK(f.table().close(3).ok());
    CHECK(f.table().install(f.file(), false, 1024).value() == 1);
    CHECK(f.table().install(f.file(), false, 1024, 10).value() == 10);
    CHECK(f.table().install(f.file(), false, 1024).value() == 3);
    CHECK(f.table().install(f.file(), false, 1024).value() == 5);
    CHECK(f.table().close(99).error() == Errc::bad_descriptor);
    CHECK_FALSE(f.table().get(99));
    CHECK_FALSE(f.table().get(static_cast<std::uint32_t>(-1)));
}

TEST_CASE("a table grows up to the limit and not beyond") {
    Fixture f;
    for (std::uint32_t i = 0; i < 300; i++)
        CHECK(f.table().install(f.file(), false, 300).value() == i);
    CHECK(f.table().install(f.file(), false, 300).error() == Errc::too_many_files);
    CHECK(f.table().install_at(300, f.file(), false, 300).error() == Errc::bad_descriptor);
    CHECK(f.table().install_at(900, f.file(), true, 1024).ok());
    CHECK(f.table().is_close_on_exec(900).value());
    CHECK(f.table().get(299));
}

TEST_CASE("a copy has the same files, and close-on-exec takes only its own") {
    Fixture f;
    REQUIRE(f.table().install(f.file(), true, 1024).value() == 0);
    REQUIRE(f.table().install(f.file(), false, 1024).value() == 1);
    REQUIRE(f.table().reserve(false, 1024).value() == 2);
    auto copy = f.table().clone().value();
    CHECK(copy->get(0).get() == f.table().get(0).get());
    CHECK(copy->install(f.file(), false, 1024).value() == 2);
    copy->close_on_exec();
    CHECK_FALSE(copy->get(0));
    CHECK(copy->get(1));
    CHECK(f.table().get(0));
    f.table().unreserve(2);
    CHECK(f.table().next_open(1) == 1);
    CHECK(f.table().next_open(2) == FdTable::none);
}

TEST_CASE("a range of descriptors is closed, or marked") {
    Fixture f;
    for (int i = 0; i < 10; i++) (void)f.table().install(f.file(), false, 1024);
    f.table().close_range(5, ~0u, true);
    CHECK(f.table().is_close_on_exec(7).value());
    CHECK_FALSE(f.table().is_close_on_exec(4).value());
    f.table().close_range(3, 6, false);
    CHECK_FALSE(f.table().get(3));
    CHECK(f.table().get(7));
}

TEST_CASE("a file in a shared table is held for the time of a call") {
    Fixture f;
    (void)f.table().install(f.file(), false, 1024);
    RefPtr<FdTable> other(&f.table()); // a second thread
    FileRef held = f.table().get(0);
    CHECK(held->use_count() == 2);
    CHECK(f.table().close(0).ok());
    CHECK(held->use_count() == 1);
}
