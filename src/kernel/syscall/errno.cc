// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/syscall_abi.h>
#include <drupe/base/assert.h>
#include <drupe/syscall/errno.h>

#include <cstddef>

namespace drupe::syscall {
namespace {

struct Row {
    Errc errc;
    std::int16_t number;
    const char* name;
};

// In the order of Errc, so that the enumerator is the index; checked below.
constexpr Row rows[] = {
    {Errc::ok, 0, ""},
    {Errc::not_permitted, 1, "EPERM"},
    {Errc::not_found, 2, "ENOENT"},
    {Errc::no_process, 3, "ESRCH"},
    {Errc::interrupted, 4, "EINTR"},
    {Errc::io, 5, "EIO"},
    {Errc::no_device, 6, "ENXIO"},
    {Errc::too_big, 7, "E2BIG"},
    {Errc::not_executable, 8, "ENOEXEC"},
    {Errc::bad_descriptor, 9, "EBADF"},
    {Errc::no_child, 10, "ECHILD"},
    {Errc::would_block, 11, "EAGAIN"},
    {Errc::no_memory, 12, "ENOMEM"},
    {Errc::access, 13, "EACCES"},
    {Errc::fault, 14, "EFAULT"},
    {Errc::busy, 16, "EBUSY"},
    {Errc::exists, 17, "EEXIST"},
    {Errc::cross_device, 18, "EXDEV"},
    {Errc::wrong_device, 19, "ENODEV"},
    {Errc::not_directory, 20, "ENOTDIR"},
    {Errc::is_directory, 21, "EISDIR"},
    {Errc::invalid, 22, "EINVAL"},
    {Errc::table_full, 23, "ENFILE"},
    {Errc::too_many_files, 24, "EMFILE"},
    {Errc::not_terminal, 25, "ENOTTY"},
    {Errc::text_busy, 26, "ETXTBSY"},
    {Errc::file_too_large, 27, "EFBIG"},
    {Errc::no_space, 28, "ENOSPC"},
    {Errc::illegal_seek, 29, "ESPIPE"},
    {Errc::read_only, 30, "EROFS"},
    {Errc::too_many_links, 31, "EMLINK"},
    {Errc::broken_pipe, 32, "EPIPE"},
    {Errc::out_of_domain, 33, "EDOM"},
    {Errc::out_of_range, 34, "ERANGE"},
    {Errc::deadlock, 35, "EDEADLK"},
    {Errc::name_too_long, 36, "ENAMETOOLONG"},
    {Errc::no_locks, 37, "ENOLCK"},
    {Errc::not_implemented, 38, "ENOSYS"},
    {Errc::not_empty, 39, "ENOTEMPTY"},
    {Errc::symlink_loop, 40, "ELOOP"},
    {Errc::no_data, 61, "ENODATA"},
    {Errc::timed_out, 110, "ETIMEDOUT"},
    {Errc::overflow, 75, "EOVERFLOW"},
    {Errc::bad_message, 74, "EBADMSG"},
    {Errc::not_socket, 88, "ENOTSOCK"},
    {Errc::not_supported, 95, "EOPNOTSUPP"},
    {Errc::address_family, 97, "EAFNOSUPPORT"},
    {Errc::protocol, 93, "EPROTONOSUPPORT"},
    {Errc::not_connected, 107, "ENOTCONN"},
    {Errc::refused, 111, "ECONNREFUSED"},
    {Errc::shut_down, 32, "EPIPE"},
    {Errc::address_in_use, 98, "EADDRINUSE"},
    {Errc::already_connected, 106, "EISCONN"},
    {Errc::too_many_references, 109, "ETOOMANYREFS"},
    {Errc::wrong_type, 91, "EPROTOTYPE"},
    {Errc::no_option, 92, "ENOPROTOOPT"},
    {Errc::message_size, 90, "EMSGSIZE"},
    {Errc::connection_reset, 104, "ECONNRESET"},
    {Errc::no_buffers, 105, "ENOBUFS"},
    {Errc::socket_type, 94, "ESOCKTNOSUPPORT"},
    {Errc::canceled, 125, "ECANCELED"},
    {Errc::owner_dead, 130, "EOWNERDEAD"},
    {Errc::no_message, 42, "ENOMSG"},
    {Errc::removed, 43, "EIDRM"},
    {Errc::bad_library, 80, "ELIBBAD"},
    {Errc::corrupt, 117, "EUCLEAN"},
    {Errc::restart, -arch::call_restart, "ERESTARTSYS"},
    {Errc::restart_no_handler, -arch::call_restart_no_handler, "ERESTARTNOHAND"},
    {Errc::restart_always, -arch::call_restart_always, "ERESTARTNOINTR"},
};

constexpr bool is_in_order() {
    std::size_t at = 0;
    for (const Row& row : rows)
        if (static_cast<std::size_t>(row.errc) != at++) return false;
    return at == static_cast<std::size_t>(Errc::count_);
}
static_assert(is_in_order(), "each Errc has one row, in the order of the enumeration");
static_assert(rows[static_cast<std::size_t>(Errc::interrupted)].number == -arch::call_interrupted);

} // namespace

std::int64_t to_return_value(Errc errc) {
    DRUPE_ASSERT(errc != Errc::ok && errc < Errc::count_);
    return -rows[static_cast<std::size_t>(errc)].number;
}

std::string_view errno_name(std::int64_t number) {
    for (const Row& row : rows)
        if (row.number == number) return row.name;
    return {};
}

} // namespace drupe::syscall
