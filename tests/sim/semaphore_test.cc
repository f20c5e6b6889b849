// SPDX-License-Identifier: BSD-2-Clause
// Semaphores of System V, beside the build machine's own.
#include "sysv_side.h"

using namespace drupe;
using namespace sysv_calls;

namespace {

std::int64_t get(Side& s, int key, int count, int flags) {
    const auto id = DRUPE_CALL(s, semget, key, count, flags);
    note_id(s, "get " + std::to_string(count) + " " + std::to_string(flags), id);
    return id;
}
template <class T>
std::int64_t control(Side& s, std::int64_t id, int number, int command, T argument) {
    const auto got = DRUPE_CALL(s, semctl, static_cast<int>(id), number, command, argument);
    s.note("control " + std::to_string(command), got);
    return got;
}
void set_all(Side& s, std::int64_t id, std::vector<unsigned short> values) {
    control(s, id, 0, SETALL, reinterpret_cast<std::uint64_t>(values.data()));
}
void all(Side& s, std::int64_t id, std::size_t count) {
    std::vector<unsigned short> values(count);
    control(s, id, 0, GETALL, reinterpret_cast<std::uint64_t>(values.data()));
    std::string text;
    for (unsigned short value : values) text += std::to_string(value) + " ";
    s.note("values", text);
}
std::int64_t operate(Side& s, std::int64_t id, std::vector<sembuf> ops, long milliseconds = -1) {
    timespec time{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
    return milliseconds < 0
               ? DRUPE_CALL(s, semop, static_cast<int>(id), ops.data(), ops.size())
               : DRUPE_CALL(s, semtimedop, static_cast<int>(id), ops.data(), ops.size(), &time);
}
void note_operate(Side& s, std::int64_t id, std::vector<sembuf> ops, long milliseconds = -1) {
    s.note("operate", operate(s, id, ops, milliseconds));
}
/// Whose the report is, the same on both sides; behind it lie times in different places.
void status(Side& s, std::int64_t id, int key) {
    union {
        Owner owner;
        char room[128];
    } now{};
    const auto got = DRUPE_CALL(s, semctl, static_cast<int>(id), 0, IPC_STAT,
                                reinterpret_cast<std::uint64_t>(&now));
    s.note("status", got);
    if (got == 0) note_owner(s, now.owner, key);
}
void waiting(Side& s, std::int64_t id, int number) {
    control(s, id, number, GETNCNT, 0);
    control(s, id, number, GETZCNT, 0);
}
void until_waiting(Side& s, std::int64_t id, int number, int command, int count) {
    while (DRUPE_CALL(s, semctl, static_cast<int>(id), number, command, 0) != count) s.sleep(1);
}

} // namespace

TEST_CASE("sets of semaphores are made, set and removed as on Linux") {
    check([](Side& s) {
        const int key = key_of(s, 3);
        get(s, key, 3, 0600);
        get(s, key, 0, IPC_CREAT);
        get(s, key, -1, IPC_CREAT);
        get(s, key, 32001, IPC_CREAT);
        const auto id = get(s, key, 3, IPC_CREAT | IPC_EXCL | 0606);
        get(s, key, 3, IPC_CREAT | IPC_EXCL);
        get(s, key, 4, 0);
        s.note("same", get(s, key, 0, 0) == id);
        status(s, id, key);
        note_rows(s, "/proc/sysvipc/sem", key, {8, 9});
        all(s, id, 3);
        set_all(s, id, {1, 2, 3});
        set_all(s, id, {1, 32768, 3});
        control(s, id, 1, SETVAL, 32767);
        control(s, id, 1, SETVAL, 32768);
        control(s, id, 1, SETVAL, -1);
        control(s, id, 3, SETVAL, 1);
        control(s, id, -1, GETVAL, 0);
        control(s, id, 3, GETVAL, 0);
        control(s, id, 1, GETVAL, 0);
        control(s, id, 1, 99, 0);
        control(s, id, 1, -1, 0);
        s.note("pid",
               DRUPE_CALL(s, semctl, static_cast<int>(id), 1, GETPID, 0) == DRUPE_CALL(s, getpid));
        all(s, id, 3);
        waiting(s, id, 1);
        std::int32_t limits[10] = {};
        s.note("limits",
               DRUPE_CALL(s, semctl, 0, 0, IPC_INFO, reinterpret_cast<std::uint64_t>(limits)) >= 0);
        for (std::int32_t limit : limits) s.note("limit", limit);
        s.note("use",
               DRUPE_CALL(s, semctl, 0, 0, SEM_INFO, reinterpret_cast<std::uint64_t>(limits)) >= 0);
        s.note("some", std::to_string(limits[7] > 0) + std::to_string(limits[9] >= 3));
        char room[128];
        s.note("by index", DRUPE_CALL(s, semctl, static_cast<int>(id & 32767), 0, SEM_STAT,
                                      reinterpret_cast<std::uint64_t>(room)) == id);
        in_child(s, [&](Side& child) {
            DRUPE_CALL(child, setresuid, 1000, 1000, 1000);
            get(child, key, 3, 0606);
            get(child, key, 3, 0611);
            all(child, id, 3);
            note_operate(child, id, {{0, 1, 0}});
            control(child, id, 0, IPC_RMID, 0);
            Owner owner[3] = {};
            control(child, id, 0, IPC_SET, reinterpret_cast<std::uint64_t>(owner));
        });
        Owner owner[3] = {};
        owner[0].uid = 5;
        owner[0].mode = 0600;
        control(s, id, 0, IPC_SET, reinterpret_cast<std::uint64_t>(owner));
        status(s, id, key);
        in_child(s, [&](Side& child) {
            DRUPE_CALL(child, setresuid, 1000, 1000, 1000);
            all(child, id, 3);
            note_operate(child, id, {{0, 0, 0}});
            get(child, key, 3, 0);
            status(child, id, key);
            DRUPE_CALL(child, setresuid, 5, 5, 5);
        });
        control(s, id, 0, IPC_RMID, 0);
        control(s, id, 0, IPC_RMID, 0);
        control(s, id, 0, GETVAL, 0);
        control(s, -1, 0, GETVAL, 0);
    });
}

TEST_CASE("one call does all its operations or none, as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 3, 0600);
        note_operate(s, id, {{0, 5, 0}, {1, 3, 0}});
        note_operate(s, id, {{0, -2, 0}, {1, -4, IPC_NOWAIT}});
        all(s, id, 3);
        note_operate(s, id, {{0, -2, 0}, {0, -2, 0}, {0, -1, 0}, {0, 0, 0}, {0, 7, 0}});
        note_operate(s, id, {{0, 0, IPC_NOWAIT}});
        note_operate(s, id, {{2, 0, IPC_NOWAIT}, {2, 1, 0}});
        all(s, id, 3);
        note_operate(s, id, {{1, 32767, 0}});
        note_operate(s, id, {{0, 1, 0}, {1, 32767, 0}});
        note_operate(s, id, {{0, 1, SEM_UNDO}, {1, 32767, SEM_UNDO}});
        note_operate(s, id, {{3, 1, 0}});
        note_operate(s, id, {});
        note_operate(s, id, std::vector<sembuf>(500, sembuf{2, 1, 0}));
        note_operate(s, id, std::vector<sembuf>(501, sembuf{2, 1, 0}));
        note_operate(s, -1, {{0, 1, 0}});
        note_operate(s, id + 32768, {{0, 1, 0}});
        note_operate(s, id + 32768, {{0, 1, SEM_UNDO}});
        note_operate(s, id, {{1, -20, 0}}, 20);
        note_operate(s, id, {{1, -20, 0}}, 0);
        note_operate(s, id, {{1, 0, 0}}, 1);
        timespec wrong{0, 1'000'000'000};
        sembuf one{0, 1, 0};
        s.note("wrong time", DRUPE_CALL(s, semtimedop, static_cast<int>(id), &one, 1, &wrong));
        all(s, id, 3);
        control(s, id, 0, IPC_RMID, 0);
    });
}

TEST_CASE("who waits for semaphores goes on as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 2, 0600);
        static std::int64_t first, second, third;
        s.start([id](Side& other) { first = operate(other, id, {{0, -2, 0}, {1, -1, 0}}); });
        until_waiting(s, id, 0, GETNCNT, 1);
        waiting(s, id, 0);
        waiting(s, id, 1);
        note_operate(s, id, {{0, 2, 0}});
        all(s, id, 2); // it waits for the other now
        waiting(s, id, 0);
        waiting(s, id, 1);
        note_operate(s, id, {{1, 1, 0}});
        all(s, id, 2); // done for it on the spot
        s.join();
        s.note("first", first);
        // One that waits for zero, then one for more; the second makes way for the first.
        note_operate(s, id, {{0, 1, 0}});
        s.start([id](Side& other) { second = operate(other, id, {{0, 0, 0}}); });
        until_waiting(s, id, 0, GETZCNT, 1);
        s.start([id](Side& other) { third = operate(other, id, {{0, -3, 0}, {1, 4, 0}}); });
        until_waiting(s, id, 0, GETNCNT, 1);
        waiting(s, id, 0);
        note_operate(s, id, {{0, 2, 0}});
        s.join();
        s.note("second", second);
        s.note("third", third);
        all(s, id, 2);
        // Setting a value does what others wait for; an operation that may not wait fails then.
        s.start([id](Side& other) {
            first = operate(other, id, {{0, -5, 0}, {1, -9, IPC_NOWAIT}});
        });
        until_waiting(s, id, 0, GETNCNT, 1);
        control(s, id, 0, SETVAL, 5);
        s.join();
        s.note("first", first);
        all(s, id, 2);
        s.start([id](Side& other) { first = operate(other, id, {{0, -9, 0}}); });
        s.start([id](Side& other) { second = operate(other, id, {{1, 0, SEM_UNDO}}); });
        until_waiting(s, id, 0, GETNCNT, 1);
        until_waiting(s, id, 1, GETZCNT, 1);
        control(s, id, 0, IPC_RMID, 0);
        s.join();
        s.note("first", first);
        s.note("second", second);
    });
}

TEST_CASE("what a process did to semaphores is taken back as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 2, 0600);
        set_all(s, id, {5, 0});
        in_child(s, [id](Side& child) {
            note_operate(child, id, {{0, -3, SEM_UNDO}, {1, 2, SEM_UNDO}});
            note_operate(child, id, {{0, 1, 0}});
            all(child, id, 2);
            // Threads share it, so that the end of one changes nothing.
            child.start([id](Side& thread) { operate(thread, id, {{0, 1, SEM_UNDO}}); });
            child.join();
            all(child, id, 2);
        });
        all(s, id, 2);
        in_child(s, [id](Side& child) {
            note_operate(child, id, {{0, 4, SEM_UNDO}, {1, 2, SEM_UNDO}});
            control(child, id, 0, SETVAL, 1); // nothing is taken back of it any more
            note_operate(child, id, {{1, -2, 0}});
        });
        all(s, id, 2); // not below zero
        // A child's child has nothing to take back.
        in_child(s, [id](Side& child) {
            note_operate(child, id, {{0, 1, SEM_UNDO}});
            in_child(child, [id](Side& grandchild) { all(grandchild, id, 2); });
            all(child, id, 2);
            child.note("unshare", DRUPE_CALL(child, unshare, 0x40000));
            all(child, id, 2);
        });
        // The end of one lets another go on.
        in_child(s, [id](Side& child) {
            note_operate(child, id, {{0, -1, SEM_UNDO}});
            child.start([id](Side& thread) {
                DRUPE_CALL(thread, unshare, 0x40000); // of its own from now on
                operate(thread, id, {{1, 3, SEM_UNDO}});
            });
            child.join();
            note_operate(child, id, {{1, 0, 0}}, 1000);
            all(child, id, 2);
        });
        all(s, id, 2);
        // A removed set is nobody's any more.
        note_operate(s, id, {{0, 1, SEM_UNDO}});
        control(s, id, 0, IPC_RMID, 0);
        const auto next = get(s, IPC_PRIVATE, 1, 0600);
        note_operate(s, next, {{0, 1, SEM_UNDO}});
        note_operate(s, next, {{0, 32767, SEM_UNDO}});
        control(s, next, 0, IPC_RMID, 0);
    });
}
