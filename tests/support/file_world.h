// SPDX-License-Identifier: BSD-2-Clause
// A tree of files in memory for a test, and somebody who uses it. Memory and the file room's own
// state are shared by all tests of a program; each test has a file system of its own.
#pragma once

#include <support/test_memory.h>

#include <drupe/ramfs/ramfs.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/init.h>
#include <drupe/vfs/operations.h>

#include <string>

namespace drupe::testing {

class FileWorld {
public:
    FileWorld() : FileWorld(once()) {}
    FileWorld(const FileWorld&) = delete;
    ~FileWorld() { file_system_->detach(); }

    vfs::TaskContext who;
    RefPtr<vfs::Dentry> root() const { return root_; }
    RefPtr<vfs::FileSystem> file_system() const { return file_system_; }

    Result<RefPtr<vfs::File>> open(const std::string& path, std::uint32_t flags,
                                   std::uint32_t mode = 0644) {
        return vfs::open(who, nullptr, path.c_str(), {flags, mode, 0});
    }
    /// A file with this content; asserts that it worked.
    void write(const std::string& path, const std::string& text, std::uint32_t mode = 0644) {
        auto file = open(path, vfs::open_write_only | vfs::open_create | vfs::open_truncate, mode);
        REQUIRE(file.ok());
        auto buffer = vfs::IoBuffer::kernel(text.data(), text.size());
        REQUIRE(file.value()->write(buffer).value() == text.size());
    }
    std::string read(const std::string& path) {
        auto file = open(path, vfs::open_read_only);
        REQUIRE(file.ok());
        std::string text(1 << 16, '\0');
        auto buffer = vfs::IoBuffer::kernel(text.data(), text.size());
        text.resize(file.value()->read(buffer).value());
        return text;
    }

private:
    static bool once() {
        static TestMemory* memory = [] {
            auto* m = new TestMemory(64 * 256);
            REQUIRE(vfs::init().ok());
            ramfs::register_types();
            return m;
        }();
        return memory != nullptr;
    }
    explicit FileWorld(bool)
        : file_system_(ramfs::create({}).value()), root_(file_system_->root()),
          files_(vfs::FdTable::create().value()), fs_(vfs::FsContext::create(root_).value()) {
        who.files = files_.get();
        who.fs = fs_.get();
    }
    RefPtr<vfs::FileSystem> file_system_;
    RefPtr<vfs::Dentry> root_;
    RefPtr<vfs::FdTable> files_;
    RefPtr<vfs::FsContext> fs_;
};

} // namespace drupe::testing
