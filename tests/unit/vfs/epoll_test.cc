// SPDX-License-Identifier: BSD-2-Clause
#include <support/failing_allocator.h>
#include <support/file_world.h>

#include <drupe/vfs/epoll.h>
#include <drupe/vfs/event_file.h>
#include <drupe/vfs/pipe.h>

#include <vector>

using namespace drupe;
using namespace drupe::vfs;
using drupe::testing::FailingAllocator;
using drupe::testing::FileWorld;

namespace {

std::vector<EpollEvent> ready(EpollFile& epoll, std::size_t most = 8) {
    std::vector<EpollEvent> events(most);
    auto out = IoBuffer::kernel(events.data(), most * sizeof(EpollEvent));
    events.resize(epoll.wait(out, Nanos{0}).value());
    return events;
}
EpollEvent want(std::uint32_t events, std::uint64_t data = 7) { return {events, 0, data}; }
void put(File& file, std::uint64_t value) {
    auto buffer = IoBuffer::kernel(&value, sizeof value);
    REQUIRE(file.write(buffer).value() == 8);
}
void take(File& file) {
    std::uint64_t value = 0;
    auto buffer = IoBuffer::kernel(&value, sizeof value);
    REQUIRE(file.read(buffer).value() == 8);
}
RefPtr<File> event_file(std::uint64_t initial = 0) {
    return create_event_file(initial, EventReads::all, open_nonblock).value();
}

} // namespace

TEST_CASE("epoll tells a level as long as it lasts") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    auto ends = create_pipe(open_nonblock).value();
    REQUIRE(epoll->add(*ends.read_end, 3, want(poll_in, 42)).ok());
    CHECK(ready(*epoll).empty());
    put(*ends.write_end, 1);
    for (int i = 0; i < 3; i++) {
        auto events = ready(*epoll);
        REQUIRE(events.size() == 1);
        CHECK(events[0].events == poll_in);
        CHECK(events[0].data == 42);
    }
    take(*ends.read_end);
    CHECK(ready(*epoll).empty());
    ends.write_end = nullptr;
    REQUIRE(ready(*epoll).size() == 1);
    CHECK(ready(*epoll)[0].events == poll_hup); // unasked
}

TEST_CASE("epoll tells an edge once, and again after the next change") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    auto event = event_file(1);
    REQUIRE(epoll->add(*event, 3, want(poll_in | epoll_edge)).ok());
    CHECK(ready(*epoll).size() == 1); // ready when it was added
    CHECK(ready(*epoll).empty());
    put(*event, 1);
    CHECK(ready(*epoll).size() == 1);
    CHECK(ready(*epoll).empty());
    REQUIRE(epoll->modify(*event, 3, want(poll_in | epoll_edge)).ok());
    CHECK(ready(*epoll).size() == 1);
}

TEST_CASE("a one-shot entry is silent until it is armed again") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    auto ends = create_pipe(open_nonblock).value();
    REQUIRE(epoll->add(*ends.read_end, 3, want(poll_in | epoll_one_shot)).ok());
    put(*ends.write_end, 1);
    CHECK(ready(*epoll).size() == 1);
    put(*ends.write_end, 1);
    CHECK(ready(*epoll).empty());
    REQUIRE(epoll->modify(*ends.read_end, 3, want(poll_in | epoll_one_shot, 9)).ok());
    auto events = ready(*epoll);
    REQUIRE(events.size() == 1);
    CHECK(events[0].data == 9);
    CHECK(ready(*epoll).empty());
}

TEST_CASE("more files than events take turns") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    std::vector<RefPtr<File>> files;
    for (std::uint32_t i = 0; i < 5; i++) {
        files.push_back(event_file(1));
        REQUIRE(epoll->add(*files[i], i, want(poll_in, i)).ok());
    }
    std::vector<std::uint64_t> order;
    for (int i = 0; i < 5; i++)
        for (auto& e : ready(*epoll, 2)) order.push_back(e.data);
    CHECK(order == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
    CHECK(ready(*epoll, 8).size() == 5);
}

TEST_CASE("an entry goes with the last reference to its file, or when it is removed") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    auto one = event_file(1), two = event_file(1);
    REQUIRE(epoll->add(*one, 3, want(poll_in, 1)).ok());
    REQUIRE(epoll->add(*one, 4, want(poll_in, 2)).ok()); // another descriptor of the same file
    REQUIRE(epoll->add(*two, 5, want(poll_in, 3)).ok());
    CHECK(ready(*epoll).size() == 3);
    REQUIRE(epoll->remove(*one, 3).ok());
    CHECK(ready(*epoll).size() == 2);
    RefPtr<File> kept = one;
    one = nullptr;
    CHECK(ready(*epoll).size() == 2);
    kept = nullptr;
    auto events = ready(*epoll);
    REQUIRE(events.size() == 1);
    CHECK(events[0].data == 3);
    epoll = nullptr;
    put(*two, 1); // nobody watches any more
}

TEST_CASE("epoll refuses what it cannot watch") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    auto event = event_file();
    world.write("/f", "x");
    auto plain = world.open("/f", open_read_only).value();
    CHECK(epoll->add(*plain, 3, want(poll_in)).error() == Errc::not_permitted);
    CHECK(epoll->modify(*event, 3, want(poll_in)).error() == Errc::not_found);
    CHECK(epoll->remove(*event, 3).error() == Errc::not_found);
    REQUIRE(epoll->add(*event, 3, want(poll_in | epoll_exclusive)).ok());
    CHECK(epoll->add(*event, 3, want(poll_in)).error() == Errc::exists);
    CHECK(epoll->modify(*event, 3, want(poll_in)).error() == Errc::invalid);
    CHECK(epoll->add(*epoll, 4, want(poll_in)).error() == Errc::invalid);
}

TEST_CASE("nested epolls pass readiness on; circles and long chains are refused") {
    FileWorld world;
    std::vector<RefPtr<EpollFile>> chain;
    for (int i = 0; i < 6; i++) chain.push_back(create_epoll_file().value());
    for (int i = 0; i < 4; i++) REQUIRE(chain[i]->add(*chain[i + 1], 3, want(poll_in, i)).ok());
    CHECK(chain[4]->add(*chain[5], 3, want(poll_in)).error() == Errc::symlink_loop);
    CHECK(chain[4]->add(*chain[0], 3, want(poll_in)).error() == Errc::symlink_loop);
    CHECK(chain[1]->add(*chain[0], 4, want(poll_in)).error() == Errc::symlink_loop);
    auto event = event_file();
    REQUIRE(chain[4]->add(*event, 9, want(poll_in)).ok());
    CHECK(ready(*chain[0]).empty());
    put(*event, 1);
    CHECK(ready(*chain[0]).size() == 1);
    take(*event);
    CHECK(ready(*chain[0]).empty());
    CHECK(ready(*chain[4]).empty());
    chain[2] = nullptr; // in the middle
    put(*event, 1);
    CHECK(ready(*chain[0]).empty());
    CHECK(ready(*chain[3]).size() == 1);
}

TEST_CASE("running out of memory leaves an epoll as it was") {
    FileWorld world;
    auto epoll = create_epoll_file().value();
    auto event = event_file(1);
    {
        FailingAllocator fail(1);
        CHECK(epoll->add(*event, 3, want(poll_in)).error() == Errc::no_memory);
        REQUIRE(FailingAllocator::failed());
    }
    CHECK(ready(*epoll).empty());
    REQUIRE(epoll->add(*event, 3, want(poll_in)).ok());
    CHECK(ready(*epoll).size() == 1);
}
