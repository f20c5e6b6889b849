// SPDX-License-Identifier: BSD-2-Clause
// What a thread did to semaphores and wants taken back at its end. Threads share one
// (CLONE_SYSVSEM); the room of the semaphores fills it.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/sched/mutex.h>

namespace drupe::process {

class SemaphoreUndo final : public RefCounted<SemaphoreUndo> {
public:
    /// Its end takes everything back: it runs in the last thread that shares it. May sleep.
    class Record {
    public:
        virtual ~Record() = default;
    };
    static void destroy(SemaphoreUndo* undo) { delete undo; }

    sched::Mutex mutex;
    OwnPtr<Record> record GUARDED_BY(mutex); // null: nothing yet
};

} // namespace drupe::process
