// SPDX-License-Identifier: BSD-2-Clause
// What disks have done, as programs read it: /proc/diskstats and /proc/partitions in Linux's form,
// and the failures, for which Linux has no file, in /sys/kernel/drupe/disk_errors.
#include <drupe/block/disk.h>
#include <drupe/block/volume.h>
#include <drupe/vfs/generated_file.h>

namespace drupe::block {
namespace {

using Counters = Disk::Counters;

template <class Each>
void for_each_volume(Each each) {
    for (vfs::DeviceFile* at = vfs::first_device_file(); at; at = at->next)
        if (at->kind == vfs::mode_block) each(static_cast<Volume&>(*at));
}

std::uint64_t milliseconds(const std::atomic<std::uint64_t>& nanoseconds) {
    return nanoseconds.load(std::memory_order_relaxed) / 1'000'000;
}

// [linux] admin-guide/iostats. Requests are never merged; one that was submitted is under way.
void write_kind(FormatSink& out, const Counters& counters) {
    format_to(out, " {} 0 {} {}", counters.requests.load(std::memory_order_relaxed),
              counters.sectors.load(std::memory_order_relaxed), milliseconds(counters.time));
}

void write_diskstats(FormatSink& out) {
    for_each_volume([&](Volume& volume) {
        const Disk& disk = volume.disk();
        if (!volume.is_whole()) return; // what a partition has done is counted as its disk's
        format_to(out, "{:4} {:7} {}", volume.major, volume.minor, disk.name());
        std::uint64_t all = 0;
        for (const Operation kind : {Operation::read, Operation::write})
            write_kind(out, disk.counters(kind));
        for (const Operation kind : {Operation::read, Operation::write, Operation::discard,
                                     Operation::write_zeroes, Operation::flush})
            all += milliseconds(disk.counters(kind).time);
        format_to(out, " {} {} {}", disk.under_way(), disk.busy_time() / 1'000'000, all);
        write_kind(out, disk.counters(Operation::discard));
        const Counters& flushes = disk.counters(Operation::flush);
        format_to(out, " {} {}\n", flushes.requests.load(std::memory_order_relaxed),
                  milliseconds(flushes.time));
    });
}

void write_partitions(FormatSink& out) {
    out.put("major minor  #blocks  name\n\n");
    for_each_volume([&](Volume& volume) {
        format_to(out, "{:4}  {:7} {:10} {}\n", volume.major, volume.minor, volume.bytes() / 1024,
                  volume.name);
    });
}

void write_errors(FormatSink& out) {
    for_each_volume([&](Volume& volume) {
        const Disk& disk = volume.disk();
        if (!volume.is_whole()) return;
        out.put(disk.name());
        for (unsigned i = 0; i < operation_count; i++)
            format_to(
                out, " {} {}", operation_names[i],
                disk.counters(static_cast<Operation>(i)).errors.load(std::memory_order_relaxed));
        out.put("\n");
    });
}

} // namespace

void register_statistics() {
    static constinit vfs::GeneratedFile files[] = {
        {"diskstats", write_diskstats},
        {"partitions", write_partitions},
    };
    static constinit vfs::GeneratedFile errors{"kernel/drupe/disk_errors", write_errors};
    for (vfs::GeneratedFile& file : files) vfs::register_file(vfs::proc_files, file);
    vfs::register_file(vfs::sys_files, errors);
}

} // namespace drupe::block
