// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/vfs/generated_file.h>

namespace drupe::vfs {

constinit GeneratedTree proc_files;
constinit GeneratedTree sys_files;

void register_file(GeneratedTree& tree, GeneratedFile& file) {
    std::atomic<GeneratedFile*>* end = &tree.first;
    while (GeneratedFile* at = end->load(std::memory_order_relaxed)) end = &at->next;
    end->store(&file, std::memory_order_release); // the record is complete: who walks acquires
}

void register_late(GeneratedTree& tree, LateFiles& files) {
    files.next = tree.late;
    tree.late = &files;
}

void complete(GeneratedTree& tree, std::string_view directory) {
    for (LateFiles* late = tree.late; late; late = late->next) {
        if (!directory.starts_with(late->directory)) continue;
        sched::MutexGuard guard(late->mutex);
        if (late->is_done) continue;
        late->add();
        late->is_done = true;
    }
}

} // namespace drupe::vfs
