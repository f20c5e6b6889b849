// SPDX-License-Identifier: BSD-2-Clause
// The driver of file servers' devices against a device that a test plays.
#include <support/fake_virtio.h>
#include <support/test_memory.h>

#include <drupe/drivers/device.h>
#include <drupe/share/device.h>

#include <deque>

using namespace drupe;
using test::Chain;
using test::FakeTransport;

// A driver that was bound lives for ever, with its queues. What a failed probe left would not be
// seen either.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:drupe::virtio::make_queue\nleak:make_own<drupe::virtio::";
}

namespace {

struct Call : share::Exchange {
    share::Piece request, reply;
    int done_count = 0;
    Call(char* memory, std::string_view text) {
        text.copy(memory, text.size());
        request = {mm::virt_to_phys(memory), static_cast<std::uint32_t>(text.size())};
        reply = {mm::virt_to_phys(memory + 256), 64};
        out = {&request, 1};
        in = {&reply, 1};
        done = [](share::Exchange& e) { static_cast<Call&>(e).done_count++; };
    }
};

struct Rig {
    testing::TestMemory memory{1024};
    FakeTransport transport;
    drivers::Device* owner = nullptr;
    share::Device* device = nullptr;
    char* data;

    explicit Rig(std::string_view fields, std::uint64_t features = 1) {
        transport.features = virtio::feature_version_1 | virtio::feature_indirect | features;
        transport.fields.resize(64);
        std::memcpy(transport.fields.data(), fields.data(), fields.size());
        data = static_cast<char*>(mm::phys_to_virt(mm::alloc_frames(3).value()));
    }
    Result<void> probe(std::string_view model = "virtio,device9") {
        drivers::DeviceNode node{};
        node.compatible = model;
        node.transport = &transport;
        owner = TRY(drivers::find_driver(node)->probe(node, nullptr)).leak();
        device = owner->share();
        return {};
    }
    void answer(std::uint16_t queue, std::string_view text) {
        const Chain chain = transport.queue[queue].pop();
        chain.write(text);
        transport.queue[queue].push(chain.head, static_cast<std::uint32_t>(text.size()));
    }
};

using namespace std::string_view_literals;
constexpr auto named_home = "\x04\0home"sv;

} // namespace

TEST_CASE("share: the tag names the device") {
    Rig rig(named_home);
    REQUIRE(rig.probe().ok());
    CHECK(rig.device->tag() == "home");
    CHECK(rig.device->protocol() == share::Protocol::ninep);
    CHECK(rig.device->claim());
    CHECK_FALSE(rig.device->claim());
    rig.device->give_back();
    CHECK(rig.device->claim());
}

TEST_CASE("share: a device without a tag, or with a senseless one, is left out") {
    CHECK(Rig(named_home, 0).probe().error() == Errc::not_supported);
    CHECK(Rig("\0\0"sv).probe().error() == Errc::not_supported);
    CHECK(Rig("\xff\xff"sv).probe().error() == Errc::not_supported);
}

TEST_CASE("share: answers come back to whom they belong, in any order") {
    Rig rig(named_home);
    REQUIRE(rig.probe().ok());
    Call first(rig.data, "first"), second(rig.data + 4096, "second");
    rig.device->submit(first);
    rig.device->submit(second);
    test::DeviceQueue& queue = rig.transport.queue[0];
    const Chain a = queue.pop(), b = queue.pop();
    CHECK(a.read() == "first");
    CHECK(b.read() == "second");
    b.write("two");
    queue.push(b.head, 3);
    rig.transport.interrupt();
    CHECK(first.done_count == 0);
    CHECK(second.done_count == 1);
    CHECK(second.written == 3);
    CHECK(std::string(rig.data + 4096 + 256, 3) == "two");
    queue.push(a.head, 5000); // more than there is room for
    rig.transport.interrupt();
    CHECK(first.done_count == 1);
    CHECK(first.written == 64);
}

TEST_CASE("share: more requests than fit wait, and all are answered") {
    Rig rig(named_home);
    rig.transport.limit = 4;
    REQUIRE(rig.probe().ok());
    std::deque<Call> calls;
    for (int i = 0; i < 10; i++) rig.device->submit(calls.emplace_back(rig.data, "x"));
    int answered = 0;
    while (rig.transport.queue[0].has_request()) {
        rig.answer(0, "y");
        rig.transport.interrupt();
        answered++;
    }
    CHECK(answered == 10);
    for (const Call& call : calls) CHECK((call.done_count == 1 && call.outcome == Errc::ok));
}

TEST_CASE("share: a device that returns what it was not given is not heard any more") {
    Rig rig(named_home);
    REQUIRE(rig.probe().ok());
    Call first(rig.data, "first"), second(rig.data, "second"), late(rig.data, "late");
    rig.device->submit(first);
    rig.device->submit(second);
    rig.transport.queue[0].push(77, 1);
    rig.transport.interrupt();
    for (Call* call : {&first, &second}) {
        CHECK(call->done_count == 1);
        CHECK(call->outcome == Errc::io);
    }
    rig.device->submit(late);
    CHECK(late.done_count == 1);
    CHECK(late.outcome == Errc::io);
}

TEST_CASE("share: a request of too many pieces fails at once") {
    Rig rig(named_home);
    REQUIRE(rig.probe().ok());
    Call call(rig.data, "x");
    const std::vector<share::Piece> many(rig.device->most_pieces(), call.request);
    call.out = many;
    rig.device->submit(call);
    CHECK(call.done_count == 1);
    CHECK(call.outcome == Errc::io);
}

TEST_CASE("share: what is urgent goes past the queues of requests") {
    Rig rig("folder\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0"sv, 0);
    rig.transport.queues = 3;
    REQUIRE(rig.probe("virtio,device1a").ok());
    CHECK(rig.device->tag() == "folder");
    CHECK(rig.device->protocol() == share::Protocol::fuse);
    Call call(rig.data, "call"), urgent(rig.data + 4096, "urgent");
    urgent.is_urgent = true;
    rig.device->submit(call);
    rig.device->submit(urgent);
    CHECK(rig.transport.queue[0].pop().read() == "urgent");
    CHECK(rig.transport.queue[1].pop().read() == "call");
}
