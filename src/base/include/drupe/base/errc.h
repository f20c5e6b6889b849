// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own error vocabulary. Linux's errno numbers exist only in kernel/syscall, which maps
// each of these to exactly one of them; the names here say what happened, not what a caller prints.
#pragma once

#include <cstdint>

namespace drupe {

enum class Errc : std::uint8_t {
    ok = 0,
    not_permitted,       // EPERM
    not_found,           // ENOENT
    no_process,          // ESRCH
    interrupted,         // EINTR, never restarted
    io,                  // EIO
    no_device,           // ENXIO
    too_big,             // E2BIG
    not_executable,      // ENOEXEC
    bad_descriptor,      // EBADF
    no_child,            // ECHILD
    would_block,         // EAGAIN
    no_memory,           // ENOMEM
    access,              // EACCES
    fault,               // EFAULT: a user pointer leads nowhere
    busy,                // EBUSY
    exists,              // EEXIST
    cross_device,        // EXDEV
    wrong_device,        // ENODEV
    not_directory,       // ENOTDIR
    is_directory,        // EISDIR
    invalid,             // EINVAL
    table_full,          // ENFILE
    too_many_files,      // EMFILE
    not_terminal,        // ENOTTY
    text_busy,           // ETXTBSY
    file_too_large,      // EFBIG
    no_space,            // ENOSPC
    illegal_seek,        // ESPIPE
    read_only,           // EROFS
    too_many_links,      // EMLINK
    broken_pipe,         // EPIPE
    out_of_domain,       // EDOM
    out_of_range,        // ERANGE
    deadlock,            // EDEADLK
    name_too_long,       // ENAMETOOLONG
    no_locks,            // ENOLCK
    not_implemented,     // ENOSYS
    not_empty,           // ENOTEMPTY
    symlink_loop,        // ELOOP
    no_data,             // ENODATA
    timed_out,           // ETIMEDOUT
    overflow,            // EOVERFLOW
    bad_message,         // EBADMSG
    not_socket,          // ENOTSOCK
    not_supported,       // EOPNOTSUPP
    address_family,      // EAFNOSUPPORT
    protocol,            // EPROTONOSUPPORT
    not_connected,       // ENOTCONN
    refused,             // ECONNREFUSED
    shut_down,           // EPIPE, without the signal that broken_pipe raises
    address_in_use,      // EADDRINUSE
    already_connected,   // EISCONN
    too_many_references, // ETOOMANYREFS
    wrong_type,          // EPROTOTYPE: a socket of another type has that name
    no_option,           // ENOPROTOOPT
    message_size,        // EMSGSIZE
    connection_reset,    // ECONNRESET
    no_buffers,          // ENOBUFS
    socket_type,         // ESOCKTNOSUPPORT
    canceled,            // ECANCELED
    owner_dead,          // EOWNERDEAD
    no_message,          // ENOMSG
    removed,             // EIDRM: it was there when the call began
    bad_library,         // ELIBBAD: a program's interpreter is not usable
    corrupt,             // EUCLEAN: a structure on a medium contradicts itself
    // What Linux calls ERESTARTSYS and friends: a signal came while blocked. kernel/process turns
    // them into a restart or into EINTR when it knows whether a handler runs and how it was set.
    restart,            // restart unless the handler lacks SA_RESTART
    restart_no_handler, // restart only when no handler runs
    restart_always,     // restart in any case
    count_
};

} // namespace drupe
