// SPDX-License-Identifier: BSD-2-Clause
#include "file_call.h"

#include <drupe/vfs/event_file.h>

namespace drupe::syscall {

using namespace vfs;

Result<Word> eventfd2(std::uint32_t initial, int flags) {
    constexpr std::uint32_t semaphore = 1;
    const auto wanted = static_cast<std::uint32_t>(flags);
    if (wanted & ~(semaphore | open_cloexec | open_nonblock)) return Errc::invalid;
    TaskContext& who = caller();
    RefPtr<File> file = TRY(create_event_file(
        initial, (wanted & semaphore) ? EventReads::one : EventReads::all, wanted & open_nonblock));
    return Word{TRY(
        who.files->install(std::move(file), (wanted & open_cloexec) != 0, who.max_descriptors))};
}

} // namespace drupe::syscall
