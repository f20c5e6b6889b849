// SPDX-License-Identifier: BSD-2-Clause
#include "file_call.h"

#include <drupe/process/signal_file.h>

namespace drupe::syscall {

using namespace vfs;

Result<Word> signalfd4(int fd, VirtAddr mask, Word size, int flags) {
    const auto wanted = static_cast<std::uint32_t>(flags);
    if (size != sizeof(Word)) return Errc::invalid;
    const process::SignalSet set(TRY(arch::get_user<Word>(mask)));
    if (wanted & ~(open_cloexec | open_nonblock)) return Errc::invalid;
    TaskContext& who = caller();
    if (fd != -1) {
        FileRef file = file_at(fd);
        if (!file || file->is_path_only()) return Errc::bad_descriptor;
        auto* signals = file_as<process::SignalFile>(*file);
        if (!signals) return Errc::invalid;
        signals->set_wanted(set);
        return static_cast<Word>(fd);
    }
    RefPtr<File> file = TRY(process::SignalFile::create(set, wanted & open_nonblock));
    return Word{TRY(
        who.files->install(std::move(file), (wanted & open_cloexec) != 0, who.max_descriptors))};
}

} // namespace drupe::syscall
