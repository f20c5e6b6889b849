// SPDX-License-Identifier: BSD-2-Clause
// The owner of a file system that was made and is mounted nowhere: it detaches what it still holds.
#pragma once

#include <drupe/vfs/file_system.h>

namespace drupe::vfs {

template <class Fs>
class Unmounted {
public:
    explicit Unmounted(RefPtr<Fs> fs) : fs_(std::move(fs)) {}
    Unmounted(Unmounted&&) = default;
    ~Unmounted() {
        if (fs_) fs_->detach();
    }
    Fs* get() const { return fs_.get(); }
    Fs* leak() { return fs_.leak(); }

private:
    RefPtr<Fs> fs_;
};

} // namespace drupe::vfs
