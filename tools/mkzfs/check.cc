// SPDX-License-Identifier: BSD-2-Clause
#include "check.h"

#include "browse.h"
#include "check_blocks.h"
#include "codecs.h"
#include "failure.h"
#include "walk.h"

#include <set>

namespace drupe::mkzfs {

using zfs::ObjectType;

namespace {

class PoolChecker {
public:
    PoolChecker(zfs::Pool& pool, Findings& findings)
        : pool_(pool), findings_(findings), blocks_(pool, findings) {}

    void run() {
        if (pool_.facts().good_labels != zfs::label_count)
            findings_.error("{} of {} labels are good", pool_.facts().good_labels,
                            zfs::label_count);
        blocks_.check_objset(pool_.uberblock().rootbp, 0, "pool");
        guarded(
            [&] { check_dir(must(pool_.root_dir(), "root directory"), pool_.facts().name, 0); });
        for (const char* list : {"sync_bplist", "free_bpobj"}) {
            Result<std::uint64_t> object = pool_.directory_entry(list);
            if (object.ok()) guarded([&] { claim_bpobj(object.value(), list, 0); });
        }
        if (pool_.directory_entry("bptree_obj").ok())
            findings_.note("a dataset is being destroyed; its space is not compared");
        else
            guarded([&] { compare_space(); });
    }

private:
    void check_dir(std::uint64_t object, const std::string& name, int depth) {
        if (depth > 100) return findings_.error("{}: nested too deeply", name);
        if (!dirs_.insert(object).second) return findings_.error("{}: it is damaged", name);
        zfs::DslDirPhys dir = must(pool_.dir(object), name);
        if (dir.head_dataset_obj != 0) guarded([&] { check_chain(dir.head_dataset_obj, name); });
        std::uint64_t used = dir.used_breakdown[0] + dir.used_breakdown[1] + dir.used_breakdown[2] +
                             dir.used_breakdown[3] + dir.used_breakdown[4];
        if ((dir.flags & 1) != 0 && used != dir.used_bytes)
            findings_.error("{}: the parts of its space add up to {}, not {}", name, used,
                            dir.used_bytes);
        for (const auto& [child, child_object] :
             zap_entries(pool_.mos(), dir.child_dir_zapobj, name))
            guarded([&] { check_dir(child_object, name + "/" + child, depth + 1); });
    }

    // What cannot be gone through is one finding; the rest is still looked at.
    template <class Check>
    void guarded(Check check) {
        try {
            check();
        } catch (const Error& e) { findings_.error("{}", e.what()); }
    }

    // A head and its snapshots, back to the one it was cloned from.
    void check_chain(std::uint64_t head, const std::string& name) {
        std::uint64_t dir = must(pool_.dataset(head), name).dir_obj;
        for (std::uint64_t object = head; object != 0;) {
            zfs::DslDatasetPhys d = must(pool_.dataset(object), name);
            if (d.dir_obj != dir) break;
            if (!seen_.insert(object).second)
                return findings_.error("{}: its snapshots form a loop", name);
            std::string what = object == head ? name : fmt::format("{}@{}", name, object);
            blocks_.check_objset(d.bp, d.prev_snap_txg, what);
            ++findings_.result().datasets;
            // Where nothing changed since the snapshot, its files have been looked at once.
            bool same = last_root_ == d.bp.cksum;
            last_root_ = d.bp.cksum;
            if (!d.bp.is_hole() && !same) check_filesystem(d.bp, what);
            if (object != head && d.next_snap_obj == 0)
                findings_.error("{}: a snapshot without a successor", what);
            object = d.prev_snap_obj;
        }
    }

    void check_filesystem(const zfs::Blkptr& root, const std::string& what) {
        zfs::Refusal why;
        Result<zfs::Filesystem> fs = zfs::Filesystem::open(pool_.reader(), root, why);
        if (fs.ok()) return check_files(fs.value(), what, findings_);
        if (fs.error() == Errc::not_supported)
            return findings_.note(what + ": " + std::string(why.text()));
        if (root.fill == 0) return findings_.note(what + ": the file system was never made");
        findings_.error("{}: {}", what, words_for(fs.error()));
    }

    // Blocks that are free but for a transaction: no file has them, the space maps still do.
    void claim_bpobj(std::uint64_t object, const std::string& what, int depth) {
        if (depth > 20 || !bpobjs_.insert(object).second)
            return findings_.error("{}: its lists form a loop", what);
        zfs::Object list = must(pool_.mos().object(object), what);
        zfs::BpobjPhys header{}; // older ones are shorter
        std::memcpy(&header, list.bonus().data(), std::min(sizeof header, list.bonus().size()));
        constexpr std::size_t pointer = sizeof(zfs::Blkptr);
        for_each(list, header.num_blkptrs, pointer, what, [&](const std::byte* raw) {
            // Freed again after it was written down: the pointer says so in its place for sizes.
            blocks_.claim(zfs::load<zfs::Blkptr>(raw), what);
        });
        if (header.num_subobjs == 0) return;
        zfs::Object subs = must(pool_.mos().object(header.subobjs), what);
        for_each(subs, header.num_subobjs, 8, what, [&](const std::byte* raw) {
            claim_bpobj(zfs::load_le<std::uint64_t>(raw), what, depth + 1);
        });
    }

    template <class Use>
    static void for_each(zfs::Object& list, std::uint64_t count, std::size_t entry_size,
                         const std::string& what, Use use) {
        if (count > (1ull << 40)) fail("{}: it is damaged", what);
        read_list(list, count * entry_size, what, [&](zfs::Bytes b) {
            for (; b.size() >= entry_size; b = b.subspan(entry_size)) use(b.data());
        });
    }

    void compare_space() {
        RangeSet maps = read_space_maps(pool_, findings_);
        const auto &said = maps.ranges(), &found = blocks_.claimed().ranges();
        if (said == found) return;
        std::uint64_t leaked = 0, unaccounted = 0;
        RangeSet rest = maps;
        for (auto [begin, end] : found) subtract(rest, begin, end);
        leaked = rest.total();
        rest = blocks_.claimed();
        for (auto [begin, end] : said) subtract(rest, begin, end);
        unaccounted = rest.total();
        if (leaked != 0) findings_.error("{} bytes are allocated and used by nothing", leaked);
        if (unaccounted != 0) findings_.error("{} bytes are used and not allocated", unaccounted);
    }

    static void subtract(RangeSet& from, std::uint64_t begin, std::uint64_t end) {
        // Adding it first makes the removal whole.
        from.add(begin, end - begin);
        from.remove(begin, end - begin);
    }

    zfs::Pool& pool_;
    Findings& findings_;
    BlockChecker blocks_;
    std::set<std::uint64_t> seen_, dirs_, bpobjs_;
    zfs::CksumValue last_root_{};
};

} // namespace

CheckResult check_pool(zfs::BlockSource& image) {
    SystemCodecs codecs;
    zfs::BlockReader reader{image, codecs};
    zfs::Pool pool = open_pool(reader, "the pool");
    CheckResult result;
    Findings findings{result};
    PoolChecker{pool, findings}.run();
    return result;
}

int check_command(const std::string& image, bool json) {
    Input input{image};
    CheckResult r = check_pool(input);
    if (json) {
        fmt::print("{{\"image\": {}, \"errors\": [", json_string(image));
        for (std::size_t i = 0; i < r.errors.size(); ++i)
            fmt::print("{}{}", i == 0 ? "" : ", ", json_string(r.errors[i]));
        fmt::print("], \"error_count\": {}, \"blocks\": {}, \"bytes\": {}, \"datasets\": {}, "
                   "\"objects\": {}, \"files\": {}}}\n",
                   r.error_count, r.blocks, r.bytes, r.datasets, r.objects, r.files);
    } else {
        for (const std::string& e : r.errors) fmt::print("{}\n", printable(e));
        for (const std::string& n : r.notes) fmt::print("note: {}\n", n);
        fmt::print("{}: {} errors; {} datasets, {} objects, {} files, {} blocks of {} bytes\n",
                   image, r.error_count, r.datasets, r.objects, r.files, r.blocks, r.bytes);
    }
    return r.error_count == 0 ? 0 : 1;
}

} // namespace drupe::mkzfs
