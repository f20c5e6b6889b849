// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/vfs/async.h>

#include <drupe/vfs/file.h>

#include <new>

namespace drupe::vfs {

struct AsyncFiles::Entry {
    File* file; // takes itself off before it goes
    AsyncRequest request;
    Entry* next;
};

AsyncFiles::~AsyncFiles() { DRUPE_ASSERT(!has_any()); }

Result<void> AsyncFiles::set(File& file, const AsyncRequest* request) {
    Entry* fresh = nullptr;
    if (request) {
        fresh = new (std::nothrow) Entry{&file, *request, nullptr};
        if (!fresh) return Errc::no_memory;
    }
    Entry* former = nullptr;
    {
        SpinGuard guard(lock_);
        Entry* first = first_.load(std::memory_order_relaxed);
        Entry** at = &first;
        while (*at && (*at)->file != &file) at = &(*at)->next;
        if (*at) {
            former = *at;
            *at = former->next;
        }
        if (fresh) {
            fresh->next = first;
            first = fresh;
        }
        first_.store(first, std::memory_order_relaxed);
    }
    delete former;
    return {};
}

void AsyncFiles::tell_all(AsyncEvent event) {
    SpinGuard guard(lock_); // the files stay while they are told
    for (Entry* e = first_.load(std::memory_order_relaxed); e; e = e->next)
        e->request.tell(*e->file, e->request.fd, event);
}

} // namespace drupe::vfs
