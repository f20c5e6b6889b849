// SPDX-License-Identifier: BSD-2-Clause
// A program file being looked at: opened, planned, with its memory object. Private to exec.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/elf/load_plan.h>
#include <drupe/exec/report.h>
#include <drupe/vfs/file.h>

#include <span>

namespace drupe::exec {

struct ProgramFile {
    RefPtr<vfs::File> file;
    RefPtr<mm::VmObject> pages;
    elf::LoadPlan plan;
    bool has_branch_targets = false;
};

/// What a file is to the one who asked: the subject of the sentence when it does not work out.
enum class Part : std::uint8_t { program, interpreter };

/// Reads at most bytes.size(); fewer at the end of the file.
Result<std::size_t> read_file(vfs::File& file, std::uint64_t offset, std::span<char> bytes);

/// Plans `file`. Errors with a sentence about `name`.
Result<OwnPtr<ProgramFile>> examine(RefPtr<vfs::File> file, const char* name, Part part,
                                    FailureReport& report);

} // namespace drupe::exec
