// SPDX-License-Identifier: BSD-2-Clause
// A file system in memory and somebody who uses it, made once in a process by the first thread that
// asks. Its memory outlives everything.
#pragma once

#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/file.h>

namespace weak {

class FileRoom {
public:
    /// Context: thread.
    static FileRoom& instance();

    drupe::vfs::TaskContext who;
    drupe::RefPtr<drupe::vfs::File> create(const char* path);
    bool exists(const char* path);
    void remove(const char* path);
    drupe::vfs::FileSystem& file_system() { return *file_system_; }

    /// One byte written; one read, 0 at the end.
    static std::size_t put(drupe::vfs::File& file, char byte);
    static char get(drupe::vfs::File& file);

private:
    FileRoom();
    drupe::RefPtr<drupe::vfs::FileSystem> file_system_;
    drupe::RefPtr<drupe::vfs::FdTable> files_;
    drupe::RefPtr<drupe::vfs::FsContext> fs_;
};

} // namespace weak
