// SPDX-License-Identifier: BSD-2-Clause
// unshare(2): a thread stops sharing descriptors, or root and working directory, with others.
#include <drupe/process/lifecycle.h>
#include <drupe/process/unshare.h>

namespace drupe::process {
namespace {

constexpr std::uint64_t namespaces = 0x7e02'0080; // CLONE_NEW*
/// What only a lone thread does not share already.
constexpr std::uint64_t for_lone_thread = clone_thread | clone_sighand | clone_vm;
constexpr std::uint64_t known =
    namespaces | for_lone_thread | clone_files | clone_fs | clone_sysvsem;

} // namespace

Result<void> unshare(std::uint64_t flags) {
    UserThread& self = current_user();
    if ((flags & ~known) != 0) return Errc::invalid;
    if ((flags & namespaces) != 0) return Errc::not_permitted; // there is one of each
    if ((flags & for_lone_thread) != 0 && self.process->thread_count > 1) return Errc::invalid;
    if ((flags & clone_sysvsem) != 0) self.semaphore_undo = nullptr;
    RefPtr<vfs::FdTable> files = self.files;
    RefPtr<vfs::FsContext> fs = self.fs;
    // This thread and the local variable hold one reference each.
    if ((flags & clone_files) != 0 && files->use_count() > 2) files = TRY(files->clone());
    if ((flags & clone_fs) != 0 && fs->use_count() > 2) fs = TRY(fs->clone());
    IrqGuard guard{tasks_lock()};
    std::swap(self.files, files);
    std::swap(self.fs, fs);
    self.context.files = self.files.get();
    self.context.fs = self.fs.get();
    return {};
}

} // namespace drupe::process
