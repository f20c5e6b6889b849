// SPDX-License-Identifier: BSD-2-Clause
// Queues of AF_UNIX sockets: who waits for room in them, sockets that are sent through sockets, and
// the collector that looks for lost ones.
#include "sockets.h"

#include <weak/runner.h>

#include <poll_wait.h>

#include <drupe/process/file_owner.h>

#include <atomic>
#include <utility>

using namespace drupe;
using namespace weak::sockets;
using net::SocketType;
using weak::kernel::Gate;

namespace {

constexpr std::uint32_t out = vfs::poll_out;

/// A datagram socket of this name, whose queue one message fills.
RefPtr<net::Socket> small_receiver(char letter) {
    net::socket_limits.unix_datagrams = 0;
    RefPtr<net::Socket> receiver = create(SocketType::datagram);
    WEAK_CHECK(receiver->bind(name_of(letter)).ok());
    return receiver;
}
/// One that is connected to it, and has filled it.
RefPtr<net::Socket> sender_to(char letter) {
    RefPtr<net::Socket> sender = create(SocketType::datagram);
    WEAK_CHECK(sender->connect(name_of(letter)).ok() && send(*sender, 'a').ok());
    return sender;
}

weak::Scenario full_queue{"who waits for room in a queue is woken", [](std::uint64_t seed) {
                              play(seed, 2, [] {
                                  RefPtr<net::Socket> receiver = small_receiver('r');
                                  RefPtr<net::Socket> sender = sender_to('r');
                                  Parts parts;
                                  parts.start(0, [&] { WEAK_CHECK(send(*sender, 'b').ok()); });
                                  parts.start(1, [&] {
                                      WEAK_CHECK(receive(*receiver).byte == 'a');
                                      WEAK_CHECK(receive(*receiver).byte == 'b');
                                  });
                              });
                          }};

weak::Scenario polled_queue{"who polls for room in a queue hears of it", [](std::uint64_t seed) {
                                play(seed, 2, [] {
                                    RefPtr<net::Socket> receiver = small_receiver('r');
                                    RefPtr<net::Socket> other =
                                        sender_to('r'); // would hear of what itself sent
                                    RefPtr<net::Socket> sender = create(SocketType::datagram);
                                    WEAK_CHECK(sender->connect(name_of('r')).ok());
                                    Parts parts;
                                    Gate gate{2};
                                    parts.start(0, [&] {
                                        gate.pass();
                                        syscall::PollWait wait;
                                        std::uint32_t seen = sender->poll(&wait);
                                        while ((seen & out) == 0) {
                                            bool is_ready = false;
                                            (void)wait.wait_for(Nanos::never(), is_ready);
                                            wait.rearm();
                                            seen = sender->poll(nullptr);
                                        }
                                    });
                                    parts.start(1, [&] {
                                        gate.pass();
                                        WEAK_CHECK(receive(*receiver).byte == 'a');
                                    });
                                });
                            }};

/// The receiver takes a peer, and drops it: what it has not read is forgotten.
weak::Scenario forgotten{
    "who waits for room in a queue that is forgotten is woken", [](std::uint64_t seed) {
        play(seed, 2, [] {
            RefPtr<net::Socket> receiver = small_receiver('r');
            RefPtr<net::Socket> sender = sender_to('r');
            RefPtr<net::Socket> peer = create(SocketType::datagram);
            WEAK_CHECK(peer->bind(name_of('p')).ok());
            Parts parts;
            parts.start(0, [&] {
                const Errc errc = send(*sender, 'b').error();
                WEAK_CHECK(errc == Errc::ok || errc == Errc::connection_reset ||
                           errc == Errc::not_permitted);
            });
            parts.start(1, [&] {
                WEAK_CHECK(receiver->connect(name_of('p')).ok());
                net::Address nobody;
                nobody.length = 2;
                WEAK_CHECK(receiver->connect(nobody).ok());
            });
        });
    }};

weak::Scenario gone{
    "who sends to a socket that went hears of it", [](std::uint64_t seed) {
        play(seed, 2, [] {
            RefPtr<net::Socket> receiver = small_receiver('r');
            RefPtr<net::Socket> sender = sender_to('r');
            Parts parts;
            parts.start(0, [&] { WEAK_CHECK(send(*sender, 'b').error() == Errc::refused); });
            parts.start(1, [&] { receiver = nullptr; });
        });
    }};

/// What an O_ASYNC file is told.
std::atomic<bool> is_told{false};
weak::Scenario told{"who finds no room and wants a signal is told of room", [](std::uint64_t seed) {
                        play(seed, 2, [] {
                            net::SocketPair pair = create_pair(SocketType::stream);
                            pair.first->set_send_buffer(1);
                            WEAK_CHECK(send(*pair.first, 'a').ok());
                            const vfs::AsyncRequest request{
                                0,
                                [](const vfs::File&, int, vfs::AsyncEvent event) {
                                    if (event == vfs::AsyncEvent::out)
                                        is_told.store(true, std::memory_order_relaxed);
                                },
                                0, 0, 0};
                            WEAK_CHECK(pair.first->set_async(&request).ok());
                            is_told.store(false, std::memory_order_relaxed);
                            Errc errc = Errc::ok;
                            {
                                Parts parts;
                                Gate gate{2};
                                parts.start(0, [&] {
                                    gate.pass();
                                    errc = send(*pair.first, 'b', net::msg_dontwait).error();
                                });
                                parts.start(1, [&] {
                                    gate.pass();
                                    WEAK_CHECK(receive(*pair.second).byte == 'a');
                                });
                            }
                            WEAK_CHECK(errc == Errc::ok || is_told.load(std::memory_order_relaxed));
                        });
                    }};

// ---- sockets on their way

/// A socket with a byte to read, whose other end is `other`.
RefPtr<vfs::File> with_a_byte(RefPtr<net::Socket>& other) {
    net::SocketPair pair = create_pair(SocketType::stream);
    WEAK_CHECK(send(*pair.second, 'z').ok());
    other = std::move(pair.second);
    return RefPtr<vfs::File>(std::move(pair.first));
}
void expect_its_byte(Received got) {
    WEAK_CHECK(got.file.get() != nullptr);
    WEAK_CHECK(receive(*vfs::file_as<net::Socket>(*got.file), net::msg_dontwait).byte == 'z');
}

/// Only the queue still refers to the socket, until it is received.
void not_lost(std::uint64_t seed, SocketType type) {
    play(seed, 2, [type] {
        net::SocketPair pair = create_pair(type);
        RefPtr<net::Socket> other, unrelated = create(SocketType::datagram);
        WEAK_CHECK(send_file(*pair.first, with_a_byte(other)).ok());
        Parts parts;
        Gate gate{2};
        parts.start(0, [&] {
            gate.pass();
            expect_its_byte(receive(*pair.second));
        });
        parts.start(1, [&] {
            gate.pass();
            unrelated = nullptr; // and the collector looks
        });
    });
}
weak::Scenario through_stream{"a socket that a stream's reader takes is not lost",
                              [](std::uint64_t seed) { not_lost(seed, SocketType::stream); }};
weak::Scenario through_datagram{"a socket that a datagram's reader takes is not lost",
                                [](std::uint64_t seed) { not_lost(seed, SocketType::datagram); }};

weak::Scenario through_connection{
    "a socket that a connection brings is not lost", [](std::uint64_t seed) {
        play(seed, 2, [] {
            RefPtr<net::Socket> listener = listen('l', 1);
            RefPtr<net::Socket> client = create(SocketType::stream);
            WEAK_CHECK(client->connect(name_of('l')).ok());
            RefPtr<net::Socket> other, unrelated = create(SocketType::datagram);
            WEAK_CHECK(send_file(*client, with_a_byte(other)).ok());
            Parts parts;
            Gate gate{2};
            parts.start(0, [&] {
                gate.pass();
                RefPtr<net::Socket> server = listener->accept(0).value();
                expect_its_byte(receive(*server));
            });
            parts.start(1, [&] {
                gate.pass();
                unrelated = nullptr;
            });
        });
    }};

weak::Scenario unread{"what nobody read goes with its sockets", [](std::uint64_t seed) {
                          play(seed, 2, [] {
                              Parts parts;
                              Gate gate{2};
                              for (unsigned cpu = 0; cpu < 2; ++cpu)
                                  parts.start(cpu, [&] {
                                      net::SocketPair pair = create_pair(SocketType::stream);
                                      RefPtr<net::Socket> other;
                                      WEAK_CHECK(send_file(*pair.first, with_a_byte(other)).ok());
                                      gate.pass();
                                  });
                          });
                      }};

// ---- whom a file tells

weak::Scenario owner{"who sees a file's owner sees of what kind it is", [](std::uint64_t seed) {
                         play(seed, 2, [] {
                             using process::FileOwner;
                             RefPtr<net::Socket> socket = create(SocketType::datagram);
                             Parts parts;
                             Gate gate{2};
                             parts.start(0, [&] {
                                 const process::Pid pid = weak::Program::instance().process().pid;
                                 const FileOwner wanted =
                                     FileOwner::create(FileOwner::Type::thread, pid).value();
                                 gate.pass();
                                 wanted.store_in(*socket);
                             });
                             parts.start(1, [&] {
                                 gate.pass();
                                 for (;;) {
                                     const FileOwner seen(*socket);
                                     if (seen.id() == 0) continue;
                                     WEAK_CHECK(seen.type() == FileOwner::Type::thread);
                                     break;
                                 }
                             });
                         });
                     }};

weak::Scenario urgent{"an urgent byte finds a socket that is just accepted",
                      [](std::uint64_t seed) {
                          play(seed, 2, [] {
                              RefPtr<net::Socket> listener = listen('l', 1);
                              RefPtr<net::Socket> client = create(SocketType::stream), server;
                              WEAK_CHECK(client->connect(name_of('l')).ok());
                              Parts parts;
                              Gate gate{2};
                              parts.start(0, [&] {
                                  gate.pass();
                                  WEAK_CHECK(send(*client, 'u', net::msg_oob).ok());
                              });
                              parts.start(1, [&] {
                                  gate.pass();
                                  server = listener->accept(0).value();
                              });
                          });
                      }};

} // namespace
