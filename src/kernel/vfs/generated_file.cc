// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/vfs/generated_file.h>

namespace drupe::vfs {

constinit GeneratedTree proc_files;
constinit GeneratedTree sys_files;

void register_file(GeneratedTree& tree, GeneratedFile& file) {
    GeneratedFile** end = &tree.first;
    while (*end) end = &(*end)->next;
    *end = &file;
}

} // namespace drupe::vfs
