// SPDX-License-Identifier: BSD-2-Clause
// Root and working directory. A directory in use keeps its file system from being unmounted.
#include <drupe/vfs/context.h>
#include <drupe/vfs/file_system.h>

#include <new>

namespace drupe::vfs {

FsContext::FsContext(RefPtr<Dentry> root, RefPtr<Dentry> cwd, std::uint32_t umask)
    : root_(std::move(root)), cwd_(std::move(cwd)), umask_(umask) {
    root_->fs().add_user();
    cwd_->fs().add_user();
}

FsContext::~FsContext() {
    root_->fs().remove_user();
    cwd_->fs().remove_user();
}

Result<RefPtr<FsContext>> FsContext::create(RefPtr<Dentry> root) {
    auto* fresh = new (std::nothrow) FsContext(root, root, 022);
    if (!fresh) return Errc::no_memory;
    return RefPtr<FsContext>::adopt(fresh);
}

Result<RefPtr<FsContext>> FsContext::clone() {
    auto* fresh = new (std::nothrow) FsContext(root(), cwd(), umask());
    if (!fresh) return Errc::no_memory;
    return RefPtr<FsContext>::adopt(fresh);
}

void FsContext::write(RefPtr<Dentry>& to, RefPtr<Dentry> value) {
    value->fs().add_user();
    {
        SpinGuard guard(lock_);
        std::swap(to, value);
    }
    value->fs().remove_user(); // the directory left behind; its reference goes with `value`
}

} // namespace drupe::vfs
