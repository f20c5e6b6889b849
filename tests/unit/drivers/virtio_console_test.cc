// SPDX-License-Identifier: BSD-2-Clause
// The console driver against a device that a test plays: ports, and what is said about them.
#include <support/fake_virtio.h>
#include <support/test_memory.h>

#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/tty/port.h>

using namespace drupe;
using test::Chain;
using test::FakeTransport;

// A driver that was bound lives for ever, with its queues.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:drupe::virtio::make_queue\nleak:make_own<drupe::virtio::";
}

namespace {

enum Event : std::uint16_t { ready, add, removed, port_ready, console, resize, open, name };
struct Message {
    std::uint32_t port;
    std::uint16_t event, value;
    bool operator==(const Message&) const = default;
};

struct Rig {
    testing::TestMemory memory{1024};
    FakeTransport transport;
    drivers::Device* device = nullptr;
    std::vector<Message> heard;
    std::function<void(const Message&)> answer = [](const Message&) {};

    explicit Rig(std::uint64_t features, unsigned ports) {
        transport.features = virtio::feature_version_1 | features | GENERATE(0ull, 1ull << 34);
        transport.fields.resize(12);
        const std::uint16_t size[] = {80, 25};
        std::memcpy(&transport.fields[0], size, sizeof size);
        std::memcpy(&transport.fields[4], &ports, 4);
        transport.queues = 2 * ports + 2;
        transport.on_notify = [this](std::uint16_t queue) {
            if (queue != 3) return;
            while (transport.queue[3].has_request()) {
                const Chain chain = transport.queue[3].pop();
                Message message;
                const std::string sent = chain.read();
                REQUIRE(sent.size() == sizeof message);
                std::memcpy(&message, sent.data(), sizeof message);
                transport.queue[3].push(chain.head, 0);
                heard.push_back(message);
                answer(message);
            }
        };
    }
    void give(std::string bytes, std::uint16_t queue = 2) {
        REQUIRE(transport.queue[queue].has_request());
        const Chain chain = transport.queue[queue].pop();
        chain.write(bytes);
        transport.queue[queue].push(chain.head, static_cast<std::uint32_t>(bytes.size()));
    }
    void say(Message message, std::string rest = "") {
        give(std::string(reinterpret_cast<const char*>(&message), sizeof message) + rest);
    }
    Result<void> probe() {
        drivers::DeviceNode node{};
        node.compatible = "virtio,device3";
        node.transport = &transport;
        device = TRY(drivers::find_driver(node)->probe(node, nullptr)).leak();
        return {};
    }
    bool has_heard(Message message) const {
        return std::find(heard.begin(), heard.end(), message) != heard.end();
    }
    std::string sent(std::uint16_t queue) {
        std::string all;
        while (transport.queue[queue].has_request()) {
            const Chain chain = transport.queue[queue].pop();
            all += chain.read();
            transport.queue[queue].push(chain.head, 0);
        }
        return all;
    }
};

/// Announces a console in port 0 and a named port 1.
void announce(Rig& rig, const std::string& label = "org.test") {
    rig.answer = [&rig, label](const Message& message) {
        if (message.event == ready)
            for (std::uint32_t port : {0u, 1u}) rig.say({port, add, 1});
        if (message.event != port_ready || message.value == 0) return;
        if (message.port == 0) rig.say({0, console, 1});
        if (message.port == 1) rig.say({1, name, 1}, label), rig.say({1, open, 1});
    };
}

} // namespace

TEST_CASE("console: ports by name, and bytes in both directions") {
    Rig rig(2, 2);
    announce(rig);
    REQUIRE(rig.probe().ok());
    CHECK(rig.heard.front() == Message{0xffffffff, ready, 1});
    CHECK(rig.has_heard({0, port_ready, 1}));
    CHECK(rig.has_heard({0, open, 1})); // a console is always listened to
    REQUIRE(rig.device->host_console());
    tty::PortDevice* port = rig.device->next_port(nullptr);
    REQUIRE(port);
    CHECK(rig.device->next_port(port) == nullptr);
    CHECK(port->label() == "org.test");
    CHECK(port->number() == 1);
    CHECK(port->state().is_connected);
    CHECK(port->state().has_room);
    CHECK_FALSE(port->state().has_input);
    port->set_open(true);
    CHECK(rig.heard.back() == Message{1, open, 1});

    rig.give("hello", 4);
    rig.give(" there", 4);
    CHECK(port->state().has_input);
    char text[64];
    CHECK(port->receive(std::span(text).first(3)) == 3);
    CHECK(port->receive(text) == 8);
    CHECK(std::string(text, 8) == "lo there");
    CHECK(port->receive(text) == 0);
    for (int i = 0; i < 20; i++) { // buffers come back
        rig.give(std::string(1024, 'x'), 4);
        char all[2048];
        CHECK(port->receive(all) == 1024);
    }
    CHECK(port->send("to the host") == 11);
    CHECK(rig.sent(5) == "to the host");
    const std::string much(10'000, 'm');
    CHECK(port->send(much) == 4096);
    CHECK(port->send(much) == 0);
    CHECK_FALSE(port->state().has_room);
    CHECK(rig.sent(5) == much.substr(0, 4096));
    CHECK(port->state().has_room);
}

TEST_CASE("console: without ports there is one console, with the size of its window") {
    Rig rig(1, 1);
    REQUIRE(rig.probe().ok());
    drivers::Console* line = rig.device->host_console();
    REQUIRE(line);
    CHECK(rig.device->next_port(nullptr) == nullptr);
    const auto window = line->take_window();
    REQUIRE(window);
    CHECK(window->rows == 25);
    CHECK(window->columns == 80);
    CHECK_FALSE(line->take_window());
    std::string got;
    rig.transport.on_notify = [&](std::uint16_t queue) {
        if (queue == 1) got += rig.sent(1);
    };
    const std::string all(9000, 'a');
    line->write(all);
    CHECK(got == all);
    unsigned inputs = 0;
    REQUIRE(line->enable_input([](void* n) { ++*static_cast<unsigned*>(n); }, &inputs).ok());
    rig.give("key", 0);
    rig.transport.interrupt();
    CHECK(inputs == 2);
    char text[8];
    CHECK(line->read(text) == 3);
}

TEST_CASE("console: what changes while the machine runs") {
    Rig rig(2, 2);
    announce(rig);
    REQUIRE(rig.probe().ok());
    tty::PortDevice* port = rig.device->next_port(nullptr);
    rig.say({1, open, 0});
    rig.transport.interrupt();
    CHECK_FALSE(port->state().is_connected);
    rig.say({1, open, 1});
    rig.transport.interrupt();
    CHECK(port->state().is_connected);
    const std::uint16_t size[] = {132, 50};
    rig.say({0, resize, 0}, std::string(reinterpret_cast<const char*>(size), sizeof size));
    rig.transport.interrupt();
    const auto window = rig.device->host_console()->take_window();
    REQUIRE(window);
    CHECK(window->rows == 50);
    rig.say({1, removed, 1});
    rig.transport.interrupt();
    CHECK(port->state().is_gone);
    CHECK_FALSE(port->state().is_connected);
}

TEST_CASE("console: messages that make no sense are passed over") {
    Rig rig(2, 2);
    announce(rig, GENERATE(as<std::string>(), "../vda", "..", "a/b", "", std::string(200, 'n'),
                           "new\nline"));
    REQUIRE(rig.probe().ok());
    tty::PortDevice* port = rig.device->next_port(nullptr);
    REQUIRE(port);
    CHECK(port->label().empty());
    for (const Message& message : {Message{2, open, 1},
                                   {7, console, 1},
                                   {0xffffffff, name, 1},
                                   {0x80000000, removed, 1},
                                   {1, 8, 1},
                                   {1, 0xffff, 0xffff},
                                   {1, add, 1},
                                   {1, console, 1},
                                   {1, name, 1}}) {
        rig.say(message, "late");
        rig.transport.interrupt();
    }
    rig.give("short");
    rig.give("");
    rig.say({0, resize, 0}, "abc");
    rig.transport.interrupt();
    CHECK(port->label().empty());
    CHECK(rig.device->next_port(nullptr) == port); // no console now
    CHECK(port->state().is_connected);
    CHECK_FALSE(rig.device->host_console()->take_window());
    rig.say({4, add, 1}); // plugged in
    rig.transport.interrupt();
    CHECK(rig.heard.back() == Message{4, port_ready, 0});
}

TEST_CASE("console: a device that lies about its buffers loses the port, and is not waited for") {
    Rig rig(2, 2);
    announce(rig);
    REQUIRE(rig.probe().ok());
    tty::PortDevice* port = rig.device->next_port(nullptr);
    const bool is_input = GENERATE(true, false);
    if (is_input) {
        const Chain chain = rig.transport.queue[4].pop();
        rig.transport.queue[4].push(chain.head, 0xffffffff); // longer than it is
        char all[4096];
        CHECK(port->receive(all) == 1024);
        rig.transport.queue[4].push(3333, 1);
        CHECK(port->receive(all) == 0);
    } else {
        port->send("x");
        rig.transport.queue[5].push(3333, 1);
        port->send_now("last words");
    }
    CHECK(port->state().is_gone);
    rig.transport.queue[2].push(3333, 1); // of the messages
    rig.transport.interrupt();
    CHECK(rig.device->next_port(nullptr) == port);
}
