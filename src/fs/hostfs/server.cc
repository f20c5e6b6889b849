// SPDX-License-Identifier: BSD-2-Clause
#include "server.h"

namespace drupe::hostfs {

Node::Node(Server& server, std::uint64_t name) : id(name), server_(server) { server_.retain(); }
Node::~Node() {
    if (uses() != 0) server_.forget(*this);
    server_.release();
}
bool Node::absorb(Node& other) {
    if (id != other.id) return false;
    if (this != &other)
        uses_.fetch_add(other.uses_.exchange(0, std::memory_order_relaxed),
                        std::memory_order_relaxed);
    return true;
}
Handle::~Handle() { node_->server().close(*this); }

} // namespace drupe::hostfs
