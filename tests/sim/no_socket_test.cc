// SPDX-License-Identifier: BSD-2-Clause
// Programs ask what their descriptors are by calls that only sockets take. A file answers as on the
// build machine's own Linux.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/process/process.h>
#include <drupe/process/user_thread.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/file_system.h>

#include <catch2/catch.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace drupe;
namespace sys = drupe::syscall;
using sim::at;

namespace {

char buffer[64];
socklen_t length = sizeof buffer;
msghdr message;
auto* const address = reinterpret_cast<sockaddr*>(buffer);

struct Call {
    const char* name;
    std::int64_t (*linux_says)(int fd);
    Result<sim::Word> (*ours)(int fd);
};
// clang-format off
const Call calls[] = {
    {"bind", [](int fd) -> std::int64_t { return ::bind(fd, address, 16); },
     [](int fd) { return sys::bind(fd, at(buffer), 16); }},
    {"listen", [](int fd) -> std::int64_t { return ::listen(fd, 1); },
     [](int fd) { return sys::listen(fd, 1); }},
    {"accept", [](int fd) -> std::int64_t { return ::accept(fd, nullptr, nullptr); },
     [](int fd) { return sys::accept(fd, VirtAddr{0}, VirtAddr{0}); }},
    {"accept4", [](int fd) -> std::int64_t { return ::accept4(fd, nullptr, nullptr, 0); },
     [](int fd) { return sys::accept4(fd, VirtAddr{0}, VirtAddr{0}, 0); }},
    {"connect", [](int fd) -> std::int64_t { return ::connect(fd, address, 16); },
     [](int fd) { return sys::connect(fd, at(buffer), 16); }},
    {"getsockname", [](int fd) -> std::int64_t { return ::getsockname(fd, address, &length); },
     [](int fd) { return sys::getsockname(fd, at(buffer), at(&length)); }},
    {"getpeername", [](int fd) -> std::int64_t { return ::getpeername(fd, address, &length); },
     [](int fd) { return sys::getpeername(fd, at(buffer), at(&length)); }},
    {"sendto", [](int fd) -> std::int64_t { return ::sendto(fd, buffer, 1, 0, nullptr, 0); },
     [](int fd) { return sys::sendto(fd, at(buffer), 1, 0, VirtAddr{0}, 0); }},
    {"recvfrom", [](int fd) -> std::int64_t { return ::recvfrom(fd, buffer, 1, 0, nullptr, nullptr); },
     [](int fd) { return sys::recvfrom(fd, at(buffer), 1, 0, VirtAddr{0}, VirtAddr{0}); }},
    {"setsockopt", [](int fd) -> std::int64_t { return ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buffer, 4); },
     [](int fd) { return sys::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, at(buffer), 4); }},
    {"getsockopt", [](int fd) -> std::int64_t { return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, buffer, &length); },
     [](int fd) { return sys::getsockopt(fd, SOL_SOCKET, SO_TYPE, at(buffer), at(&length)); }},
    {"shutdown", [](int fd) -> std::int64_t { return ::shutdown(fd, SHUT_RD); },
     [](int fd) { return sys::shutdown(fd, SHUT_RD); }},
    {"sendmsg", [](int fd) -> std::int64_t { return ::sendmsg(fd, &message, 0); },
     [](int fd) { return sys::sendmsg(fd, at(&message), 0); }},
    {"recvmsg", [](int fd) -> std::int64_t { return ::recvmsg(fd, &message, 0); },
     [](int fd) { return sys::recvmsg(fd, at(&message), 0); }},
};
// clang-format on

} // namespace

TEST_CASE("a file and a closed descriptor answer a socket's calls as on Linux") {
    sim::Programs programs;
    REQUIRE(sim::init_files());
    const int host_file = ::open("/dev/null", O_RDWR);
    programs.start([&](sim::Program& program) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
        process::current_context().fs->set_root(fs->root());
        process::current_context().fs->set_cwd(fs->root());
        const auto file = static_cast<int>(program.call(
            [] { return sys::openat(AT_FDCWD, at("/file"), O_RDWR | O_CREAT, 0644); }));
        REQUIRE(file >= 0);
        for (const Call& call : calls) {
            INFO(call.name);
            for (const auto& [theirs, ours] : {std::pair{host_file, file}, {-1, -1}, {999, 999}}) {
                errno = 0;
                REQUIRE(call.linux_says(theirs) == -1);
                CHECK(program.call([&] { return call.ours(ours); }) == -errno);
            }
        }
        process::current_context().files->close_all();
    });
    programs.run();
    ::close(host_file);
}
