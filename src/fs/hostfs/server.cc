// SPDX-License-Identifier: BSD-2-Clause
#include "server.h"

namespace drupe::hostfs {

Node::Node(Server& server, std::uint64_t name) : id(name), server_(server) { server_.retain(); }
Node::~Node() {
    server_.forget(*this);
    server_.release();
}
Handle::~Handle() { node_->server().close(*this); }

} // namespace drupe::hostfs
