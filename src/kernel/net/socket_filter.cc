// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/net/socket_filter.h>

#include <new>

namespace drupe::net {

Result<RefPtr<SocketFilter>> SocketFilter::create(std::size_t count) {
    const std::size_t bytes = sizeof(SocketFilter) + count * sizeof(filter::Instruction);
    void* const memory = ::operator new(bytes, std::nothrow);
    if (!memory) return Errc::no_memory;
    return RefPtr<SocketFilter>::adopt(new (memory) SocketFilter(count));
}

void SocketFilter::destroy(SocketFilter* filter) {
    filter->~SocketFilter();
    ::operator delete(filter);
}

Result<void> SocketFilter::check() {
    auto* const scratch = new (std::nothrow) std::uint16_t[count_];
    if (!scratch) return Errc::no_memory;
    const Result<void> outcome = filter::check(program(), {scratch, count_});
    delete[] scratch;
    return outcome;
}

} // namespace drupe::net
