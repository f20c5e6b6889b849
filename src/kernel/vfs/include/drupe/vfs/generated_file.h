// SPDX-License-Identifier: BSD-2-Clause
// Small text files that rooms of the kernel offer under /proc and /sys: made when read.
#pragma once

#include <drupe/base/format.h>
#include <drupe/base/result.h>
#include <drupe/sched/mutex.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace drupe::vfs {

/// The record lives for ever. `path` is relative to the tree's root ("sys/kernel/osrelease");
/// directories on the way come into being with it.
struct GeneratedFile {
    const char* path;
    /// Writes the whole content. Context: thread, may sleep, no lock held.
    void (*write)(FormatSink& out);
    /// Takes what a program wrote in one call; null: the file is read-only.
    Result<void> (*store)(std::string_view text) = nullptr;
    /// Instead of write, for files that are alike.
    Result<void> (*write_of)(FormatSink& out, const void* subject) = nullptr;
    const void* subject = nullptr;
    /// The one registered next, or null.
    GeneratedFile* following() const { return next.load(std::memory_order_acquire); }
    std::atomic<GeneratedFile*> next{nullptr}; // register_file's
};

/// Files that are registered when somebody first looks into a directory: what they are about costs
/// nothing before. The record lives for ever.
struct LateFiles {
    /// `add_files` calls register_file(); context as GeneratedFile::write.
    LateFiles(const char* below, void (*add_files)()) : directory(below), add(add_files) {}
    const char* const directory; // "firmware/acpi/"
    void (*const add)();
    sched::Mutex mutex;
    bool is_done GUARDED_BY(mutex) = false;
    LateFiles* next = nullptr;
};

struct GeneratedTree {
    // Acquire, here and in following(), pairs with the release in register_file().
    GeneratedFile* begin() const { return first.load(std::memory_order_acquire); }
    std::atomic<GeneratedFile*> first{nullptr};
    LateFiles* late = nullptr;
};
/// /proc and /sys. What is registered is never taken away.
extern GeneratedTree proc_files;
extern GeneratedTree sys_files;
/// By one thread at a time: at boot, or in an `add`.
void register_file(GeneratedTree& tree, GeneratedFile& file);
/// At boot.
void register_late(GeneratedTree& tree, LateFiles& files);
/// What is below `directory` is wanted. Context: thread, no lock held.
void complete(GeneratedTree& tree, std::string_view directory);

} // namespace drupe::vfs
