// SPDX-License-Identifier: BSD-2-Clause
// Message queues of System V, beside the build machine's own.
#include "sysv_side.h"

#include <climits>

using namespace drupe;
using namespace sysv_calls;

namespace {

struct Text {
    long type;
    char bytes[9000];
};
struct Status {
    Owner owner;
    std::int64_t sent_at, received_at, changed_at;
    std::uint64_t bytes, messages, most_bytes;
    std::int32_t last_sender, last_receiver;
    std::uint64_t unused[2];
};
static_assert(sizeof(Status) == sizeof(msqid_ds));

std::int64_t get(Side& s, int key, int flags) {
    const auto id = DRUPE_CALL(s, msgget, key, flags);
    note_id(s, "get " + std::to_string(flags), id);
    return id;
}
std::int64_t send(Side& s, std::int64_t id, long type, const std::string& text,
                  int flags = IPC_NOWAIT) {
    auto message = std::make_unique<Text>();
    message->type = type;
    std::memcpy(message->bytes, text.data(), text.size());
    return DRUPE_CALL(s, msgsnd, static_cast<int>(id), message.get(), text.size(), flags);
}
void note_send(Side& s, std::int64_t id, long type, const std::string& text,
               int flags = IPC_NOWAIT) {
    s.note("send " + std::to_string(type), send(s, id, type, text, flags));
}
std::string receive(Side& s, std::int64_t id, long type, int flags = IPC_NOWAIT,
                    std::size_t room = 100) {
    auto message = std::make_unique<Text>();
    const auto n = DRUPE_CALL(s, msgrcv, static_cast<int>(id), message.get(), room, type, flags);
    if (n < 0) return std::to_string(n);
    return std::to_string(message->type) + " " +
           std::string(message->bytes, static_cast<std::size_t>(n));
}
void note_receive(Side& s, std::int64_t id, long type, int flags = IPC_NOWAIT,
                  std::size_t room = 100) {
    s.note("receive " + std::to_string(type), receive(s, id, type, flags, room));
}
void control(Side& s, std::int64_t id, int command) {
    s.note("control " + std::to_string(command),
           DRUPE_CALL(s, msgctl, static_cast<int>(id), command, nullptr));
}
Status status(Side& s, std::int64_t id, int key) {
    Status now{};
    const auto got = DRUPE_CALL(s, msgctl, static_cast<int>(id), IPC_STAT, &now);
    s.note("status", got);
    if (got < 0) return now;
    note_owner(s, now.owner, key);
    const auto pid = DRUPE_CALL(s, getpid);
    s.note("times", std::to_string(now.sent_at != 0) + std::to_string(now.received_at != 0) +
                        std::to_string(now.changed_at != 0));
    s.note("holds", std::to_string(now.messages) + " " + std::to_string(now.bytes) + " of " +
                        std::to_string(now.most_bytes));
    s.note("own", std::to_string(now.last_sender == pid) +
                      std::to_string(now.last_receiver == pid) +
                      std::to_string(now.last_receiver == 0));
    return now;
}

} // namespace

TEST_CASE("queues of messages are made, found and removed as on Linux") {
    check([](Side& s) {
        const int key = key_of(s, 4);
        get(s, key, 0600);
        const auto id = get(s, key, IPC_CREAT | IPC_EXCL | 0604);
        get(s, key, IPC_CREAT | IPC_EXCL);
        s.note("same", get(s, key, IPC_CREAT) == id);
        status(s, id, key);
        note_send(s, id, 3, "three");
        status(s, id, key);
        note_rows(s, "/proc/sysvipc/msg", key, {5, 6, 11, 12, 13});
        in_child(s, [&](Side& child) {
            DRUPE_CALL(child, setresuid, 1000, 1000, 1000);
            get(child, key, 0404);
            get(child, key, 0606);
            note_send(child, id, 1, "no");
            note_receive(child, id, 0);
            Status fresh{};
            child.note("set", DRUPE_CALL(child, msgctl, static_cast<int>(id), IPC_SET, &fresh));
            control(child, id, IPC_RMID);
        });
        Status fresh{};
        fresh.owner.uid = 1000;
        fresh.owner.mode = 0700;
        fresh.most_bytes = 100;
        s.note("set", DRUPE_CALL(s, msgctl, static_cast<int>(id), IPC_SET, &fresh));
        status(s, id, key);
        in_child(s, [&](Side& child) {
            DRUPE_CALL(child, setresuid, 1000, 1000, 1000);
            Status larger{};
            larger.owner.uid = 1000;
            larger.owner.mode = 0600;
            larger.most_bytes = 16385;
            child.note("set", DRUPE_CALL(child, msgctl, static_cast<int>(id), IPC_SET, &larger));
            larger.most_bytes = 16384;
            child.note("set", DRUPE_CALL(child, msgctl, static_cast<int>(id), IPC_SET, &larger));
        });
        std::int32_t limits[8] = {};
        s.note("limits", DRUPE_CALL(s, msgctl, 0, IPC_INFO, limits) >= 0);
        for (std::int32_t limit : limits) s.note("limit", limit & 0xffff);
        s.note("use", DRUPE_CALL(s, msgctl, 0, MSG_INFO, limits) >= 0);
        s.note("some", std::to_string(limits[0] > 0));
        Status at{};
        s.note("by index",
               DRUPE_CALL(s, msgctl, static_cast<int>(id & 32767), MSG_STAT, &at) == id);
        control(s, id, 99);
        control(s, -1, IPC_RMID);
        control(s, id, IPC_RMID);
        control(s, id, IPC_RMID);
        note_send(s, id, 1, "no");
        note_receive(s, id, 0);
    });
}

TEST_CASE("messages are chosen by their types as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 0600);
        note_send(s, id, 0, "no");
        note_send(s, id, -1, "no");
        note_send(s, id, 1, std::string(8193, 'x'));
        note_send(s, -1, 1, "no");
        note_receive(s, id, 0);
        for (long type : {5L, 3L, 4L, 3L, 9L, LONG_MAX})
            note_send(s, id, type, std::to_string(type));
        note_receive(s, id, 7);
        note_receive(s, id, -2);
        note_receive(s, id, -4);
        note_receive(s, id, 5, IPC_NOWAIT | MSG_EXCEPT);
        note_receive(s, id, 0);
        note_receive(s, id, LONG_MIN);
        note_receive(s, id, LONG_MIN, IPC_NOWAIT | MSG_EXCEPT);
        note_receive(s, id, 0);
        note_receive(s, id, 0);
        note_send(s, id, 2, "");
        note_send(s, id, 2, "longer");
        note_receive(s, id, 0, IPC_NOWAIT, 0);
        note_receive(s, id, 0, IPC_NOWAIT, 5);
        note_receive(s, id, 0, IPC_NOWAIT, ~std::size_t{0});
        note_receive(s, id, 0, IPC_NOWAIT | MSG_NOERROR, 5);
        note_receive(s, id, 0);
        // By place, without taking.
        note_send(s, id, 7, "zero");
        note_send(s, id, 8, "one");
        note_receive(s, id, 0, MSG_COPY);
        note_receive(s, id, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT);
        note_receive(s, id, 1, MSG_COPY | IPC_NOWAIT);
        note_receive(s, id, 0, MSG_COPY | IPC_NOWAIT);
        note_receive(s, id, 2, MSG_COPY | IPC_NOWAIT);
        note_receive(s, id, 0, MSG_COPY | IPC_NOWAIT, 3);
        note_receive(s, id, 0, MSG_COPY | IPC_NOWAIT | MSG_NOERROR, 3);
        status(s, id, 0);
        control(s, id, IPC_RMID);
    });
}

TEST_CASE("a queue of messages fills and empties as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 0600);
        note_send(s, id, 1, std::string(8192, 'a'));
        note_send(s, id, 1, std::string(8192, 'b'));
        note_send(s, id, 1, "c");
        note_send(s, id, 1, ""); // takes no room
        static std::int64_t sent;
        s.start([id](Side& other) { sent = send(other, id, 2, "late", 0); });
        s.sleep(20);
        status(s, id, 0);
        s.note("taken", static_cast<std::int64_t>(receive(s, id, 0, 0, 9000).size()));
        s.join();
        s.note("sent", sent);
        note_receive(s, id, 2);
        // A change of the limit is room, too.
        Status more{};
        more.owner.mode = 0600;
        more.most_bytes = 8195;
        s.note("set", DRUPE_CALL(s, msgctl, static_cast<int>(id), IPC_SET, &more));
        note_send(s, id, 2, "later");
        s.start([id](Side& other) { sent = send(other, id, 2, "later", 0); });
        s.sleep(20);
        more.most_bytes = 16'384;
        s.note("set", DRUPE_CALL(s, msgctl, static_cast<int>(id), IPC_SET, &more));
        s.join();
        s.note("sent", sent);
        note_receive(s, id, 2);
        more.most_bytes = 10;
        s.note("set", DRUPE_CALL(s, msgctl, static_cast<int>(id), IPC_SET, &more));
        s.start([id](Side& other) { sent = send(other, id, 2, "never", 0); });
        s.sleep(20);
        control(s, id, IPC_RMID);
        s.join();
        s.note("sent", sent);
    });
}

TEST_CASE("receivers that wait get what they wait for as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 0600);
        static std::string first, second;
        s.start([id](Side& other) { first = receive(other, id, 4, 0, 3); });
        s.sleep(20);
        s.start([id](Side& other) { second = receive(other, id, -5, 0); });
        s.sleep(20);
        note_send(s, id, 6, "nobody's");
        note_send(s, id, 4, "too long for the first");
        s.join();
        status(s, id, 0); // it never lay in the queue
        s.note("first", first);
        s.note("second", second);
        s.start([id](Side& other) { first = receive(other, id, 9, 0); });
        s.sleep(20);
        control(s, id, IPC_RMID);
        s.join();
        s.note("first", first);
    });
}
