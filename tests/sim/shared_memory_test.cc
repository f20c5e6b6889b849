// SPDX-License-Identifier: BSD-2-Clause
// Shared memory of System V, beside the build machine's own: numbers, owners and the count of
// regions. That the bytes are shared shows where there is a machine (boot case "sysv").
#include "sysv_side.h"

#include <sys/mman.h>

using namespace drupe;
using namespace sysv_calls;

namespace {

constexpr std::uint64_t page = 4096;

struct Status {
    Owner owner;
    std::uint64_t bytes;
    std::int64_t attached_at, detached_at, changed_at;
    std::int32_t creator, last_user;
    std::uint64_t attached, unused[2];
};
static_assert(sizeof(Status) == sizeof(shmid_ds));

std::int64_t get(Side& s, int key, std::uint64_t bytes, int flags) {
    const auto id = DRUPE_CALL(s, shmget, key, bytes, flags);
    note_id(s, "get " + std::to_string(bytes) + " " + std::to_string(flags), id);
    return id;
}
void status(Side& s, std::int64_t id, int key) {
    Status now{};
    const auto got = DRUPE_CALL(s, shmctl, static_cast<int>(id), IPC_STAT, &now);
    s.note("status", got);
    if (got < 0) return;
    note_owner(s, now.owner, key);
    const auto pid = DRUPE_CALL(s, getpid);
    s.note("bytes", static_cast<std::int64_t>(now.bytes));
    s.note("attached", static_cast<std::int64_t>(now.attached));
    s.note("times", std::to_string(now.attached_at != 0) + std::to_string(now.detached_at != 0) +
                        std::to_string(now.changed_at != 0));
    s.note("own", std::to_string(now.creator == pid) + std::to_string(now.last_user == pid) +
                      std::to_string(now.last_user == 0));
}
void attached(Side& s, std::int64_t id) {
    Status now{};
    const auto got = DRUPE_CALL(s, shmctl, static_cast<int>(id), IPC_STAT, &now);
    s.note("attached", got < 0 ? got : static_cast<std::int64_t>(now.attached));
}
std::uint64_t attach(Side& s, std::int64_t id, std::uint64_t at = 0, int flags = 0) {
    const auto got = DRUPE_CALL(s, shmat, static_cast<int>(id), at, flags);
    const bool failed = got < 0 && got > -4096;
    s.note("attach " + std::to_string(flags), failed ? got : 0);
    if (at != 0 && !failed) s.note("moved by", static_cast<std::int64_t>(at) - got);
    return static_cast<std::uint64_t>(got);
}
void detach(Side& s, std::uint64_t at) { s.note("detach", DRUPE_CALL(s, shmdt, at)); }
void control(Side& s, std::int64_t id, int command) {
    s.note("control " + std::to_string(command),
           DRUPE_CALL(s, shmctl, static_cast<int>(id), command, nullptr));
}

} // namespace

TEST_CASE("segments are made, found and removed as on Linux") {
    check([](Side& s) {
        const int key = key_of(s, 1);
        get(s, key, page, 0600);
        get(s, key, 0, IPC_CREAT | 0600);
        get(s, IPC_PRIVATE, ~std::uint64_t{0}, 0600);
        const auto id = get(s, key, 10'000, IPC_CREAT | IPC_EXCL | 0640);
        status(s, id, key);
        s.note("same", get(s, key, 0, 0) == id);
        get(s, key, 10'000, IPC_CREAT | 0600);
        get(s, key, 10'001, IPC_CREAT);
        get(s, key, 10, IPC_CREAT | IPC_EXCL);
        note_rows(s, "/proc/sysvipc/shm", key, {4, 5, 11, 12, 13, 14, 15});
        Status fresh{};
        fresh.owner.uid = 1;
        fresh.owner.gid = 2;
        fresh.owner.mode = 07604;
        s.note("set", DRUPE_CALL(s, shmctl, static_cast<int>(id), IPC_SET, &fresh));
        status(s, id, key);
        for (int command : {SHM_LOCK, SHM_UNLOCK}) {
            control(s, id, command);
            status(s, id, key);
        }
        control(s, id, 77);
        control(s, -1, IPC_RMID);
        control(s, id + 32768, IPC_RMID); // the same place, another number
        // What can be told without keys.
        Status at{};
        const int index = static_cast<int>(id & 32767);
        s.note("by index", DRUPE_CALL(s, shmctl, index, SHM_STAT, &at) == id);
        s.note("bytes", static_cast<std::int64_t>(at.bytes));
        s.note("by index", DRUPE_CALL(s, shmctl, index, SHM_STAT_ANY, &at) == id);
        shminfo limits{};
        s.note("limits", DRUPE_CALL(s, shmctl, 0, IPC_INFO, &limits) >= 0);
        s.note("least", static_cast<std::int64_t>(limits.shmmin));
        s.note("segments", static_cast<std::int64_t>(limits.shmmni));
        s.note("bytes", std::to_string(limits.shmmax));
        s.note("pages", std::to_string(limits.shmall));
        shm_info use{};
        s.note("use", DRUPE_CALL(s, shmctl, 0, SHM_INFO, &use) >= 0);
        s.note("some", std::to_string(use.used_ids > 0) + std::to_string(use.shm_tot >= 3));
        control(s, id, IPC_RMID);
        control(s, id, IPC_RMID);
        status(s, id, key);
        get(s, key, 10, 0);
    });
}

TEST_CASE("regions on a segment are counted as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 8 * page, 0600);
        const auto at = attach(s, id);
        status(s, id, 0);
        const auto other = attach(s, id, 0, SHM_RDONLY);
        attached(s, id);
        s.note("protect", DRUPE_CALL(s, mprotect, other, page, PROT_READ | PROT_WRITE));
        detach(s, other + page);
        detach(s, other + 1);
        detach(s, other);
        detach(s, other);
        status(s, id, 0);
        // Cut in three, and not joined again.
        s.note("protect", DRUPE_CALL(s, mprotect, at + 2 * page, page, PROT_READ));
        attached(s, id);
        s.note("protect", DRUPE_CALL(s, mprotect, at + 2 * page, page, PROT_READ | PROT_WRITE));
        attached(s, id);
        in_child(s, [id](Side& child) { attached(child, id); });
        attached(s, id);
        in_child(s, [at, id](Side& child) {
            detach(child, at);
            attached(child, id);
            attach(child, id);
        });
        attached(s, id);
        s.note("unmap", DRUPE_CALL(s, munmap, at + 5 * page, page));
        attached(s, id);
        detach(s, at);
        attached(s, id);
        // Moved, and doubled.
        const auto again = attach(s, id);
        const auto moved = DRUPE_CALL(s, mremap, again, 8 * page, 16 * page, MREMAP_MAYMOVE, 0);
        s.note("moved", moved < 0 && moved > -4096);
        attached(s, id);
        const auto doubled = DRUPE_CALL(s, mremap, static_cast<std::uint64_t>(moved), 0, 8 * page,
                                        MREMAP_MAYMOVE, 0);
        s.note("doubled", doubled < 0 && doubled > -4096);
        attached(s, id);
        control(s, id, IPC_RMID);
        status(s, id, 0);
        attach(s, id, static_cast<std::uint64_t>(moved), SHM_REMAP); // still there to be attached
        attached(s, id);
        detach(s, static_cast<std::uint64_t>(doubled));
        attached(s, id);
        detach(s, static_cast<std::uint64_t>(moved));
        attached(s, id);
        s.note("unmap", DRUPE_CALL(s, munmap, static_cast<std::uint64_t>(moved), 16 * page));
        attached(s, id);
    });
}

TEST_CASE("a segment goes where it was asked to, or not at all, as on Linux") {
    check([](Side& s) {
        const auto id = get(s, IPC_PRIVATE, 2 * page, 0600);
        const auto reserved = static_cast<std::uint64_t>(
            DRUPE_CALL(s, mmap, nullptr, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        const auto at = reserved + 2 * page;
        attach(s, id, 0, SHM_REMAP);
        attach(s, id, at);
        attach(s, id, at + 100);
        attach(s, id, at + 100, SHM_RND);
        attach(s, id, at + 100, SHM_RND | SHM_REMAP);
        attach(s, id, 100, SHM_RND | SHM_REMAP);
        attach(s, -1);
        attach(s, id + 32768);
        attached(s, id);
        detach(s, at);
        attach(s, id, at + 100, SHM_RND);
        attached(s, id);
        attach(s, id, at + page, SHM_REMAP); // cuts the first
        attached(s, id);
        detach(s, at);
        attached(s, id);
        detach(s, at + page);
        attached(s, id);
        control(s, id, IPC_RMID);
        attached(s, id);
        DRUPE_CALL(s, munmap, reserved, 8 * page);
    });
}

TEST_CASE("a segment's permissions are looked at as on Linux") {
    check([](Side& s) {
        const int key = key_of(s, 2);
        const auto id = get(s, key, page, IPC_CREAT | 0604);
        in_child(s, [&](Side& child) {
            DRUPE_CALL(child, setresuid, 1000, 1000, 1000);
            get(child, key, page, 0400);
            get(child, key, page, 0600);
            get(child, key, page, 0);
            status(child, id, key);
            attach(child, id);
            const auto at = attach(child, id, 0, SHM_RDONLY);
            attach(child, id, 0, SHM_RDONLY | SHM_EXEC);
            detach(child, at);
            Status fresh{};
            child.note("set", DRUPE_CALL(child, shmctl, static_cast<int>(id), IPC_SET, &fresh));
            control(child, id, SHM_LOCK);
            control(child, id, IPC_RMID);
        });
        control(s, id, IPC_RMID);
    });
}
