// SPDX-License-Identifier: BSD-2-Clause
// Short words for what scenarios do with sockets. Messages are one byte long.
#pragma once

#include "program.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/net/unix.h>

#include <functional>

namespace weak::sockets {

/// Plays `main` in a thread of the program.
void play(std::uint64_t seed, unsigned cpus, const std::function<void()>& main);

/// Threads of the program; destroying it waits until they have ended.
class Parts {
public:
    void start(unsigned cpu, std::function<void()> body);

private:
    kernel::Threads threads_;
};

drupe::RefPtr<drupe::net::Socket> create(drupe::net::SocketType type, std::uint32_t flags = 0);
drupe::net::SocketPair create_pair(drupe::net::SocketType type);
/// A name of one byte that is no path.
drupe::net::Address name_of(char letter);
/// A stream that listens.
drupe::RefPtr<drupe::net::Socket> listen(char letter, std::uint32_t backlog);

drupe::Result<void> send(drupe::net::Socket& socket, char byte, std::uint32_t flags = 0,
                         const drupe::net::Address* to = nullptr);
/// With a file that goes along.
drupe::Result<void> send_file(drupe::net::Socket& socket, drupe::RefPtr<drupe::vfs::File> file);

struct Received {
    drupe::Errc errc;
    char byte = 0;                          // 0: none came
    drupe::RefPtr<drupe::vfs::File> file{}; // that came along
    bool is_end() const { return errc == drupe::Errc::ok && byte == 0; }
};
Received receive(drupe::net::Socket& socket, std::uint32_t flags = 0);

} // namespace weak::sockets
