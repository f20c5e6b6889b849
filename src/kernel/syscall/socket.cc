// SPDX-License-Identifier: BSD-2-Clause
// This kernel has no address family yet, and says so as Linux does for one it was built without:
// programs that only try whether there is a network go on. No descriptor is a socket then; programs
// ask for names and options to find out whether one is.
#include "file_call.h"

namespace drupe::syscall {
namespace {

Errc not_a_socket(int fd) { return file_at(fd) ? Errc::not_socket : Errc::bad_descriptor; }

} // namespace

Result<Word> socket(int, int, int) { return Errc::address_family; }
Result<Word> socketpair(int, int, int, VirtAddr) { return Errc::address_family; }
Result<Word> bind(int fd, VirtAddr, std::uint32_t) { return not_a_socket(fd); }
Result<Word> listen(int fd, int) { return not_a_socket(fd); }
Result<Word> accept(int fd, VirtAddr, VirtAddr) { return not_a_socket(fd); }
Result<Word> accept4(int fd, VirtAddr, VirtAddr, int) { return not_a_socket(fd); }
Result<Word> connect(int fd, VirtAddr, std::uint32_t) { return not_a_socket(fd); }
Result<Word> getsockname(int fd, VirtAddr, VirtAddr) { return not_a_socket(fd); }
Result<Word> getpeername(int fd, VirtAddr, VirtAddr) { return not_a_socket(fd); }
Result<Word> sendto(int fd, VirtAddr, Word, std::uint32_t, VirtAddr, std::uint32_t) {
    return not_a_socket(fd);
}
Result<Word> recvfrom(int fd, VirtAddr, Word, std::uint32_t, VirtAddr, VirtAddr) {
    return not_a_socket(fd);
}
Result<Word> setsockopt(int fd, int, int, VirtAddr, std::uint32_t) { return not_a_socket(fd); }
Result<Word> getsockopt(int fd, int, int, VirtAddr, VirtAddr) { return not_a_socket(fd); }
Result<Word> shutdown(int fd, int) { return not_a_socket(fd); }
Result<Word> sendmsg(int fd, VirtAddr, std::uint32_t) { return not_a_socket(fd); }
Result<Word> recvmsg(int fd, VirtAddr, std::uint32_t) { return not_a_socket(fd); }

} // namespace drupe::syscall
