// SPDX-License-Identifier: BSD-2-Clause
// capget, capset and prctl. There are no single capabilities: user 0 has all, others none.
#include <drupe/process/lifecycle.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/handlers.h>

#include <drupe/arch/fpu.h>
#include <drupe/arch/user_access.h>

#include <array>

namespace drupe::syscall {
namespace {

using namespace process;
using Word = std::uint64_t;

// [linux] uapi/linux/capability.h
struct CapHeader {
    std::uint32_t version;
    std::int32_t pid;
};
struct CapData {
    std::uint32_t effective, permitted, inheritable;
};
constexpr std::uint32_t cap_version_1 = 0x1998'0330, cap_version_2 = 0x2007'1026,
                        cap_version_3 = 0x2008'0522;
constexpr std::uint64_t cap_count = 41;
constexpr std::uint64_t all_caps = (std::uint64_t{1} << cap_count) - 1;

/// Words of 32 capabilities in this version. An unknown one is answered with ours.
Result<std::size_t> cap_words(VirtAddr at, CapHeader& header) {
    header = TRY(arch::get_user<CapHeader>(at));
    if (header.version == cap_version_1) return std::size_t{1};
    if (header.version == cap_version_2 || header.version == cap_version_3) return std::size_t{2};
    TRY(arch::put_user(at, cap_version_3));
    return Errc::invalid;
}

// [linux] uapi/linux/prctl.h
enum class Prctl : int {
    set_pdeathsig = 1,
    get_pdeathsig = 2,
    get_dumpable = 3,
    set_dumpable = 4,
    get_keepcaps = 7,
    set_keepcaps = 8,
    set_name = 15,
    get_name = 16,
    get_seccomp = 21,
    capbset_read = 23,
    capbset_drop = 24,
    get_securebits = 27,
    set_timerslack = 29,
    get_timerslack = 30,
    set_child_subreaper = 36,
    get_child_subreaper = 37,
    set_no_new_privs = 38,
    get_no_new_privs = 39,
    get_tid_address = 40,
    set_thp_disable = 41,
    get_thp_disable = 42,
    cap_ambient = 47,
    sve_set_vl = 50,
    sve_get_vl = 51,
    set_vma = 0x5356'4d41,
};

Result<Word> set_name(VirtAddr at) {
    std::array<char, 16> name{};
    const Result<std::size_t> length =
        arch::copy_string_from_user(name.data(), at, name.size() - 1);
    if (!length && length.error() != Errc::name_too_long) return length.error();
    sched::current().set_name({name.data(), length ? length.value() : name.size() - 1});
    return Word{0};
}

Result<Word> get_name(VirtAddr at) {
    std::array<char, 16> name{};
    const std::string_view own = sched::current().name();
    own.copy(name.data(), name.size() - 1);
    TRY(arch::put_user(at, name));
    return Word{0};
}

Result<Word> set_flag(bool& flag, Word value) {
    if (value > 1) return Errc::invalid;
    flag = value != 0;
    return Word{0};
}

Result<Word> put_int(VirtAddr at, int value) {
    TRY(arch::put_user(at, value));
    return Word{0};
}

/// The length cannot be chosen: what a thread has is what it keeps.
Result<Word> sve_length(Word wanted, bool set) {
    const std::size_t now = arch::sve_enable() ? arch::sve_vector_length() : 0;
    if (now == 0) return Errc::invalid;
    if (set && (wanted & 0xffff) < now) return Errc::invalid;
    return Word{now};
}

} // namespace

Result<Word> capget(VirtAddr header_at, VirtAddr data_at) {
    CapHeader header{};
    const Result<std::size_t> words = cap_words(header_at, header);
    if (!words)
        return raw(data_at) == 0 && words.error() == Errc::invalid ? Result<Word>(Word{0})
                                                                   : words.error();
    if (header.pid < 0) return Errc::invalid;
    std::uint64_t caps = current_process().credentials.is_privileged() ? all_caps : 0;
    if (header.pid != 0 && header.pid != current_user().tid)
        TRY(with_thread(header.pid, [&](UserThread& thread) -> Result<void> {
            caps = thread.process->credentials.is_privileged() ? all_caps : 0;
            return {};
        }));
    for (std::size_t n = 0; n < words.value(); n++) {
        const auto part = static_cast<std::uint32_t>(caps >> 32 * n);
        TRY(arch::put_user(data_at + n * sizeof(CapData), CapData{part, part, 0}));
    }
    return Word{0};
}

/// Accepts what changes nothing for the better: dropping is not remembered, gaining is refused.
Result<Word> capset(VirtAddr header_at, VirtAddr data_at) {
    CapHeader header{};
    const std::size_t words = TRY(cap_words(header_at, header));
    if (header.pid != 0 && header.pid != current_user().tid) return Errc::not_permitted;
    const std::uint64_t have = current_process().credentials.is_privileged() ? all_caps : 0;
    for (std::size_t n = 0; n < words; n++) {
        const auto data = TRY(arch::get_user<CapData>(data_at + n * sizeof(CapData)));
        const auto part = static_cast<std::uint32_t>(have >> 32 * n);
        if (((data.effective | data.permitted) & ~part) != 0) return Errc::not_permitted;
    }
    return Word{0};
}

namespace {

/// Arguments behind the option that must be zero are refused when they are not: their meaning may
/// come later. How many an option uses; 4: it does not look at the rest.
unsigned prctl_arguments(Prctl option) {
    switch (option) {
    case Prctl::get_no_new_privs:
    case Prctl::get_thp_disable: return 0;
    case Prctl::set_no_new_privs:
    case Prctl::set_thp_disable: return 1;
    case Prctl::cap_ambient: return 2;
    default: return 4;
    }
}

constexpr Word ambient_is_set = 1, ambient_clear_all = 4;

/// No capability is ambient; none can be raised.
Result<Word> ambient(Word operation, Word capability) {
    if (operation == ambient_clear_all)
        return capability == 0 ? Result<Word>(Word{0}) : Errc::invalid;
    if (operation != ambient_is_set || capability >= cap_count) return Errc::invalid;
    return Word{0};
}

} // namespace

Result<Word> prctl(int option, Word a, Word b, Word c, Word d) {
    Process& process = current_process();
    UserThread& self = current_user();
    const Word given[] = {a, b, c, d};
    for (unsigned n = prctl_arguments(static_cast<Prctl>(option)); n < 4; n++)
        if (given[n] != 0) return Errc::invalid;
    switch (static_cast<Prctl>(option)) {
    case Prctl::set_pdeathsig:
        if (a > signal_count) return Errc::invalid;
        self.parent_death_signal = static_cast<int>(a);
        return Word{0};
    case Prctl::get_pdeathsig: return put_int(VirtAddr{a}, self.parent_death_signal);
    case Prctl::get_dumpable: return Word{process.image->is_dumpable};
    case Prctl::set_dumpable: return set_flag(process.image->is_dumpable, a);
    case Prctl::get_keepcaps: return Word{process.credentials.keep_capabilities};
    case Prctl::set_keepcaps: return set_flag(process.credentials.keep_capabilities, a);
    case Prctl::set_name: return set_name(VirtAddr{a});
    case Prctl::get_name: return get_name(VirtAddr{a});
    case Prctl::get_seccomp:
    case Prctl::get_securebits: return Word{0};
    case Prctl::capbset_read: return a < cap_count ? Result<Word>(Word{1}) : Errc::invalid;
    case Prctl::set_timerslack: // timers are exact: any slack is kept
        self.timer_slack = a != 0 ? a : self.default_timer_slack;
        return Word{0};
    case Prctl::get_timerslack: return Word{self.timer_slack};
    case Prctl::set_child_subreaper: process.is_subreaper = a != 0; return Word{0};
    case Prctl::get_child_subreaper: return put_int(VirtAddr{a}, process.is_subreaper);
    case Prctl::set_no_new_privs:
        if (a != 1) return Errc::invalid;
        process.credentials.no_new_privileges = true;
        return Word{0};
    case Prctl::get_no_new_privs: return Word{process.credentials.no_new_privileges};
    case Prctl::get_tid_address:
        TRY(arch::put_user(VirtAddr{a}, raw(self.clear_child_tid)));
        return Word{0};
    case Prctl::set_thp_disable: return Word{0}; // advice
    case Prctl::get_thp_disable: return Word{0};
    case Prctl::cap_ambient: return ambient(a, b);
    case Prctl::sve_set_vl: return sve_length(a, true);
    case Prctl::sve_get_vl: return sve_length(0, false);
    case Prctl::set_vma: return Errc::invalid; // names of mappings, as a kernel without it
    default: return Errc::invalid;
    }
}

} // namespace drupe::syscall
