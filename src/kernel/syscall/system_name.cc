// SPDX-License-Identifier: BSD-2-Clause
// uname and the two names that may be set.
#include <drupe/arch/elf_abi.h>
#include <drupe/arch/user_access.h>
#include <drupe/process/process.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/syscall/handlers.h>
#include <drupe/syscall/system_name.h>

#include <cstring>

namespace drupe::syscall {
namespace {

constexpr SystemName::Field field(std::string_view text) {
    SystemName::Field out{};
    for (std::size_t i = 0; i < text.size(); i++) out[i] = text[i];
    return out;
}

constinit SpinLock<LockRank::system_name> lock;
// The release is that of the Linux whose interface this is: C libraries refuse older ones, and
// programs choose calls by it.
constinit SystemName names GUARDED_BY(lock){
    field("Linux"),
    field("drupe"),
    field("6.1.0-drupe"),
    field("#1 SMP PREEMPT Drupe"),
    field(arch::platform_name),
    field("(none)"),
};

Result<void> set(SystemName::Field SystemName::*which, std::string_view name) {
    SpinGuard guard(lock);
    SystemName::Field& to = names.*which;
    if (name.size() >= to.size()) return Errc::invalid;
    to = {};
    std::memcpy(to.data(), name.data(), name.size());
    return {};
}

Result<std::uint64_t> set_from_user(Result<void> (*set_name)(std::string_view), VirtAddr at,
                                    std::uint64_t size) {
    if (!process::current_process().credentials.is_privileged()) return Errc::not_permitted;
    SystemName::Field text{};
    if (size >= text.size()) return Errc::invalid;
    TRY(arch::copy_from_user(text.data(), at, size));
    TRY(set_name({text.data(), static_cast<std::size_t>(size)}));
    return 0;
}

} // namespace

SystemName system_name() {
    SpinGuard guard(lock);
    return names;
}
Result<void> set_host_name(std::string_view name) { return set(&SystemName::nodename, name); }
Result<void> set_domain_name(std::string_view name) { return set(&SystemName::domainname, name); }

Result<std::uint64_t> uname(VirtAddr out) {
    const SystemName now = system_name();
    TRY(arch::put_user(out, now));
    return 0;
}
Result<std::uint64_t> sethostname(VirtAddr name, std::uint64_t size) {
    return set_from_user(set_host_name, name, size);
}
Result<std::uint64_t> setdomainname(VirtAddr name, std::uint64_t size) {
    return set_from_user(set_domain_name, name, size);
}

} // namespace drupe::syscall
