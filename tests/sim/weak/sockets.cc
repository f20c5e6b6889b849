// SPDX-License-Identifier: BSD-2-Clause
// AF_UNIX sockets: what one side sees of what the other did, names, connections.
#include "sockets.h"

#include <weak/runner.h>

using namespace drupe;
using namespace weak::sockets;
using net::SocketType;
using weak::kernel::Gate;

namespace {

weak::Scenario bytes{"a stream's reader sees bytes, then the end", [](std::uint64_t seed) {
                         play(seed, 2, [] {
                             net::SocketPair pair = create_pair(SocketType::stream);
                             Parts parts;
                             parts.start(0, [&] {
                                 WEAK_CHECK(send(*pair.first, 'a').ok());
                                 WEAK_CHECK(send(*pair.first, 'b').ok());
                                 pair.first = nullptr;
                             });
                             parts.start(1, [&] {
                                 WEAK_CHECK(receive(*pair.second).byte == 'a');
                                 WEAK_CHECK(receive(*pair.second).byte == 'b');
                                 WEAK_CHECK(receive(*pair.second).is_end());
                             });
                         });
                     }};

/// Without waiting: nothing but the word that says so tells the reader of the end.
void end_comes_last(std::uint64_t seed, SocketType type) {
    play(seed, 2, [type] {
        net::SocketPair pair = create_pair(type);
        Parts parts;
        Gate gate{2};
        parts.start(0, [&] {
            gate.pass();
            WEAK_CHECK(send(*pair.first, 'a').ok());
            WEAK_CHECK(pair.first->shut_down(net::no_send).ok());
        });
        parts.start(1, [&] {
            gate.pass();
            Received got;
            do got = receive(*pair.second, net::msg_dontwait);
            while (got.errc == Errc::would_block);
            WEAK_CHECK(got.byte == 'a');
        });
    });
}
weak::Scenario stream_end{"a stream's end is not seen before its bytes",
                          [](std::uint64_t seed) { end_comes_last(seed, SocketType::stream); }};
weak::Scenario packet_end{"the end of packets is not seen before them",
                          [](std::uint64_t seed) { end_comes_last(seed, SocketType::sequential); }};

weak::Scenario hang_up{"a poll that tells of the end tells of the bytes", [](std::uint64_t seed) {
                           play(seed, 2, [] {
                               net::SocketPair pair = create_pair(SocketType::stream);
                               Parts parts;
                               Gate gate{2};
                               parts.start(0, [&] {
                                   gate.pass();
                                   WEAK_CHECK(send(*pair.first, 'a').ok());
                                   pair.first = nullptr;
                               });
                               parts.start(1, [&] {
                                   gate.pass();
                                   std::uint32_t seen = 0;
                                   while (((seen = pair.second->poll(nullptr)) & vfs::poll_hup) ==
                                          0) {}
                                   WEAK_CHECK(receive(*pair.second, net::msg_dontwait).byte == 'a');
                               });
                           });
                       }};

/// Who leaves bytes unread resets the connection: the other side hears of that, not of an end.
void reset_is_no_end(std::uint64_t seed, SocketType type) {
    play(seed, 2, [type] {
        net::SocketPair pair = create_pair(type);
        WEAK_CHECK(send(*pair.second, 'x').ok());
        Parts parts;
        Gate gate{2};
        parts.start(0, [&] {
            gate.pass();
            pair.first = nullptr;
        });
        parts.start(1, [&] {
            gate.pass();
            Received got;
            do got = receive(*pair.second, net::msg_dontwait);
            while (got.errc == Errc::would_block);
            WEAK_CHECK(got.errc == Errc::connection_reset);
        });
    });
}
weak::Scenario stream_reset{"a stream that is reset does not just end",
                            [](std::uint64_t seed) { reset_is_no_end(seed, SocketType::stream); }};
weak::Scenario packet_reset{
    "a connection of packets that is reset does not just end",
    [](std::uint64_t seed) { reset_is_no_end(seed, SocketType::sequential); }};

weak::Scenario full_stream{"who waits for room in a stream is woken", [](std::uint64_t seed) {
                               play(seed, 2, [] {
                                   net::SocketPair pair = create_pair(SocketType::stream);
                                   pair.first->set_send_buffer(1); // one byte fills it
                                   WEAK_CHECK(send(*pair.first, 'a').ok());
                                   Parts parts;
                                   parts.start(0, [&] { WEAK_CHECK(send(*pair.first, 'b').ok()); });
                                   parts.start(1, [&] {
                                       WEAK_CHECK(receive(*pair.second).byte == 'a');
                                       WEAK_CHECK(receive(*pair.second).byte == 'b');
                                   });
                               });
                           }};

weak::Scenario named{"who sees a socket's name sees all of it", [](std::uint64_t seed) {
                         play(seed, 2, [] {
                             RefPtr<net::Socket> socket = create(SocketType::datagram);
                             Parts parts;
                             Gate gate{2};
                             parts.start(0, [&] {
                                 gate.pass();
                                 WEAK_CHECK(socket->bind(name_of('n')).ok());
                             });
                             parts.start(1, [&] {
                                 gate.pass();
                                 net::Address seen;
                                 while ((seen = socket->name()).length <= 2) {}
                                 WEAK_CHECK(seen.length == 4 && seen.bytes[3] == 'n');
                             });
                         });
                     }};

// ---- connections

weak::Scenario connection{"a connection carries bytes both ways", [](std::uint64_t seed) {
                              play(seed, 2, [] {
                                  RefPtr<net::Socket> listener = listen('l', 1);
                                  Parts parts;
                                  parts.start(0, [&] {
                                      auto client = create(SocketType::stream);
                                      WEAK_CHECK(client->connect(name_of('l')).ok());
                                      WEAK_CHECK(send(*client, 'a').ok());
                                      WEAK_CHECK(receive(*client).byte == 'b');
                                  });
                                  parts.start(1, [&] {
                                      auto server = listener->accept(0).value();
                                      WEAK_CHECK(receive(*server).byte == 'a');
                                      WEAK_CHECK(send(*server, 'b').ok());
                                  });
                              });
                          }};

/// A listener that takes one that waits. Both may see it listen before its number is known to them.
weak::Scenario backlog{"no more connections wait than the listener lets", [](std::uint64_t seed) {
                           play(seed, 3, [] {
                               RefPtr<net::Socket> listener = create(SocketType::stream);
                               WEAK_CHECK(listener->bind(name_of('l')).ok());
                               RefPtr<net::Socket> clients[2];
                               Result<void> connected[2] = {Errc::refused, Errc::refused};
                               {
                                   Parts parts;
                                   Gate gate{3};
                                   parts.start(0, [&] {
                                       gate.pass();
                                       WEAK_CHECK(listener->listen(0).ok());
                                   });
                                   for (unsigned i = 0; i < 2; ++i)
                                       parts.start(1 + i, [&, i] {
                                           clients[i] =
                                               create(SocketType::stream, vfs::open_nonblock);
                                           gate.pass();
                                           while (connected[i].error() == Errc::refused)
                                               connected[i] = clients[i]->connect(name_of('l'));
                                       });
                               }
                               WEAK_CHECK(connected[0].ok() != connected[1].ok());
                           });
                       }};

weak::Scenario full_listener{"who waits to connect is woken", [](std::uint64_t seed) {
                                 play(seed, 2, [] {
                                     RefPtr<net::Socket> listener = listen('l', 0);
                                     auto first = create(SocketType::stream);
                                     WEAK_CHECK(first->connect(name_of('l')).ok());
                                     Parts parts;
                                     parts.start(0, [&] {
                                         auto second = create(SocketType::stream);
                                         WEAK_CHECK(second->connect(name_of('l')).ok());
                                     });
                                     parts.start(1, [&] {
                                         for (int i = 0; i < 2; ++i)
                                             WEAK_CHECK(listener->accept(0).ok());
                                     });
                                 });
                             }};

weak::Scenario listener_goes{
    "who waits to connect hears that the listener went", [](std::uint64_t seed) {
        play(seed, 2, [] {
            RefPtr<net::Socket> listener = listen('l', 0);
            auto first = create(SocketType::stream);
            WEAK_CHECK(first->connect(name_of('l')).ok());
            Parts parts;
            parts.start(0, [&] {
                auto second = create(SocketType::stream);
                const Result<void> connected = second->connect(name_of('l'));
                WEAK_CHECK(connected.error() == Errc::refused);
            });
            parts.start(1, [&] { listener = nullptr; });
        });
    }};

struct Count final : net::UnixVisitor {
    void visit(const net::UnixReport& report) override {
        sockets += report.is_accepted && report.ino != 0;
    }
    int sockets = 0;
};
weak::Scenario visited{"who looks at all sockets sees whole ones", [](std::uint64_t seed) {
                           play(seed, 2, [] {
                               RefPtr<net::Socket> listener = listen('l', 1);
                               auto client = create(SocketType::stream);
                               WEAK_CHECK(client->connect(name_of('l')).ok());
                               Parts parts;
                               Gate gate{2};
                               parts.start(0, [&] {
                                   gate.pass();
                                   WEAK_CHECK(listener->accept(0).ok());
                               });
                               parts.start(1, [&] {
                                   gate.pass();
                                   for (int i = 0; i < 4; ++i) {
                                       Count count;
                                       net::visit_unix_sockets(count);
                                       WEAK_CHECK(count.sockets >= 2);
                                   }
                               });
                           });
                       }};

} // namespace
